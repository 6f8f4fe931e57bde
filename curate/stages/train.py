"""Train: scan a folder, then let SwAV learn features and prototypes from its cached pixels."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.amounts import count_of
from curate.argument_types import check_arguments
from curate.choices import Precision, Recipe, Start, check_device
from curate.engine.opening import EngineConfig, open_engine
from curate.errors import InputError, UsageError
from curate.field_types import take_types
from curate.machine import count_cores
from curate.pages.notebook import ShownInNotebooks
from curate.progress import Progress, Silent
from curate.sources import Address, name_source
from curate.workspace.models import read_metrics, require_device
from curate.workspace.scan import ScanConfig, scan
from curate.workspace.training import SwavRun
from curate.workspace.training_start import advise_start, choose_start, find_orientation
from curate.workspace.workspace import Workspace, find_workspace

if TYPE_CHECKING:
    import swav_train.config as swav_config

Result = TypeVar("Result")

FEWEST_IMAGES = 8
_ENLARGED = (
    "the paper's smallest full crops are cut from 96 px and enlarged to 224: the pixel cache holds "
    "256 px; `python -m swav_train IMAGES --set cache_size=512` reads larger images"
)
WHEEL_BACKBONE = "efficientnet_lite0"
_LONGEST_NAME = 200
"""File systems take 255, and a training adds some while it runs."""
_NAME_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainConfig:
    """What the stage needs to know; None lets data and machine decide.

    Attributes:
        recipe: ``paper`` for the settings of the SwAV paper; None derives them. What else is given
            goes before both.
        backbone: Any timm name.
        prototypes: How many, >= 2.
        epochs: Passes over the images, >= 1.
        budget_seconds: Time for the whole run, scan included, > 0; an alternative to ``epochs``.
            With neither, and no recipe, 8 minutes, less for under 2,000 images.
        batch_size: Images of a step, >= 2.
        image_size: Side of the images that the encoder takes, px.
        crops: Such as ``2x96+4x48``: full-resolution crops first.
        queue: Past embeddings that help to balance the codes; 0 for none.
        precision: ``auto``, ``float32`` or ``bfloat16``.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        init: Weights of the backbone to start from, a safetensors file.
        start: From random weights (``scratch``), from published ones of the backbone
            (``pretrained``; without a backbone named, ``efficientnet_lite0``, whose weights the
            extra ``pretrained`` brings along), or from published ones where they are installed and
            tell these images apart better than an untrained network does (``auto``). None is
            ``scratch``.
        pretrained: The same as ``start="pretrained"``.
        vertical_flip: Whether upside down images count like upright ones, as where they have no up:
            half of the crops are turned, and embeddings are of both ways round. None asks the
            images where published weights are installed, and is else False.
        name: Name of the model in the workspace.
        resume: Go on where an interrupted training of the same settings stopped.
        seed: Of everything random.
    """

    recipe: Recipe | str | None = None
    backbone: str | None = None
    prototypes: int | None = None
    epochs: int | None = None
    budget_seconds: float | None = None
    batch_size: int | None = None
    image_size: int | None = None
    crops: str | None = None
    queue: int | None = None
    precision: Precision | str = Precision.AUTO
    device: str = "auto"
    init: Path | None = None
    start: Start | str | None = None
    pretrained: bool = False
    vertical_flip: bool | None = None
    name: str = "default"
    resume: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        """Take the choices by their names and check what swav_train does not.

        Raises:
            UsageError: There is no such choice, or an option is out of range.
        """
        take_types(self)
        check_device(self.device)
        if self.pretrained and self.start not in (None, Start.PRETRAINED):
            raise UsageError(
                f"--pretrained is --start pretrained, not {self.start}", hint="give one of them"
            )
        if self.start is None:
            start = Start.PRETRAINED if self.pretrained else Start.SCRATCH
            object.__setattr__(self, "start", start)
        if self.init is not None and self.start != Start.SCRATCH:
            given = "--pretrained" if self.pretrained else f"--start {self.start}"
            raise UsageError(f"--init and {given} exclude each other", hint="give one of them")
        if self.epochs is not None and self.budget_seconds is not None:
            raise UsageError("--epochs and --budget exclude each other", hint="give one of them")
        if not self.name or self.name.startswith(".") or set(self.name) - _NAME_CHARACTERS:
            raise UsageError(
                f"{self.name!r} cannot name a model",
                hint="use letters, digits, '-', '_' and '.', not at the start",
            )
        if len(self.name) > _LONGEST_NAME:
            raise UsageError(
                f"the name of the model has {len(self.name)} characters",
                hint=f"use at most {_LONGEST_NAME}",
            )

    def overrides(self) -> dict[str, object]:
        """Return the settings that were given, by swav_train's names.

        Raises:
            ValueError: There is no such recipe.
        """
        from swav_train.presets import find_preset

        is_published = self.start == Start.PRETRAINED
        given = {
            "backbone": self.backbone or (WHEEL_BACKBONE if is_published else None),
            "pretrained": is_published or None,
            "n_prototypes": self.prototypes,
            "epochs": self.epochs,
            "batch_size": self.batch_size,
            "image_size": self.image_size,
            "crops": self.crops,
            "queue_size": self.queue,
            "vertical_flip": self.vertical_flip,
            "precision": str(self.precision),
            "seed": self.seed,
        }
        published = find_preset(str(self.recipe)) if self.recipe is not None else {}
        return published | {name: value for name, value in given.items() if value is not None}


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainResult(ShownInNotebooks):
    """What the stage did.

    Attributes:
        model: Folder of the model.
        name: Its name.
        source: Folder of the images.
        n_images: Different images that it learned from.
        n_unreadable: Files that could not be used.
        scan_images_per_second: Rate of the scan; 0 if nothing was new.
        settings: Every setting of the training.
        started_from: What the features started from.
        start_reason: Why from that, where it was chosen; None where it was given.
        orientation: Whether the images have an up, and how that shows; None where not asked.
        epochs: Passes done.
        loss: Of the last epoch.
        loss_ratio: Loss over log K; 1 means nothing was learned.
        usage_entropy: Entropy of the prototypes' usage over log K; 1 means all used alike.
        view_agreement: How often the nearest neighbour of one view of an image is the other view of
            it, among the images held out of training; of a small folder, among those trained on.
        n_held_out: How many were held out: a twentieth of 400 images or more, at most 256; else 0.
        images_per_second: Rate of training.
        seconds: Time of training, with all that it took: a first attempt that was mended, sittings
            before an interruption, making the model ready after the last epoch.
        warning: What to do if little was learned; None if all is well.
        advice: What would give better features, where trials showed something would; else None.
        mended: What went wrong first and with what settings it began again; None if nothing did.
        unreadable: How many files cannot be used, by reason.
        passed_over: How many files were not looked at, by ending or by what they are.
        problems: Folders and links that could not be looked at, a sentence each.
        kept: Whether the trained or the published features were kept, and by what figures; None
            where it started from none.
        was_trained: False where the same training had been finished before.
        loss_ratios: Loss over log K of each epoch; None where the record of them was damaged.
        usage_entropies: Usage of the prototypes of each epoch; None likewise.
    """

    model: str
    name: str
    source: str
    n_images: int
    n_unreadable: int
    scan_images_per_second: float
    settings: dict[str, Any]
    started_from: str
    start_reason: str | None
    orientation: str | None
    epochs: int
    loss: float
    loss_ratio: float
    usage_entropy: float
    view_agreement: float
    n_held_out: int
    images_per_second: float
    seconds: float
    warning: str | None
    advice: str | None
    mended: str | None
    kept: str | None
    was_trained: bool
    unreadable: dict[str, int]
    passed_over: dict[str, int]
    problems: list[str]
    loss_ratios: list[float] | None
    usage_entropies: list[float] | None


@check_arguments
def train(
    images: Address,
    config: TrainConfig | None = None,
    *,
    scan_config: ScanConfig | None = None,
    engine: EngineConfig | None = None,
    workspace: Path | str | None = None,
    progress: Progress | None = None,
) -> TrainResult:
    """Scan a folder and learn features and prototypes from it.

    Args:
        images: The source, such as a folder, or several.
        config: The stage's settings.
        scan_config: What a scan passes over, and how large a picture may be.
        engine: Where the costly work is done; None for this process.
        workspace: Its folder; None takes ``CURATE_WORKSPACE`` or ``.curate``.
        progress: Hears how it gets on.

    Raises:
        InputError: The folder or the weights to start from cannot be used.
        UsageError: A setting is out of range.
        ResourceError: The device is not there, the lock is held or the disk is full.
        TrainingError: Training diverged or collapsed.
    """
    from swav_train.run.view_agreement import count_held_out

    config = config or TrainConfig()
    progress = progress or Silent()
    space = find_workspace(workspace, progress)
    began = time.monotonic()
    with space.writing(progress):
        _check_early(config)
        with open_engine(engine, space.root, progress) as shards:
            found = scan(images, space, progress, config=scan_config, engine=shards)
        table = _distinct(found.readable())
        if len(table) < FEWEST_IMAGES:
            raise InputError(
                f"{name_source(found.source)} has {count_of(len(table), 'different image')}, "
                f"training needs {FEWEST_IMAGES} or more",
                hint="`curate dedup IMAGES` works without a model",
            )
        config, start_reason = _choose_start(config, table, space, progress)
        config, orientation = _find_orientation(config, table, space, progress)
        if config.recipe == Recipe.PAPER:
            progress.note(_ENLARGED)
        run = SwavRun(
            workspace=space,
            settings=_settings(config, table),
            fit_settings=lambda: _settings(config, table, images_per_second=_measure_speed(config)),
            table=table,
            name=config.name,
            init=Path(config.init) if config.init is not None else None,
            budget_seconds=_budget_seconds(config, len(table)),
            resumes=config.resume,
        )
        result = run.finished(progress) or run.train(progress, began=began)
    history = read_metrics(space.model(config.name))
    if history is None:
        progress.note("the measures of its epochs are lost; only those of the last one are known")
    return TrainResult(
        model=str(space.model(config.name)),
        name=config.name,
        source=str(found.source),
        n_images=len(table),
        n_unreadable=found.n_unreadable,
        unreadable=found.unreadable,
        passed_over=dict(found.passed_over),
        problems=list(found.problems),
        n_held_out=count_held_out(len(table)),
        start_reason=start_reason,
        orientation=orientation,
        advice=advise_start(len(table), started_from=result["started_from"]),
        scan_images_per_second=found.images_per_second,
        loss_ratios=_column(history, "loss_ratio"),
        usage_entropies=_column(history, "usage_entropy"),
        **result,
    )


def _column(history: list[dict[str, Any]] | None, name: str) -> list[float] | None:
    return [line[name] for line in history] if history is not None else None


def _choose_start(
    config: TrainConfig, table: pa.Table, space: Workspace, progress: Progress
) -> tuple[TrainConfig, str | None]:
    """Return the settings with a start, and why that one where the images were asked."""
    if config.start != Start.AUTO:
        return config, None
    random = replace(config, start=Start.SCRATCH)
    published = replace(config, start=Start.PRETRAINED)
    chosen = choose_start(
        space,
        table,
        random=_settings(random, table),
        published=_settings(published, table),
        progress=progress,
    )
    progress.note(f"start: {chosen.reason}")
    return published if chosen.is_published else random, chosen.reason


def _find_orientation(
    config: TrainConfig, table: pa.Table, space: Workspace, progress: Progress
) -> tuple[TrainConfig, str | None]:
    """Return the settings with what counts alike, and why where the images were asked."""
    if config.vertical_flip is not None or config.recipe is not None or config.init is not None:
        return config, None
    published = replace(config, start=Start.PRETRAINED, backbone=None)
    found = find_orientation(space, table, settings=_settings(published, table), progress=progress)
    if found is None:
        return config, None
    reason = found.describe()
    progress.note(f"orientation: {reason}")
    return replace(config, vertical_flip=not found.has_up), reason


def _check_early(config: TrainConfig) -> None:
    """Find mistakes before an hour of scanning.

    Raises:
        InputError: The weights to start from are none.
    """
    require_device(config.device)
    if config.init is not None:
        _check_weights(Path(config.init))
    if config.backbone is not None:
        from swav_train.networks.backbone import find_timm_spec

        backbone = config.backbone
        _as_usage(
            lambda: find_timm_spec(backbone),
            hint="name a network of timm, such as resnet18, or leave --backbone out",
        )
    _derive(config, n_images=1000, side_px=256)


def _check_weights(path: Path) -> None:
    """Check that a file holds weights, before the scan.

    Raises:
        InputError: It does not.
    """
    from swav_train.errors import WeightsUnusable
    from swav_train.networks.pretrained import read_backbone_weights

    try:
        read_backbone_weights(path)
    except WeightsUnusable as error:
        raise InputError(str(error), hint="name a .safetensors file of weights") from None


def _derive(
    config: TrainConfig, *, n_images: int, side_px: int, images_per_second: float | None = None
) -> "swav_config.TrainConfig":
    import torch

    from swav_train import derive_config

    device = config.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    return _as_usage(
        lambda: derive_config(
            n_images=n_images,
            side_px=side_px,
            device=device,
            n_cores=count_cores(),
            budget_seconds=config.budget_seconds,
            overrides=config.overrides(),
            images_per_second=images_per_second,
        )
    )


def _measure_speed(config: TrainConfig) -> float | None:
    """Return the images a second of this machine; None where settings do not follow from it."""
    if config.epochs is not None or config.recipe is not None:
        return None
    from swav_train.run.machine_speed import measure_images_per_second

    return _as_usage(lambda: measure_images_per_second(config.device))


def _as_usage(
    call: Callable[[], Result], *, hint: str = "see `curate train --help` for the ranges"
) -> Result:
    """Return what ``call()`` returns; a ValueError of swav_train is the user's mistake.

    Args:
        call: Asks swav_train.
        hint: The way out.

    Raises:
        UsageError: ``call`` raised one.
    """
    try:
        return call()
    except ValueError as error:
        raise UsageError(str(error), hint=hint) from None


def _distinct(table: pa.Table) -> pa.Table:
    """Return one row for each different content, sorted by hash: names do not sway training."""
    table = table.sort_by("hash")
    hashes = table["hash"].to_numpy()
    return table.filter(pa.array(np.concatenate([[True], hashes[1:] != hashes[:-1]])))


def _settings(
    config: TrainConfig, table: pa.Table, *, images_per_second: float | None = None
) -> "swav_config.TrainConfig":
    short = pc.min_element_wise(table["width"], table["height"])
    side_px = min(256, round(pc.quantile(short, 0.5)[0].as_py()))
    return _derive(
        config, n_images=len(table), side_px=side_px, images_per_second=images_per_second
    )


def _budget_seconds(config: TrainConfig, n_images: int) -> float | None:
    """Return the time a training may take, or None where its epochs are given.

    A guess of the epochs that fit would be far off on a busy machine; the clock is not.
    """
    from swav_train.defaults import default_budget_seconds

    if config.budget_seconds is not None:
        return config.budget_seconds
    if config.epochs is not None or config.recipe is not None:
        return None
    return default_budget_seconds(n_images)
