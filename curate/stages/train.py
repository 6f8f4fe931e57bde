"""Train: scan a folder, then let SwAV learn features and prototypes from its cached pixels."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from curate.amounts import count_of
from curate.argument_types import check_arguments
from curate.choices import Recipe
from curate.engine.opening import EngineConfig, open_engine
from curate.errors import InputError
from curate.pages.notebook import ShownInNotebooks
from curate.progress import Progress, Silent
from curate.sources import Address, name_source
from curate.workspace.models import read_metrics
from curate.workspace.scan import ScanConfig, scan
from curate.workspace.training import SwavRun
from curate.workspace.training_settings import (
    TrainConfig,
    check_early,
    derive_settings,
    find_budget,
    fit_settings,
)
from curate.workspace.training_start import (
    advise_start,
    choose_start,
    find_exposure,
    find_orientation,
)
from curate.workspace.workspace import find_workspace

FEWEST_IMAGES = 8
_ENLARGED = (
    "the paper's smallest full crops are cut from 96 px and enlarged to 224: the pixel cache holds "
    "256 px; `python -m swav_train IMAGES --set cache_size=512` reads larger images"
)


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
        exposure: Whether the images differ in exposure, and how much; None where not asked.
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
    exposure: str | None
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
        check_early(config)
        with open_engine(engine, space.root, progress) as shards:
            found = scan(images, space, progress, config=scan_config, engine=shards)
        table = _distinct(found.readable())
        if len(table) < FEWEST_IMAGES:
            raise InputError(
                f"{name_source(found.source)} has {count_of(len(table), 'different image')}, "
                f"training needs {FEWEST_IMAGES} or more",
                hint="`curate dedup IMAGES` works without a model",
            )
        config, exposure = find_exposure(config, table, space, progress)
        config, start_reason = choose_start(config, table, space, progress)
        config, orientation = find_orientation(config, table, space, progress)
        if config.recipe == Recipe.PAPER:
            progress.note(_ENLARGED)
        run = SwavRun(
            workspace=space,
            settings=derive_settings(config, table),
            fit_settings=lambda: fit_settings(config, table),
            table=table,
            name=config.name,
            init=Path(config.init) if config.init is not None else None,
            budget_seconds=find_budget(config, len(table)),
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
        exposure=exposure,
        advice=advise_start(len(table), started_from=result["started_from"]),
        scan_images_per_second=found.images_per_second,
        loss_ratios=_column(history, "loss_ratio"),
        usage_entropies=_column(history, "usage_entropy"),
        **result,
    )


def _column(history: list[dict[str, Any]] | None, name: str) -> list[float] | None:
    return [line[name] for line in history] if history is not None else None


def _distinct(table: pa.Table) -> pa.Table:
    """Return one row for each different content, sorted by hash: names do not sway training."""
    table = table.sort_by("hash")
    hashes = table["hash"].to_numpy()
    return table.filter(pa.array(np.concatenate([[True], hashes[1:] != hashes[:-1]])))
