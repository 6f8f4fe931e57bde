"""The entrance: a training with at most two attempts, from pixels to a folder with an encoder."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from swav_train.config import TrainConfig, check_budget
from swav_train.data.pixel_source import Images, PixelSource
from swav_train.device import resolve_device
from swav_train.distributed import barrier, broadcast_value, process_group, rank
from swav_train.errors import DamagedFile, TrainingDiverged
from swav_train.files import check_model_folder, lock_folder
from swav_train.networks.encoder import FACTS, WEIGHTS
from swav_train.run.attempt import (
    STANDARD_PARTS,
    Attempt,
    Job,
    RunParts,
    close_attempt,
    new_attempt,
    open_attempt,
)
from swav_train.run.checkpoint import FOLDER as CHECKPOINT_FOLDER
from swav_train.run.checkpoint import (
    count_other_epochs,
    find_checkpoint_damage,
    remove_checkpoint,
)
from swav_train.run.clock import subtract_spent
from swav_train.run.identity import identify
from swav_train.run.loop import OnEpoch, run_loop
from swav_train.run.metrics import METRICS_FILE
from swav_train.run.result import TrainResult, TrainStart, read_finished
from swav_train.run.retry import FILE as RETRY_FILE
from swav_train.run.retry import (
    Retry,
    describe_changes,
    fallback_config,
    find_retry_damage,
    read_retry,
    remove_retry,
    write_retry,
)
from swav_train.run.thread_choice import keeping_threads

_MODEL_FILES = (FACTS, WEIGHTS, METRICS_FILE, CHECKPOINT_FOLDER, RETRY_FILE)
"""What the folder of a model holds."""

OnStart = Callable[[TrainStart], None]
OnRetry = Callable[[str], None]


def train(  # noqa: PLR0913 - the one entrance: data, settings, place, and who listens
    data: Images,
    config: TrainConfig,
    out: Path,
    *,
    budget_seconds: float | None = None,
    spent_seconds: float = 0.0,
    aspects: NDArray[np.floating[Any]] | None = None,
    on_start: OnStart | None = None,
    on_epoch: OnEpoch | None = None,
    on_retry: OnRetry | None = None,
    init: Path | None = None,
    images_digest: str | None = None,
    beside: Collection[str] = (),
    parts: RunParts = STANDARD_PARTS,
) -> TrainResult:
    """Learn an encoder and prototypes from images, and write them to a folder.

    A run that was killed goes on from its last checkpoint when it is called again with the same
    settings, images and weights to start from; with others, what it left is told and dropped before
    the first step. A run whose loss is not a number, whose images get one code or that
    predicts nothing begins once more with gentler settings
    (:func:`swav_train.run.retry.fallback_config`) and the time that is left. With epochs given (no
    budget), on a CPU, the outcome is the same to the bit. A finished run is not repeated. Under
    ``torchrun`` all processes share the work.

    Args:
        data: (N, 3, S, S) uint8 array, S = ``config.cache_size``, or any sequence of (3, H, W)
            uint8 images.
        config: All settings.
        out: Folder for the model; made if it is absent.
        budget_seconds: Time for the whole training, > 0; it replaces ``config.epochs``.
        spent_seconds: Part of the budget that was spent before, on reading the images, say;
            training gets half of the budget in any case.
        aspects: (N,) width / height of the originals of squashed images; None: as they are.
        on_start: Called once before the first step, in the first process.
        on_epoch: Called after each epoch, in the first process.
        on_retry: Told why a failed or damaged run begins again and with what, and that another
            interrupted one is dropped, in the first process.
        init: Safetensors file to start the backbone from, of this package or of timm.
        images_digest: What the images are known by, where the caller knows it: equal ones are taken
            for equal images. None reads all of them once to find out.
        beside: Names of files that the caller keeps in ``out``. Anything else there that is no part
            of a model is left alone, and no model is written.
        parts: What is called for the work, for tests and comparisons.

    Returns:
        What was made.

    Raises:
        ValueError: An argument does not fit.
        FolderInUse: Another process trains in the folder.
        WeightsUnusable: What ``init`` names is none, or not of this backbone.
        WeightsUnavailable: Pretrained weights cannot be had.
        TrainingDiverged: The loss is not a number, all images got one code, or a long run has
            learned nothing.
        KeyboardInterrupt: The run was interrupted; its state is saved.
    """
    check_budget(budget_seconds)
    check_place(out, beside=beside)
    source = PixelSource(data, size=config.cache_size, aspects=aspects)
    images = source.digest() if images_digest is None else images_digest
    job = Job(
        config=config,
        source=source,
        out=out,
        identity=identify(config, budget_seconds=budget_seconds, images=images, init=init),
        budget_seconds=subtract_spent(budget_seconds, spent_seconds),
        parts=parts,
    )
    finished = read_finished(out, job.identity)
    if finished is not None:
        return finished
    device = resolve_device(config.device)
    is_writer = os.environ.get("RANK", "0") == "0"  # known before the processes meet
    with lock_folder(out) if is_writer else nullcontext(), _meet(device), keeping_threads():
        return _run_attempts(
            job, init=init, on_start=on_start, on_epoch=on_epoch, on_retry=on_retry
        )


def check_place(out: Path, *, beside: Collection[str] = ()) -> None:
    """Check that a model may be written to a folder: it is new, empty, or of a training.

    Args:
        out: The folder.
        beside: Names of files that the caller keeps in it.

    Raises:
        ValueError: Something else lies in it.
    """
    check_model_folder(out, (*_MODEL_FILES, *beside))
    for name in (FACTS, WEIGHTS):
        if (out / name).exists() and not (out / METRICS_FILE).exists():
            raise ValueError(f"{out} holds {name} of something else; name a new folder")


@contextmanager
def _meet(device: torch.device) -> Iterator[None]:
    """Join the other processes, if there are any; the caller's random numbers stay as they are."""
    with process_group(device.type), torch.random.fork_rng(devices=[]):
        yield


def _run_attempts(
    job: Job,
    *,
    init: Path | None,
    on_start: OnStart | None,
    on_epoch: OnEpoch | None,
    on_retry: OnRetry | None,
) -> TrainResult:
    """Train, at most twice.

    Raises:
        TrainingDiverged: The second attempt failed as well.
    """
    if rank() == 0:
        drop_damaged(job.out, on_drop=on_retry or _ignore)
    barrier()
    retry = read_retry(job.out, identity=job.identity)
    while True:
        attempt = new_attempt(job, retry=retry)
        try:
            start = open_attempt(attempt, init=init)
            if rank() == 0:
                drop_other(attempt, on_drop=on_retry or _ignore)
                (on_start or _ignore)(start)
            run_loop(attempt, on_epoch=on_epoch)
            return close_attempt(attempt)
        except TrainingDiverged as failure:
            if retry is not None:
                raise
            retry = plan_retry(attempt, failure)
        if on_retry is not None and rank() == 0:
            on_retry(retry.reason)


def find_damage(out: Path) -> list[DamagedFile]:
    """Return what an interrupted run left behind and was changed since.

    Args:
        out: The folder of the model.
    """
    found = (find_retry_damage(out), find_checkpoint_damage(out))
    return [damage for damage in found if damage is not None]


def drop_damaged(out: Path, *, on_drop: OnRetry) -> None:
    """Forget an interrupted run if a file of it was changed since: training begins anew.

    Args:
        out: The folder of the model.
        on_drop: Told what is damaged.
    """
    for damage in find_damage(out):
        on_drop(f"{damage.reason}; the training begins anew")
        remove_checkpoint(out)
        remove_retry(out)


def drop_other(attempt: Attempt, *, on_drop: OnRetry) -> None:
    """Forget an interrupted run of another training, whose place this one takes.

    Args:
        attempt: Opened: nothing that it starts from is missing.
        on_drop: Told what is dropped.
    """
    out = attempt.job.out
    epochs = count_other_epochs(out, identity=attempt.job.identity)
    if epochs is None:
        return
    on_drop(describe_drop(epochs))
    remove_checkpoint(out)
    if attempt.retry is None:
        remove_retry(out)


def describe_drop(epochs: int) -> str:
    """Return what a person is told of an interrupted training that another one replaces.

    Args:
        epochs: That it had done.
    """
    return (
        "an interrupted training of other images, settings or weights "
        f"({epochs} {'epoch' if epochs == 1 else 'epochs'} done) is dropped"
    )


def _ignore(_: object) -> None:
    """Tell nobody."""


def plan_retry(attempt: Attempt, failure: TrainingDiverged) -> Retry:
    """Return the second attempt after a failed one, and remember it in the folder.

    Args:
        attempt: The first one; its checkpoint is removed.
        failure: Why it failed.
    """
    config = fallback_config(
        attempt.config, n_images=len(attempt.job.source), is_finite=failure.is_finite
    )
    changes = describe_changes(attempt.config, config)
    retry = Retry(
        config=config,
        reason=f"{failure.reason}; begun again with {changes}",
        seconds=broadcast_value(attempt.state.seconds),
    )
    if rank() == 0:
        write_retry(attempt.job.out, retry, identity=attempt.job.identity)
        remove_checkpoint(attempt.job.out)
    barrier()
    return retry
