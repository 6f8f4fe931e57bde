"""One attempt at a training: its parts, opened where an earlier run stopped, closed as a model."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from swav_train.config import TrainConfig
from swav_train.data.batch_reader import BatchReader
from swav_train.data.pixel_source import PixelSource
from swav_train.data.seeds import make_generator
from swav_train.device import resolve_device, resolve_precision
from swav_train.distributed import barrier, broadcast_value, rank, world_size
from swav_train.files import remove_partials
from swav_train.method.multicrop import MultiCrop
from swav_train.networks.encoder import save_encoder
from swav_train.networks.pretrained import read_backbone_weights, read_published_weights
from swav_train.run.checkpoint import (
    CHECKPOINT,
    CheckpointParams,
    CheckpointTimer,
    load_checkpoint,
    remove_checkpoint,
    save_checkpoint,
)
from swav_train.run.clock import TrainClock
from swav_train.run.diagnosis import describe_weakness
from swav_train.run.finalize import (
    FinishPlan,
    finalize,
    measure_seconds_per_image,
    plan_finish,
)
from swav_train.run.metrics import METRICS_FILE, EpochMetrics, read_metrics
from swav_train.run.result import TrainResult, TrainStart, describe_result
from swav_train.run.retry import Retry, remove_retry
from swav_train.run.state import (
    TrainState,
    build_published,
    describe_weights,
    load_backbone_weights,
    new_state,
)
from swav_train.run.step import train_step
from swav_train.run.thread_choice import choose_threads, list_usable_counts
from swav_train.run.view_agreement import HeldOutViews, choose_interval, split_held_out


@dataclass(frozen=True, kw_only=True, slots=True)
class RunParts:
    """What a training calls that a test or a comparison may put something else in the place of.

    Attributes:
        take_step: Moves the model by one batch, as :func:`swav_train.run.step.train_step`.
        read_clock: Seconds that only grow.
        read_published: Published weights of a backbone by name, and where they are from.
        checkpoint: How often to save.
    """

    take_step: Callable[..., None] = train_step
    read_clock: Callable[[], float] = time.monotonic
    read_published: Callable[[str], tuple[dict[str, Tensor], str]] = read_published_weights
    checkpoint: CheckpointParams = CHECKPOINT


STANDARD_PARTS = RunParts()


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """What a training is to do.

    Attributes:
        config: The settings that were given.
        source: All images.
        out: The folder of the model.
        identity: What the training is of, JSON values; another one goes on only from the same.
        budget_seconds: Time for it; None where its epochs are given.
        parts: What it calls.
    """

    config: TrainConfig
    source: PixelSource
    out: Path
    identity: dict[str, Any]
    budget_seconds: float | None = None
    parts: RunParts = STANDARD_PARTS


@dataclass(kw_only=True, slots=True)
class Attempt:
    """One attempt at a training.

    Attributes:
        job: What it is to do.
        retry: What the first attempt failed of, if this is the second.
        config: The settings in use, batches no larger than the images allow.
        state: What changes.
        batches: The images to train on.
        views: Makes crops of them.
        held_out: The images to measure on.
        epochs_between_measures: Of them; in small folders an epoch is soon over.
        clock: Of this attempt.
        timer: Of its checkpoints.
        history: Measures of its epochs.
        epoch_began: When the running epoch began, seconds of the clock.
        finish: The work after the last step.
        published: The backbone as it was published, where the training started from that.
    """

    job: Job
    retry: Retry | None
    config: TrainConfig
    state: TrainState
    batches: BatchReader
    views: MultiCrop
    held_out: HeldOutViews
    epochs_between_measures: int
    clock: TrainClock
    timer: CheckpointTimer
    finish: FinishPlan
    history: list[EpochMetrics] = field(default_factory=list)
    epoch_began: float = 0.0
    published: nn.Module | None = None

    def progress(self) -> float:
        """Return the share of the training that is done, of steps or of the time budget."""
        state = self.state
        state.seconds = self.clock.seconds()
        if self.clock.budget_seconds is None:
            return state.step / (self.config.epochs * self.batches.steps_per_epoch)
        return self.clock.share_spent(state.seconds) if state.step else 0.0

    def save(self) -> None:
        """Write a checkpoint."""
        save_checkpoint(self.state, self.job.out, identity=self._checkpoint_identity())

    def load(self) -> bool:
        """Go on from a checkpoint; return False if there is none of this attempt."""
        return load_checkpoint(self.state, self.job.out, identity=self._checkpoint_identity())

    def _checkpoint_identity(self) -> dict[str, Any]:
        return self.job.identity | {"is_mended": self.retry is not None}


def new_attempt(job: Job, *, retry: Retry | None = None) -> Attempt:
    """Return an attempt before its first step.

    Args:
        job: What it is to do.
        retry: What the first attempt failed of, if this is the second.
    """
    config, budget_seconds = job.config, job.budget_seconds
    if retry is not None:
        config = retry.config
        if budget_seconds is not None:
            budget_seconds = max(1.0, budget_seconds - retry.seconds)
    clock = TrainClock(budget_seconds, read_clock=job.parts.read_clock)
    n_images, n_processes = len(job.source), world_size()
    batch_size = max(2, min(config.batch_size, n_images) // n_processes) * n_processes
    config = replace(config, batch_size=batch_size)
    device = resolve_device(config.device)
    train_indices, held_out_indices = split_held_out(n_images, seed=config.seed)
    views = MultiCrop(config, precision=resolve_precision(config.precision, device))

    def draw(aspects: Tensor, step: int) -> Tensor:
        return views.draw(aspects, make_generator(config.seed, "crops", step, rank()))

    return Attempt(
        job=job,
        retry=retry,
        config=config,
        state=new_state(config, device),
        batches=BatchReader(
            job.source,
            train_indices,
            batch_size=batch_size,
            seed=config.seed,
            device=device,
            draw=draw,
            share=(rank(), n_processes),
        ),
        views=views,
        held_out=HeldOutViews(job.source, held_out_indices, config, device),
        epochs_between_measures=choose_interval(
            len(train_indices), len(held_out_indices), n_crops=config.n_crops
        ),
        clock=clock,
        timer=CheckpointTimer(job.parts.checkpoint, read_clock=job.parts.read_clock),
        finish=plan_finish(
            n_images, config.n_prototypes, budget_seconds=None, seconds_per_image=0.0
        ),
    )


def open_attempt(attempt: Attempt, *, init: Path | None = None) -> TrainStart:
    """Go on where an earlier run stopped, or start from the weights that were given.

    Args:
        attempt: Changed in place.
        init: Safetensors file to start the backbone from.

    Returns:
        What is known before the next step.

    Raises:
        ValueError: The weights do not fit.
        WeightsUnavailable: Pretrained weights cannot be had.
    """
    job, config, state = attempt.job, attempt.config, attempt.state
    job.out.mkdir(parents=True, exist_ok=True)
    if rank() == 0:
        remove_partials(job.out)
    if attempt.load():
        attempt.history = read_metrics(job.out / METRICS_FILE, epochs=state.epoch)
        attempt.clock.add_earlier(state.seconds)
    elif init is not None:
        weights = read_backbone_weights(init)
        load_backbone_weights(state, weights, origin=describe_weights(init))
    if config.pretrained and init is None:
        weights, origin = job.parts.read_published(config.backbone)
        if state.step == 0:
            load_backbone_weights(state, weights, origin=origin)
        attempt.published = build_published(config, weights, state.device)
    if attempt.clock.budget_seconds is not None:
        _fit_to_machine(attempt, attempt.clock.budget_seconds)
    barrier()
    attempt.epoch_began = attempt.clock.seconds()
    attempt.timer.restart()
    return TrainStart(
        config=config,
        n_images=len(job.source),
        n_parameters=sum(p.numel() for p in state.model.parameters()),
        device=state.device.type,
        started_from=state.started_from,
        resumed_epochs=state.epoch,
    )


def _fit_to_machine(attempt: Attempt, budget_seconds: float) -> None:
    """Choose the threads, and plan the work after the last step, by what describing images takes.

    torch keeps the number of threads; :func:`swav_train.run.train.train` gives its own back.
    """
    job, state = attempt.job, attempt.state

    def measure() -> float:
        return measure_seconds_per_image(state, job.source, read_clock=job.parts.read_clock)

    if state.device.type == "cpu":
        _, seconds_per_image = choose_threads(list_usable_counts(), measure)
    else:
        seconds_per_image = measure()
    attempt.finish = plan_finish(
        len(job.source),
        attempt.config.n_prototypes,
        budget_seconds=budget_seconds,
        seconds_per_image=broadcast_value(seconds_per_image),
        is_compared=attempt.published is not None,
    )
    attempt.clock.reserve(attempt.finish.seconds)


def close_attempt(attempt: Attempt) -> TrainResult:
    """Make the model ready for use, write it, and forget how it came about.

    Args:
        attempt: All its steps are made.

    Returns:
        What was made.
    """
    job, state, retry = attempt.job, attempt.state, attempt.retry
    finished = finalize(
        state,
        job.source,
        attempt.finish,
        published=attempt.published,
        read_clock=job.parts.read_clock,
    )
    state.seconds = attempt.clock.seconds()
    comparison = finished.comparison
    is_trained = comparison is None or not comparison.keeps_published
    result = TrainResult(
        folder=job.out,
        config=replace(attempt.config, epochs=state.epoch),
        n_images=len(job.source),
        epochs=state.epoch,
        steps=state.step,
        seconds=state.seconds + (retry.seconds if retry else 0.0),
        started_from=state.started_from,
        metrics=attempt.history[-1],
        usage_entropy=finished.usage_entropy,
        warning=describe_weakness(attempt.history[-1], usage_entropy=finished.usage_entropy)
        if is_trained
        else None,
        was_finished=False,
        mended=retry.reason if retry else None,
        kept=comparison.describe() if comparison else None,
    )
    if rank() == 0:
        facts = describe_result(result, job.identity)
        save_encoder(job.out, finished.encoder, facts)
        remove_checkpoint(job.out)
        remove_retry(job.out)
    barrier()
    return result
