"""The training, from pixels to a folder with an encoder."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from importlib import metadata
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from swav_train.backbone import timm_recipe
from swav_train.checkpoint import (
    load_checkpoint,
    load_initial_weights,
    read_initial_weights,
    remove_checkpoint,
    save_checkpoint,
)
from swav_train.config import TrainConfig
from swav_train.distributed import agreed, barrier, process_group, rank, total, world_size
from swav_train.encoder import read_facts, save_encoder
from swav_train.errors import TrainingDiverged
from swav_train.finish import finish
from swav_train.heldout import HeldOut, split_held_out
from swav_train.metrics import EpochMetrics, read_metrics, usage_entropy, write_metrics
from swav_train.multicrop import MultiCrop
from swav_train.pretrained import pretrained_weights
from swav_train.schedule import warmup_cosine
from swav_train.source import Images, PixelSource, generator_of, seed_of
from swav_train.state import EpochTally, new_state, resolve_device, resolve_precision, train_step
from swav_train.storage import remove_partials
from swav_train.verdict import is_stalled, warning

METRICS = "metrics.jsonl"
CHECKPOINT_SECONDS = 10.0
CHECKPOINT_SHARE = 0.05
STEPS_BEFORE_JUDGEMENT = 50
MOST_FINISH_IMAGES = 4096
FEWEST_FINISH_IMAGES = 512


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
        folder: Holds the model, for :func:`swav_train.encoder.load_encoder`.
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


OnStart = Callable[[TrainStart], None]
OnEpoch = Callable[[EpochMetrics], None]


def train(  # noqa: PLR0913 - the one entrance: data, settings, place, and who listens
    data: Images,
    config: TrainConfig,
    out: Path,
    *,
    budget_seconds: float | None = None,
    aspects: NDArray[np.floating[Any]] | None = None,
    on_start: OnStart | None = None,
    on_epoch: OnEpoch | None = None,
    init: Path | None = None,
) -> TrainResult:
    """Learn an encoder and prototypes from images, and write them to a folder.

    A run that was killed goes on from its last checkpoint when it is called again with the same
    settings and as many images; with epochs given (no budget), on a CPU, the outcome is the same to
    the bit. A finished run is not repeated. Under ``torchrun`` all processes share the work.

    Args:
        data: (N, 3, S, S) uint8 array, S = ``config.cache_size``, or any sequence of (3, H, W)
            uint8 images.
        config: All settings.
        out: Folder for the model; made if it is absent.
        budget_seconds: Time for the whole training, > 0; it replaces ``config.epochs``.
        aspects: (N,) width / height of the originals of squashed images; None: as they are.
        on_start: Called once before the first step, in the first process.
        on_epoch: Called after each epoch, in the first process.
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
    finished = _finished(out, identity)
    if finished is not None:
        return finished
    device = resolve_device(config.device)
    with process_group(device.type), torch.random.fork_rng(devices=[]):
        run = _Run(
            config=config,
            out=out,
            source=source,
            device=resolve_device(config.device),
            identity=identity,
            budget_seconds=budget_seconds,
        )
        return run.run(init=init, on_start=on_start, on_epoch=on_epoch)


class _Run:
    """One training in progress."""

    def __init__(
        self,
        *,
        config: TrainConfig,
        out: Path,
        source: PixelSource,
        device: torch.device,
        identity: dict[str, Any],
        budget_seconds: float | None,
    ) -> None:
        batch_size = max(2, min(config.batch_size, len(source)) // world_size()) * world_size()
        self.config = replace(config, batch_size=batch_size)
        self.out = out
        self.source = source
        self.identity = identity
        self.budget_seconds = budget_seconds
        self.indices, held_out = split_held_out(len(source), seed=config.seed)
        self.steps_per_epoch = max(1, len(self.indices) // batch_size)
        self.state = new_state(self.config, device)
        precision = resolve_precision(config.precision, device)
        self.views = MultiCrop(self.config, precision=precision)
        self.held_out = HeldOut(source, held_out, self.config, device)
        self.history: list[EpochMetrics] = []
        self._resumed_at = time.monotonic()
        self._saved_at = time.monotonic()
        self._epoch_began = 0.0
        self._seconds_before = 0.0

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
        with _interrupts_between_steps() as interrupt_if_asked:
            try:
                while (progress := self.progress()) < 1:
                    self._step(progress)
                    if state.tally.steps == self.steps_per_epoch:
                        self._end_epoch(on_epoch)
                    self._save_if_due()
                    interrupt_if_asked()
            except KeyboardInterrupt:
                save_checkpoint(state, self.out, identity=self.identity)
                raise
        if state.tally.steps:
            self._end_epoch(on_epoch)
        self._refuse_stall()
        return self._close()

    def progress(self) -> float:
        """Return the share of the training that is done, of steps or of the time budget."""
        self.state.seconds = self._seconds_before + time.monotonic() - self._resumed_at
        if self.budget_seconds is None:
            return self.state.step / (self.config.epochs * self.steps_per_epoch)
        if self.state.step == 0:
            return 0.0
        return agreed(self.state.seconds / (self.budget_seconds - self._seconds_to_finish()))

    def _seconds_to_finish(self) -> float:
        """Return the time that the work after the last step will take, from the pace so far."""
        return 1 + self._finish_sample() * self._seconds_to_describe()

    def _seconds_to_describe(self) -> float:
        """Return the time for one image of the work after the last step.

        Two passes in float32, each 0.55 of the training of one crop, measured, and small things.
        """
        per_image = self.state.seconds / (self.state.step * self.config.batch_size)
        return 2.4 * 0.55 * per_image / self.config.n_crops

    def _finish_sample(self) -> int:
        """Return how many images to finish with: fewer where they took over a tenth of a budget."""
        if self.budget_seconds is None:
            return MOST_FINISH_IMAGES
        affordable = int(0.1 * self.budget_seconds / max(self._seconds_to_describe(), 1e-9))
        return min(len(self.source), MOST_FINISH_IMAGES, max(FEWEST_FINISH_IMAGES, affordable))

    def _open(self, init: Path | None) -> None:
        self.out.mkdir(parents=True, exist_ok=True)
        if rank() == 0:
            remove_partials(self.out)
        if load_checkpoint(self.state, self.out, identity=self.identity):
            self.history = read_metrics(self.out / METRICS, epochs=self.state.epoch)
            self._seconds_before = self.state.seconds
        elif init is not None:
            weights = read_initial_weights(init)
            load_initial_weights(self.state, weights, origin=f"the weights of {init.name}")
        elif self.config.pretrained:
            weights, origin = pretrained_weights(self.config.backbone)
            load_initial_weights(self.state, weights, origin=origin)
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
        indices = self._indices()
        torch.manual_seed(seed_of(config.seed, "step", state.step, rank()))
        crops = self.views(
            self.source.batch(indices).to(state.device),
            self.source.aspects[indices],
            generator_of(config.seed, "crops", state.step, rank()),
        )
        factor = warmup_cosine(progress, warmup=config.warmup)
        train_step(state, crops, learning_rate=config.learning_rate * factor)
        if state.step % 10 == 0 or state.tally.steps == self.steps_per_epoch:
            self._refuse_nonsense()

    def _indices(self) -> Tensor:
        """Return this process's share of the next batch: epochs are permutations of the images."""
        generator = generator_of(self.config.seed, "order", self.state.epoch)
        order = self.indices[torch.randperm(len(self.indices), generator=generator)]
        batch_size = self.config.batch_size
        begin = self.state.tally.steps * batch_size
        batch = order[begin : begin + batch_size]
        return batch.tensor_split(world_size())[rank()]

    def _refuse_nonsense(self) -> None:
        if not math.isfinite(total(self.state.tally.loss).item()):
            raise TrainingDiverged(
                f"the loss was not a number at step {self.state.step}",
                advice="try a lower learning rate, or precision float32",
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
            learning_rate=float(state.optimizer.param_groups[0]["lr"]),
            images_per_second=tally.steps * self.config.batch_size / spent,
            seconds=state.seconds,
        )
        self.history.append(metrics)
        state.tally = EpochTally.empty(self.config.n_prototypes, state.device)
        self._epoch_began = state.seconds
        self._refuse_collapse(metrics)
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
                advice="try fewer prototypes, a lower learning rate or a smaller epsilon; "
                "check that the images differ",
            )

    def _refuse_stall(self) -> None:
        if is_stalled(self.history[-1], steps=self.state.step):
            raise TrainingDiverged(
                f"nothing was learned in {self.state.step} steps, the loss stayed at "
                f"{self.history[-1].loss_ratio:.2f} of log K",
                advice="try fewer prototypes, larger crops, weaker colour changes, or another "
                "learning rate",
            )

    def _save_if_due(self) -> None:
        """Save now and then, so rarely that it costs little of the time."""
        if agreed(time.monotonic() - self._saved_at) < CHECKPOINT_SECONDS:
            return
        began = time.monotonic()
        save_checkpoint(self.state, self.out, identity=self.identity)
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
            seconds=state.seconds,
            started_from=state.started_from,
            metrics=self.history[-1],
            usage_entropy=entropy,
            warning=warning(self.history[-1]),
            was_finished=False,
        )
        if rank() == 0:
            save_encoder(self.out, state.model, whitening, _facts(result, self.identity))
            remove_checkpoint(self.out)
        barrier()
        return result


@contextmanager
def _interrupts_between_steps() -> Iterator[Callable[[], None]]:
    """Hold back Ctrl-C until a step is whole; a second one interrupts at once.

    Yields:
        A function that raises KeyboardInterrupt if one was held back.
    """
    seen: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        if seen:
            signal.default_int_handler(number, frame)
        seen.append(number)

    def interrupt_if_asked() -> None:
        if seen:
            raise KeyboardInterrupt

    is_ours = (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    )
    if is_ours:
        signal.signal(signal.SIGINT, note)
    try:
        yield interrupt_if_asked
    finally:
        if is_ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)


def _facts(result: TrainResult, identity: dict[str, Any]) -> dict[str, Any]:
    recipe = timm_recipe(result.config.backbone)
    try:
        version = metadata.version("curate-images")
    except metadata.PackageNotFoundError:
        version = "unknown"
    return {
        "version": version,
        "asked": identity,
        "config": result.config.to_dict(),
        "timm": {"name": recipe.name, "options": recipe.options},
        "n_images": result.n_images,
        "started_from": result.started_from,
        "epochs": result.epochs,
        "steps": result.steps,
        "seconds": round(result.seconds, 2),
        "usage_entropy": result.usage_entropy,
        "warning": result.warning,
        "metrics": asdict(result.metrics),
    }


def _finished(out: Path, identity: dict[str, Any]) -> TrainResult | None:
    """Return the result of a finished run that was asked for the same, if ``out`` holds it."""
    facts = read_facts(out)
    if facts is None or facts.get("asked") != identity:
        return None
    history = read_metrics(out / METRICS, epochs=facts["epochs"])
    return TrainResult(
        folder=out,
        config=TrainConfig.from_dict(facts["config"]),
        n_images=facts["n_images"],
        epochs=facts["epochs"],
        steps=facts["steps"],
        seconds=facts["seconds"],
        started_from=facts["started_from"],
        metrics=history[-1],
        usage_entropy=facts["usage_entropy"],
        warning=facts["warning"],
        was_finished=True,
    )
