"""One SwAV training of a workspace's images: is it done, do it, tell how it gets on."""

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.errors import InputError, ResourceError, TrainingError
from curate.files import disk_errors, remove
from curate.machine import memory_bytes
from curate.progress import Progress, task
from curate.workspace.integrity import Damaged, read_checked_json, write_checked_json
from curate.workspace.models import INPUTS, open_model, read_model_facts
from curate.workspace.pixel_mending import open_pixels
from curate.workspace.workspace import Workspace

if TYPE_CHECKING:
    import swav_train.config as swav_config
    from swav_train.run.metrics import EpochMetrics

_SHOWN_SETTINGS = (
    ("backbone", "backbone"),
    ("image size", "image_size"),
    ("crops", "crops"),
    ("prototypes", "n_prototypes"),
    ("batch size", "batch_size"),
    ("queue", "queue_size"),
    ("epsilon", "epsilon"),
    ("learning rate", "learning_rate"),
    ("precision", "precision"),
    ("device", "device"),
)
_MEMORY_SHARE = 0.25
_SETTINGS = "settings.json"


@dataclass(frozen=True, kw_only=True)
class SwavRun:
    """One training: where it happens, what it is for, whether it is done already.

    Attributes:
        workspace: Holds the pixels and gets the model.
        settings: Of SwAV on a machine of usual speed: another training with equal ones is the same.
        fit_settings: Measures this machine and returns the settings to train with.
        table: One row for each different image: ``hash``, ``width``, ``height``.
        name: Of the model.
        init: Weights to start from, or None.
        budget_seconds: Time for it, or None.
        resumes: Go on where an interrupted training of the same settings stopped.
    """

    workspace: Workspace
    settings: "swav_config.TrainConfig"
    fit_settings: Callable[[], "swav_config.TrainConfig"]
    table: pa.Table
    name: str
    init: Path | None
    budget_seconds: float | None
    resumes: bool

    @cached_property
    def inputs(self) -> dict[str, Any]:
        """What the training is of: another one with equal inputs need not be made."""
        digest = hashlib.sha256("".join(self.table["hash"].to_pylist()).encode()).hexdigest()
        return {
            "images": digest,
            "settings": self.settings.to_dict(),
            "budget_seconds": self.budget_seconds,
            "init": _digest(self.init),
        }

    @property
    def _final(self) -> Path:
        return self.workspace.model(self.name)

    @property
    def _scratch(self) -> Path:
        return self._final.with_name(f".{self.name}.training")

    def finished(self, progress: Progress) -> dict[str, Any] | None:
        """Return the result of the same training, if it was finished before and its model is whole.

        Args:
            progress: Hears of damage.
        """
        if not self.resumes or not self._final.exists():
            return None
        try:
            if read_checked_json(self._final / INPUTS) != self.inputs:
                return None
            facts = read_model_facts(open_model(self.workspace, self.name).folder)
        except FileNotFoundError:
            progress.note(f"{self._final / INPUTS} is lost; the model is trained again")
            return None
        except Damaged as damage:
            progress.note(f"{damage}; the model is trained again")
            return None
        return {**_describe_training(facts), "was_trained": False}

    def train(self, progress: Progress, *, began: float) -> dict[str, Any]:
        """Train or go on training; put the model in its place when it is done.

        Args:
            progress: Hears how it gets on.
            began: When the budget began to run, of the monotonic clock.
        """
        with disk_errors(self._scratch):
            begun = self._read_begun(progress)
            goes_on = self.resumes and begun == self.inputs
            settings = self._read_settings(progress) if goes_on else self.fit_settings()
            squares, held = self._squares(settings.cache_size, progress)
            try:
                if not goes_on:
                    self._check_start(settings)
                    self._drop_begun(begun, progress)
                self._begin(settings)
                self._learn(settings, squares, progress, began=began)
            finally:
                del squares
                remove(held)
            remove(self._final)
            self._scratch.rename(self._final)
        return {**_describe_training(read_model_facts(self._final)), "was_trained": True}

    def _read_begun(self, progress: Progress) -> dict[str, Any]:
        """Return what the training that was begun is of; nothing where that is not known."""
        try:
            return read_checked_json(self._scratch / INPUTS)
        except FileNotFoundError:
            return {}
        except Damaged as damage:
            progress.note(f"{damage}; the training begins anew")
            return {}

    def _check_start(self, settings: "swav_config.TrainConfig") -> None:
        """Check the weights to start from while what another training left is still there."""
        from swav_train.run.state import check_start

        with _explaining():
            check_start(settings, init=self.init)

    def _drop_begun(self, begun: Mapping[str, Any], progress: Progress) -> None:
        """Remove what an interrupted training left; one of something else is told."""
        from swav_train.run.checkpoint import count_other_epochs
        from swav_train.run.train import describe_drop

        epochs = count_other_epochs(self._scratch)
        if epochs is not None and begun not in ({}, self.inputs):
            progress.note(describe_drop(epochs))
        remove(self._scratch)

    def _begin(self, settings: "swav_config.TrainConfig") -> None:
        """Write down what the training is of and with what settings, where that is not known."""
        self._scratch.mkdir(parents=True, exist_ok=True)
        facts = {"inputs": self.inputs, "settings": settings.to_dict()}
        for path, values in (
            (self._scratch / INPUTS, self.inputs),
            (self._scratch / _SETTINGS, facts),
        ):
            if not path.exists():
                write_checked_json(path, values)

    def _read_settings(self, progress: Progress) -> "swav_config.TrainConfig":
        """Return the settings of the interrupted training, or those for this machine."""
        from swav_train import TrainConfig

        path = self._scratch / _SETTINGS
        try:
            kept = read_checked_json(path)
        except FileNotFoundError:
            kept = None
        except Damaged as damage:
            progress.note(f"{damage}; this machine is measured anew")
            kept = None
        if kept is not None and kept.get("inputs") != self.inputs:
            progress.note(f"{path} belongs to another training; this machine is measured anew")
            kept = None
        if kept is None:
            remove(path)
            return self.fit_settings()
        return TrainConfig.from_dict(kept["settings"])

    def _learn(
        self,
        settings: "swav_config.TrainConfig",
        squares: NDArray[np.uint8],
        progress: Progress,
        *,
        began: float,
    ) -> None:
        """Let SwAV learn."""
        from swav_train import train as train_swav

        width, height = (self.table[name].to_numpy() for name in ("width", "height"))
        watch = _Watch(progress, settings, self.budget_seconds)
        try:
            with _explaining():
                train_swav(
                    squares,
                    settings,
                    self._scratch,
                    budget_seconds=self.budget_seconds,
                    spent_seconds=time.monotonic() - began,
                    aspects=width / height,
                    on_epoch=watch.epoch,
                    on_retry=progress.note,
                    init=self.init,
                    images_digest=self.inputs["images"],
                    beside=(INPUTS, _SETTINGS),
                )
            watch.complete()
        finally:
            watch.end()

    def _squares(self, side: int, progress: Progress) -> tuple[NDArray[np.uint8], Path]:
        """Return the images (N, 3, S, S) uint8, in memory, or in a mapped file if they are many."""
        shape = (len(self.table), 3, side, side)
        scratch = self.workspace.pixels / ".squares.npy.partial"
        squares: NDArray[np.uint8]
        if np.prod(shape, dtype=float) < _MEMORY_SHARE * memory_bytes():
            squares = np.empty(shape, np.uint8)
        else:
            squares = np.lib.format.open_memmap(scratch, "w+", np.uint8, shape)
        cache = open_pixels(self.workspace, progress)
        hashes = self.table["hash"].to_pylist()
        with task(progress, "load", len(hashes)):
            for start in range(0, len(hashes), 4096):
                part = slice(start, start + 4096)
                cache.squares(hashes[part], side, out=squares[part])
                progress.advance(len(hashes[part]))
        return squares, scratch


@contextmanager
def _explaining() -> Iterator[None]:
    """Turn what a training lacks into an error with a way out.

    Raises:
        TrainingError: It diverged or collapsed.
        ResourceError: The pretrained weights cannot be had.
        InputError: The weights to start from are not of this backbone.
    """
    from swav_train.errors import TrainingDiverged, WeightsUnavailable, WeightsUnusable

    try:
        yield
    except TrainingDiverged as error:
        raise TrainingError(f"training failed: {error.reason}", hint=error.advice) from None
    except WeightsUnavailable as error:
        raise ResourceError(error.reason, hint=error.advice) from None
    except WeightsUnusable as error:
        raise InputError(
            str(error), hint="name weights of this backbone, or another one with --backbone"
        ) from None


class _Watch:
    """Turns epochs into progress."""

    def __init__(
        self,
        progress: Progress,
        settings: "swav_config.TrainConfig",
        budget_seconds: float | None,
    ) -> None:
        self._progress = progress
        self._budget_seconds = budget_seconds
        self._is_open = False
        self._done = self._total = 0
        chosen = settings.to_dict()
        shown = (f"{title} {_short(chosen[name])}" for title, name in _SHOWN_SETTINGS)
        progress.note(f"settings: {', '.join(shown)}")

    def epoch(self, metrics: "EpochMetrics") -> None:
        """Hear of an epoch's end."""
        has_budget = self._budget_seconds is not None
        if not self._is_open:
            self._total = round(self._budget_seconds or 0) if has_budget else metrics.epochs
            self._progress.begin("train, seconds" if has_budget else "train, epochs", self._total)
            self._is_open = True
        self._advance_to(round(metrics.seconds) if has_budget else metrics.epoch)
        self._progress.status(
            f"epoch {metrics.epoch}, loss/log K {metrics.loss_ratio:.3f}, "
            f"usage {metrics.usage_entropy:.2f}, {metrics.images_per_second:,.0f} images/s"
        )

    def complete(self) -> None:
        """Count as done what is left of the budget: the last epoch that fitted into it is over."""
        self._advance_to(self._total)

    def end(self) -> None:
        """Close the task, if it was opened."""
        if self._is_open:
            self._progress.end()

    def _advance_to(self, done: int) -> None:
        done = min(done, self._total)
        if done > self._done:
            self._progress.advance(done - self._done)
            self._done = done


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _describe_training(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a training came to, from what ``model.json`` says."""
    last = facts["metrics"]
    return {
        "settings": facts["config"],
        "started_from": facts["started_from"],
        "epochs": last["epoch"],
        "loss": last["loss"],
        "loss_ratio": last["loss_ratio"],
        "usage_entropy": facts["usage_entropy"],
        "view_agreement": last["view_agreement"],
        "images_per_second": last["images_per_second"],
        "seconds": facts["seconds"],
        "warning": facts["warning"],
        "mended": facts["mended"],
        "kept": facts["kept"],
    }


def _digest(path: Path | None) -> str | None:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path is not None else None
