"""The training loop: step, epoch, checkpoint, stop."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import closing

import torch

from swav_train.data.seeds import derive_seed
from swav_train.distributed import rank, sum_over_processes, world_size
from swav_train.run.attempt import Attempt
from swav_train.run.diagnosis import (
    DIAGNOSIS,
    refuse_collapse,
    refuse_infinite_loss,
    refuse_stall,
)
from swav_train.run.metrics import (
    METRICS_FILE,
    EpochMetrics,
    compute_usage_entropy,
    write_metrics,
)
from swav_train.run.schedule import warmup_cosine
from swav_train.run.signals import delay_interrupts
from swav_train.run.state import EpochTally

OnEpoch = Callable[[EpochMetrics], None]


def run_loop(attempt: Attempt, *, on_epoch: OnEpoch | None = None) -> None:
    """Make steps until the epochs are done or the time is spent.

    Args:
        attempt: Open; changed in place.
        on_epoch: Called after each epoch, in the first process.

    Raises:
        TrainingDiverged: The loss is not a number, all images got one code, or a long run has
            learned nothing.
        KeyboardInterrupt: The run was interrupted; its state is saved.
    """
    state, batches = attempt.state, attempt.batches
    with closing(batches), delay_interrupts() as raise_if_interrupted:
        try:
            while (progress := attempt.progress()) < 1:
                make_step(attempt, progress)
                if state.tally.steps == batches.steps_per_epoch:
                    end_epoch(attempt, on_epoch)
                attempt.timer.save_if_due(attempt.save)
                raise_if_interrupted()
        except KeyboardInterrupt:
            attempt.save()
            raise
    if state.tally.steps:
        end_epoch(attempt, on_epoch)
    refuse_stall(attempt.history[-1], steps=state.step)


def make_step(attempt: Attempt, progress: float) -> None:
    """Read a batch, cut its crops and move the model.

    Args:
        attempt: Changed in place.
        progress: Share of the training that is done, in [0, 1).

    Raises:
        TrainingDiverged: The loss is not a number.
    """
    state, config, batches = attempt.state, attempt.config, attempt.batches
    pixels, drawn = batches.read(state.epoch, state.tally.steps)
    torch.manual_seed(derive_seed(config.seed, "step", state.step, rank()))
    factor = warmup_cosine(progress, warmup=config.warmup)
    attempt.job.parts.take_step(
        state,
        attempt.views.cut(pixels, drawn, is_half_size=progress < config.half_size_share),
        learning_rate=config.learning_rate * factor,
        moves_backbone=progress >= config.backbone_freeze,
    )
    is_last = state.tally.steps == batches.steps_per_epoch
    if is_last or state.step % DIAGNOSIS.steps_between_checks == 0:
        refuse_infinite_loss(sum_over_processes(state.tally.loss).item(), step=state.step)


def end_epoch(attempt: Attempt, on_epoch: OnEpoch | None) -> None:
    """Measure an epoch, begin to count the next, and say so.

    Args:
        attempt: Changed in place.
        on_epoch: Called with the measures, in the first process.

    Raises:
        TrainingDiverged: All images got one code, or the run has learned nothing.
    """
    state, config = attempt.state, attempt.config
    progress = attempt.progress()
    state.epoch += 1
    metrics = measure_epoch(attempt, progress)
    attempt.history.append(metrics)
    state.tally = EpochTally.empty(config.n_prototypes, state.device)
    attempt.epoch_began = state.seconds
    refuse_collapse(metrics, n_prototypes=config.n_prototypes, steps=state.step)
    can_retry = attempt.retry is None
    refuse_stall(metrics, steps=state.step, progress=progress, can_retry=can_retry)
    if rank() == 0:
        write_metrics(attempt.job.out / METRICS_FILE, attempt.history)
        if on_epoch is not None:
            on_epoch(metrics)


def measure_epoch(attempt: Attempt, progress: float) -> EpochMetrics:
    """Return the measures of the epoch that just ended.

    Args:
        attempt: Its tally holds the epoch's sums.
        progress: Share of the training that is done.
    """
    state, config, tally = attempt.state, attempt.config, attempt.state.tally
    loss = sum_over_processes(tally.loss).item() / (tally.steps * world_size())
    seconds = max(state.seconds - attempt.epoch_began, 1e-9)
    epochs = config.epochs
    if attempt.clock.budget_seconds is not None:
        epochs = max(state.epoch, round(state.epoch / max(progress, 1e-6)))
    return EpochMetrics(
        epoch=state.epoch,
        epochs=epochs,
        loss=loss,
        loss_ratio=loss / math.log(config.n_prototypes),
        usage_entropy=compute_usage_entropy(sum_over_processes(tally.usage)),
        view_agreement=measure_view_agreement(attempt, progress),
        learning_rate=float(state.optimizer.param_groups[-1]["lr"]),
        images_per_second=tally.steps * config.batch_size / seconds,
        seconds=state.seconds,
    )


def measure_view_agreement(attempt: Attempt, progress: float) -> float:
    """Return the view agreement after the epoch that just ended, or the last one known.

    It is measured in the first epoch, the last one, and so rarely between that it costs little.

    Args:
        attempt: Its history lacks the epoch still.
        progress: Share of the training that is done.
    """
    state = attempt.state
    is_due = (state.epoch - 1) % attempt.epochs_between_measures == 0
    if is_due or progress >= 1 or not attempt.history:
        return attempt.held_out.measure(state.model)
    return attempt.history[-1].view_agreement
