"""What is known of a training before and after it, and its form in the model's JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from swav_train.config import TrainConfig
from swav_train.errors import DamagedFile
from swav_train.networks.backbone import find_timm_spec
from swav_train.networks.encoder import check_weights, read_facts
from swav_train.run.identity import is_same_training
from swav_train.run.metrics import EpochMetrics


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainStart:
    """What is known when the first step is about to be made.

    Attributes:
        config: The settings in use.
        n_images: Images to learn from.
        n_parameters: Parameters that will move.
        device: ``cpu`` or ``cuda``.
        started_from: What the features are before the first step.
        resumed_epochs: Epochs that an earlier run did; 0 for a fresh run.
    """

    config: TrainConfig
    n_images: int
    n_parameters: int
    device: str
    started_from: str
    resumed_epochs: int


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainResult:
    """What a training left behind.

    Attributes:
        folder: Holds the model, for :func:`swav_train.networks.encoder.load_encoder`.
        config: The settings used, with the epochs that were made.
        n_images: Images learned from.
        epochs: Epochs made, the last one perhaps in part when a time budget ended it.
        steps: Steps made.
        seconds: Time spent, earlier runs of the same training included.
        started_from: What the features were before the first step.
        metrics: Of the last epoch.
        usage_entropy: Entropy of the prototypes nearest to whole training images over log K.
        warning: What is wrong with the run and what to try, one sentence; None if nothing is.
        was_finished: True if the folder held this model already.
        mended: What went wrong first and what was changed then, one sentence; None if nothing.
        kept: Whether the trained or the published features were kept and by what figures, one
            clause; None where nothing was published.
    """

    folder: Path
    config: TrainConfig
    n_images: int
    epochs: int
    steps: int
    seconds: float
    started_from: str
    metrics: EpochMetrics
    usage_entropy: float
    warning: str | None
    was_finished: bool
    mended: str | None = None
    kept: str | None = None


def describe_result(result: TrainResult, identity: dict[str, Any]) -> dict[str, Any]:
    """Return what the model's JSON says of a training.

    Args:
        result: Of the training.
        identity: What the training is of, JSON values.
    """
    spec = find_timm_spec(result.config.backbone)
    try:
        version = metadata.version("curate-images")
    except metadata.PackageNotFoundError:
        version = "unknown"
    return {
        "version": version,
        "asked": identity,
        "config": result.config.to_dict(),
        "timm": {"name": spec.name, "options": spec.options},
        "n_images": result.n_images,
        "started_from": result.started_from,
        "epochs": result.epochs,
        "steps": result.steps,
        "seconds": round(result.seconds, 2),
        "usage_entropy": result.usage_entropy,
        "warning": result.warning,
        "mended": result.mended,
        "kept": result.kept,
        "metrics": asdict(result.metrics),
    }


def read_finished(out: Path, identity: dict[str, Any]) -> TrainResult | None:
    """Return the result of the same training, if ``out`` holds its whole model already.

    Args:
        out: The folder of the model.
        identity: What the training is of, JSON values.
    """
    try:
        facts = read_facts(out)
        if facts is None or not is_same_training(facts.get("asked"), identity):
            return None
        check_weights(out, facts)
    except DamagedFile:
        return None
    return TrainResult(
        folder=out,
        config=TrainConfig.from_dict(facts["config"]),
        n_images=facts["n_images"],
        epochs=facts["epochs"],
        steps=facts["steps"],
        seconds=facts["seconds"],
        started_from=facts["started_from"],
        metrics=EpochMetrics(**facts["metrics"]),
        usage_entropy=facts["usage_entropy"],
        warning=facts["warning"],
        was_finished=True,
        mended=facts.get("mended"),
        kept=facts.get("kept"),
    )
