"""The training, from pixels to a folder with an encoder."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from swav_train.config import TrainConfig
from swav_train.data.batch_reader import BatchReader
from swav_train.data.pixel_source import Images, PixelSource, generator_of, seed_of
from swav_train.distributed import agreed, barrier, process_group, rank, total, world_size
from swav_train.errors import TrainingDiverged
from swav_train.files import remove_partials
from swav_train.method.multicrop import MultiCrop
from swav_train.networks.encoder import save_encoder
from swav_train.networks.pretrained import pretrained_weights
from swav_train.run.checkpoint import (
    load_checkpoint,
    load_initial_weights,
    read_initial_weights,
    remove_checkpoint,
    save_checkpoint,
)
from swav_train.run.diagnosis import ENOUGH_STEPS, ENOUGH_STEPS_TO_MEND, is_stalled, warning
from swav_train.run.finalize import finish, seconds_to_describe, seconds_to_finish
from swav_train.run.metrics import METRICS, EpochMetrics, read_metrics, usage_entropy, write_metrics
from swav_train.run.result import TrainResult, TrainStart, facts_of, finished
from swav_train.run.retry import Mend, differences, gentler, read_mend, remove_mend, write_mend
from swav_train.run.schedule import warmup_cosine
from swav_train.run.signals import interrupts_between_steps
from swav_train.run.state import (
    EpochTally,
    new_state,
    resolve_device,
    resolve_precision,
    train_step,
)
from swav_train.run.view_agreement import HeldOut, split_held_out

CHECKPOINT_SECONDS = 10.0
CHECKPOINT_SHARE = 0.05
STEPS_BEFORE_JUDGEMENT = 50
SHARE_BEFORE_MENDING = 0.15
MOST_FINISH_IMAGES = 4096
FEWEST_FINISH_IMAGES = 512


OnStart = Callable[[TrainStart], None]
OnEpoch = Callable[[EpochMetrics], None]
OnMend = Callable[[str], None]


def train(  # noqa: PLR0913 - the one entrance: data, settings, place, and who listens
    data: Images,
    config: TrainConfig,
    out: Path,
    *,
    budget_seconds: float | None = None,
    seconds_gone: float = 0.0,
    aspects: NDArray[np.floating[Any]] | None = None,
    on_start: OnStart | None = None,
    on_epoch: OnEpoch | None = None,
    on_mend: OnMend | None = None,
    init: Path | None = None,
) -> TrainResult:
    """Learn an encoder and prototypes from images, and write them to a folder.

    A run that was killed goes on from its last checkpoint when it is called again with the same
    settings and as many images. A run whose loss is not a number, whose images get one code or that
    predicts nothing begins once more with gentler settings (:func:`swav_train.run.retry.gentler`) and
    the time that is left. With epochs given (no budget), on a CPU, the outcome is the same to
    the bit. A finished run is not repeated. Under ``torchrun`` all processes share the work.

    Args:
        data: (N, 3, S, S) uint8 array, S = ``config.cache_size``, or any sequence of (3, H, W)
            uint8 images.
        config: All settings.
        out: Folder for the model; made if it is absent.
        budget_seconds: Time for the whole training, > 0; it replaces ``config.epochs``.
        seconds_gone: Part of the budget that was spent before, on reading the images, say; training
            gets half of the budget in any case.
        aspects: (N,) width / height of the originals of squashed images; None: as they are.
        on_start: Called once before the first step, in the first process.
        on_epoch: Called after each epoch, in the first process.
        on_mend: Told why a failed run begins again and with what, in the first process.
        init: Safetensors file to start the backbone from, of this package or of timm.

    Returns:
        What was made.

    Raises:
        ValueError: An argument does not fit.
        WeightsUnavailable: Pretrained weights cannot be had.
        TrainingDiverged: The loss is not a number, all images got one code, or a long run has
            learned nothing.
        KeyboardInterrupt: The run was interrupted; its state is saved.
    """
    if budget_seconds is not None and budget_seconds <= 0:
        raise ValueError(f"budget_seconds must be positive, got {budget_seconds}")
    source = PixelSource(data, size=config.cache_size, aspects=aspects)
    identity = {
        "config": config.to_dict(),
        "budget_seconds": budget_seconds,
        "n_images": len(source),
        "init": str(init) if init else None,
    }
    done = finished(out, identity)
    if done is not None:
        return done
    device = resolve_device(config.device)
    with process_group(device.type), torch.random.fork_rng(devices=[]):
        mend = read_mend(out, identity=identity)
        while True:
            run = _Run(
                config=config,
                out=out,
                source=source,
                identity=identity,
                budget_seconds=_what_is_left(budget_seconds, seconds_gone),
                mend=mend,
            )
            try:
                return run.run(init=init, on_start=on_start, on_epoch=on_epoch)
            except TrainingDiverged as failure:
                if mend is not None:
                    raise
                mend = run.mended(failure)
            if on_mend is not None and rank() == 0:
                on_mend(mend.reason)


def _what_is_left(budget_seconds: float | None, seconds_gone: float) -> float | None:
    if budget_seconds is None:
        return None
    return max(budget_seconds - seconds_gone, budget_seconds / 2)


class _Run:
    """One training in progress."""

    def __init__(
        self,
        *,
        config: TrainConfig,
        out: Path,
        source: PixelSource,
        identity: dict[str, Any],
        budget_seconds: float | None,
        mend: Mend | None,
    ) -> None:
        config = mend.config if mend is not None else config
        if budget_seconds is not None and mend is not None:
            budget_seconds = max(1.0, budget_seconds - mend.seconds)
        batch_size = max(2, min(config.batch_size, len(source)) // world_size()) * world_size()
        self.config = replace(config, batch_size=batch_size)
        self.out = out
        self.source = source
        self.identity = identity
        self.mend = mend
        self.budget_seconds = budget_seconds
        indices, held_out = split_held_out(len(source), seed=config.seed)
        device = resolve_device(config.device)
        self.state = new_state(self.config, device)
        self.batches = BatchReader(
            source,
            indices,
            batch_size=batch_size,
            seed=config.seed,
            device=device,
            share=(rank(), world_size()),
        )
        precision = resolve_precision(config.precision, device)
        self.views = MultiCrop(self.config, precision=precision)
        self.held_out = HeldOut(source, held_out, self.config, device)
        self.history: list[EpochMetrics] = []
        self._resumed_at = time.monotonic()
        self._saved_at = time.monotonic()
        self._epoch_began = 0.0
        self._seconds_before = 0.0
        self._describe_seconds = 0.0

    def run(
        self, *, init: Path | None, on_start: OnStart | None, on_epoch: OnEpoch | None
    ) -> TrainResult:
        """Train to the end and write the model.

        Raises:
            KeyboardInterrupt: The run was interrupted; its state is saved.
        """
        state = self.state
        self._open(init)
        if on_start is not None and rank() == 0:
            on_start(self._start())
        with self.batches, interrupts_between_steps() as interrupt_if_asked:
            try:
                while (progress := self.progress()) < 1:
                    self._step(progress)
                    if state.tally.steps == self.batches.steps_per_epoch:
                        self._end_epoch(on_epoch)
                    self._save_if_due()
                    interrupt_if_asked()
            except KeyboardInterrupt:
                save_checkpoint(state, self.out, identity=self._attempt())
                raise
        if state.tally.steps:
            self._end_epoch(on_epoch)
        self._refuse_stall()
        return self._close()

    def mended(self, failure: TrainingDiverged) -> Mend:
        """Return what to try after a failure, and remember it in the folder."""
        config = gentler(self.config, n_images=len(self.source), is_finite=failure.is_finite)
        mend = Mend(
            config=config,
            reason=f"{failure.reason}; begun again with {differences(self.config, config)}",
            seconds=agreed(self.state.seconds),
        )
        if rank() == 0:
            write_mend(self.out, mend, identity=self.identity)
            remove_checkpoint(self.out)
        barrier()
        return mend

    def _attempt(self) -> dict[str, Any]:
        """Return what a checkpoint must be of for this run to go on from it."""
        return self.identity | {"is_mended": self.mend is not None}

    def progress(self) -> float:
        """Return the share of the training that is done, of steps or of the time budget."""
        self.state.seconds = self._seconds_before + time.monotonic() - self._resumed_at
        if self.budget_seconds is None:
            return self.state.step / (self.config.epochs * self.batches.steps_per_epoch)
        if self.state.step == 0:
            return 0.0
        return agreed(self.state.seconds / (self.budget_seconds - self._seconds_to_finish()))

    def _seconds_to_finish(self) -> float:
        """Return the time that the work after the last step will take."""
        return seconds_to_finish(self._finish_sample(), seconds_per_image=self._describe_seconds)

    def _finish_sample(self) -> int:
        """Return how many images to finish with: fewer where they took over a tenth of a budget."""
        if self.budget_seconds is None:
            return MOST_FINISH_IMAGES
        affordable = int(0.1 * self.budget_seconds / max(self._describe_seconds, 1e-9))
        return min(len(self.source), MOST_FINISH_IMAGES, max(FEWEST_FINISH_IMAGES, affordable))

    def _open(self, init: Path | None) -> None:
        self.out.mkdir(parents=True, exist_ok=True)
        if rank() == 0:
            remove_partials(self.out)
        if load_checkpoint(self.state, self.out, identity=self._attempt()):
            self.history = read_metrics(self.out / METRICS, epochs=self.state.epoch)
            self._seconds_before = self.state.seconds
        elif init is not None:
            weights = read_initial_weights(init)
            load_initial_weights(self.state, weights, origin=f"the weights of {init.name}")
        elif self.config.pretrained:
            weights, origin = pretrained_weights(self.config.backbone)
            load_initial_weights(self.state, weights, origin=origin)
        if self.budget_seconds is not None:
            self._describe_seconds = seconds_to_describe(self.state, self.source)
        barrier()
        self._epoch_began = self._seconds_before
        self._resumed_at = self._saved_at = time.monotonic()

    def _start(self) -> TrainStart:
        return TrainStart(
            config=self.config,
            n_images=len(self.source),
            n_parameters=sum(p.numel() for p in self.state.model.parameters()),
            device=self.state.device.type,
            started_from=self.state.started_from,
            resumed_epochs=self.state.epoch,
        )

    def _step(self, progress: float) -> None:
        state, config = self.state, self.config
        pixels, aspects = self.batches.read(state.epoch, state.tally.steps)
        torch.manual_seed(seed_of(config.seed, "step", state.step, rank()))
        crops = self.views(pixels, aspects, generator_of(config.seed, "crops", state.step, rank()))
        factor = warmup_cosine(progress, warmup=config.warmup)
        train_step(
            state,
            crops,
            learning_rate=config.learning_rate * factor,
            moves_backbone=progress >= config.backbone_freeze,
        )
        if state.step % 10 == 0 or state.tally.steps == self.batches.steps_per_epoch:
            self._refuse_nonsense()

    def _refuse_nonsense(self) -> None:
        if not math.isfinite(total(self.state.tally.loss).item()):
            raise TrainingDiverged(
                f"the loss was not a number at step {self.state.step}",
                advice="try precision float32, or other images",
                is_finite=False,
            )

    def _end_epoch(self, on_epoch: OnEpoch | None) -> None:
        state, tally = self.state, self.state.tally
        progress = self.progress()
        state.epoch += 1
        loss = total(tally.loss).item() / (tally.steps * world_size())
        spent = max(state.seconds - self._epoch_began, 1e-9)
        metrics = EpochMetrics(
            epoch=state.epoch,
            epochs=self._epochs_expected(progress),
            loss=loss,
            loss_ratio=loss / math.log(self.config.n_prototypes),
            usage_entropy=usage_entropy(total(tally.usage)),
            view_agreement=self.held_out.agreement(state.model),
            learning_rate=float(state.optimizer.param_groups[-1]["lr"]),
            images_per_second=tally.steps * self.config.batch_size / spent,
            seconds=state.seconds,
        )
        self.history.append(metrics)
        state.tally = EpochTally.empty(self.config.n_prototypes, state.device)
        self._epoch_began = state.seconds
        self._refuse_collapse(metrics)
        self._refuse_stall(progress=progress)
        if rank() == 0:
            write_metrics(self.out / METRICS, self.history)
            if on_epoch is not None:
                on_epoch(metrics)

    def _epochs_expected(self, progress: float) -> int:
        if self.budget_seconds is None:
            return self.config.epochs
        return max(self.state.epoch, round(self.state.epoch / max(progress, 1e-6)))

    def _refuse_collapse(self, metrics: EpochMetrics) -> None:
        used = self.config.n_prototypes**metrics.usage_entropy
        if self.state.step >= STEPS_BEFORE_JUDGEMENT and used < 1.5:
            raise TrainingDiverged(
                f"all images got one code by epoch {metrics.epoch}",
                advice="check that the images differ; try fewer prototypes",
            )

    def _refuse_stall(self, *, progress: float = 1.0) -> None:
        """Give up a run that predicts nothing: early if it can be mended, else at the end.

        Raises:
            TrainingDiverged: It does.
        """
        is_early = progress < 1
        if is_early and (self.mend is not None or progress < SHARE_BEFORE_MENDING):
            return
        enough = ENOUGH_STEPS_TO_MEND if is_early else ENOUGH_STEPS
        if is_stalled(self.history[-1], steps=self.state.step, enough=enough):
            raise TrainingDiverged(
                f"nothing was learned in {self.state.step} steps, the loss stayed at "
                f"{self.history[-1].loss_ratio:.2f} of log K",
                advice="try fewer prototypes, larger crops or more time",
            )

    def _save_if_due(self) -> None:
        """Save now and then, so rarely that it costs little of the time."""
        if agreed(time.monotonic() - self._saved_at) < CHECKPOINT_SECONDS:
            return
        began = time.monotonic()
        save_checkpoint(self.state, self.out, identity=self._attempt())
        ended = time.monotonic()
        pause = (ended - began) / CHECKPOINT_SHARE
        self._saved_at = ended + max(0.0, pause - CHECKPOINT_SECONDS)

    def _close(self) -> TrainResult:
        state = self.state
        n_sample = int(agreed(self._finish_sample()))
        whitening, entropy = finish(state, self.source, n_sample=n_sample)
        self.progress()
        result = TrainResult(
            folder=self.out,
            config=replace(self.config, epochs=state.epoch),
            n_images=len(self.source),
            epochs=state.epoch,
            steps=state.step,
            seconds=state.seconds + (self.mend.seconds if self.mend else 0.0),
            started_from=state.started_from,
            metrics=self.history[-1],
            usage_entropy=entropy,
            warning=warning(self.history[-1]),
            was_finished=False,
            mended=self.mend.reason if self.mend else None,
        )
        if rank() == 0:
            save_encoder(self.out, state.model, whitening, facts_of(result, self.identity))
            remove_checkpoint(self.out)
            remove_mend(self.out)
        barrier()
        return result
