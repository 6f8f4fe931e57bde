"""A second attempt after a run has failed: with what settings, remembered in a file."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from swav_train.config import CropSpec, Precision, TrainConfig
from swav_train.defaults import derive_config
from swav_train.errors import DamagedFile
from swav_train.files import read_json, write_json
from swav_train.run.identity import is_same_training

FILE = "mended.json"
_KEPT_SETTINGS = (
    "backbone",
    "pretrained",
    "stem",
    "image_size",
    "cache_size",
    "batch_size",
    "half_size_share",
    "backbone_freeze",
    "freeze_batch_norm",
    "epochs",
    "projection_hidden",
    "projection_dim",
    "embedding_dim",
    "embedding_stages",
    "whitening_power",
    "flip",
    "vertical_flip",
    "standardise",
    "average_decay",
    "precision",
    "device",
    "seed",
)
"""Settings that do not decide whether SwAV starts at all."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RetryParams:
    """How much gentler a second attempt is; chosen on runs that failed, not measured anew.

    Attributes:
        min_area: Smallest share of an image that its crops show.
        rate_divisor: The learning rate is divided by it where nothing else can be changed.
    """

    min_area: float = 0.2
    rate_divisor: float = 3


RETRY = RetryParams()


@dataclass(frozen=True, kw_only=True, slots=True)
class Retry:
    """A second attempt.

    Attributes:
        config: Its settings.
        reason: What went wrong and what was changed, one sentence.
        seconds: Time that the first attempt took.
    """

    config: TrainConfig
    reason: str
    seconds: float


def fallback_config(
    config: TrainConfig, *, n_images: int, is_finite: bool, params: RetryParams = RETRY
) -> TrainConfig:
    """Return settings that are likelier to learn something than those that failed.

    Whatever was set by hand and decides whether SwAV starts at all (prototypes, codes, crops,
    colours, optimiser) takes the value that the images call for. Where it had that already, the
    learning rate falls to a third.

    Args:
        config: Failed.
        n_images: Images to learn from, >= 2.
        is_finite: False if the loss was not a number: then the network computes in float32, too.
        params: How much gentler.
    """
    kept = {name: getattr(config, name) for name in _KEPT_SETTINGS}
    crop = config.crops[0]
    large_crops = CropSpec(
        count=2, size=crop.size, min_area=max(crop.min_area, params.min_area), max_area=1.0
    )
    changed = derive_config(
        n_images=n_images,
        side_px=config.cache_size,
        device=config.device,
        n_cores=1,
        budget_seconds=None,
        overrides=kept | {"crops": (large_crops,)},
    )
    if changed == config:
        changed = replace(config, learning_rate=config.learning_rate / params.rate_divisor)
    return changed if is_finite else replace(changed, precision=Precision.FLOAT32)


def describe_changes(before: TrainConfig, after: TrainConfig) -> str:
    """Return the settings that differ, as ``n_prototypes 3000 -> 134, ...``.

    Args:
        before: Settings of the first attempt.
        after: Settings of the second.
    """
    old, new = before.to_dict(), after.to_dict()
    return ", ".join(
        f"{n} {_format_value(old[n])} -> {_format_value(new[n])}" for n in old if old[n] != new[n]
    )


def _format_value(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def write_retry(out: Path, retry: Retry, *, identity: dict[str, Any]) -> None:
    """Remember a second attempt, for a run that is killed in it.

    Args:
        out: The folder of the model.
        retry: The attempt.
        identity: What the training is of, JSON values.
    """
    write_json(
        out / FILE,
        {
            "asked": identity,
            "config": retry.config.to_dict(),
            "reason": retry.reason,
            "seconds": retry.seconds,
        },
    )


def read_retry(out: Path, *, identity: dict[str, Any]) -> Retry | None:
    """Return the second attempt of the same training that is under way, if there is one.

    Args:
        out: The folder of the model.
        identity: What the training is of, JSON values.

    Raises:
        DamagedFile: The file is not what was written.
    """
    path = out / FILE
    if not path.exists():
        return None
    values = read_json(path)
    if not is_same_training(values["asked"], identity):
        return None
    return Retry(
        config=TrainConfig.from_dict(values["config"]),
        reason=values["reason"],
        seconds=values["seconds"],
    )


def find_retry_damage(out: Path) -> DamagedFile | None:
    """Return what is wrong with what is remembered of a second attempt; None if nothing is.

    Args:
        out: The folder of the model.
    """
    path = out / FILE
    if not path.exists():
        return None
    try:
        read_json(path)
    except DamagedFile as error:
        return error
    return None


def remove_retry(out: Path) -> None:
    """Forget the second attempt."""
    (out / FILE).unlink(missing_ok=True)
