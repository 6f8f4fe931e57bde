"""Checkpoints: the state of a run as one safetensors file, scalars as JSON in its header."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from swav_train.distributed import broadcast_value, gather_rows, rank
from swav_train.errors import DamagedFile
from swav_train.files import read_tensors, strip_prefix, write_tensors
from swav_train.run.identity import is_same_training
from swav_train.run.metrics import METRICS_FILE, sum_metrics
from swav_train.run.state import TrainState

FOLDER = "checkpoint"
FILE = "state.safetensors"


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckpointParams:
    """How often a run is saved; chosen, not measured.

    Attributes:
        seconds: Between two checkpoints, at least.
        share: Of the time that saving may take, at most.
    """

    seconds: float = 10.0
    share: float = 0.05


CHECKPOINT = CheckpointParams()


class CheckpointTimer:
    """Saves now and then, so rarely that it costs little of the time."""

    def __init__(
        self,
        params: CheckpointParams = CHECKPOINT,
        *,
        read_clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin to wait.

        Args:
            params: How often.
            read_clock: Seconds that only grow.
        """
        self._params = params
        self._read_clock = read_clock
        self._saved_at = read_clock()

    def restart(self) -> None:
        """Wait as after a checkpoint that was written now."""
        self._saved_at = self._read_clock()

    def save_if_due(self, save: Callable[[], None]) -> None:
        """Call ``save`` if the last checkpoint is old enough."""
        if broadcast_value(self._read_clock() - self._saved_at) < self._params.seconds:
            return
        began = self._read_clock()
        save()
        ended = self._read_clock()
        pause = (ended - began) / self._params.share
        self._saved_at = ended + max(0.0, pause - self._params.seconds)


def save_checkpoint(state: TrainState, out: Path, *, identity: Mapping[str, Any]) -> None:
    """Write all of ``state`` under ``out``; every process calls it, the first one writes.

    Args:
        state: What to save.
        out: The folder of the model.
        identity: What a later run must ask for to go on from here, JSON values.
    """
    tensors = {f"model.{name}": tensor for name, tensor in state.model.state_dict().items()}
    tensors |= {f"average.{name}": tensor for name, tensor in state.average.items()}
    tensors |= {"tally.loss": state.tally.loss, "tally.usage": state.tally.usage}
    for index, values in state.optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{key}": value for key, value in values.items()}
    queues = []
    for index, queue in enumerate(state.queues):
        rows, next_row, filled = queue.state()
        tensors[f"queue.{index}"] = gather_rows(rows)
        queues.append([next_row, filled])
    scalars = {
        "identity": dict(identity),
        "metrics": sum_metrics(out / METRICS_FILE, epochs=state.epoch),
        "step": state.step,
        "epoch": state.epoch,
        "seconds": state.seconds,
        "tally_steps": state.tally.steps,
        "queues": queues,
        "started_from": state.started_from,
    }
    if rank() == 0:
        (out / FOLDER).mkdir(parents=True, exist_ok=True)
        write_tensors(out / FOLDER / FILE, tensors, {"state": json.dumps(scalars)})


def load_checkpoint(state: TrainState, out: Path, *, identity: Mapping[str, Any]) -> bool:
    """Put a saved state into a fresh one.

    Args:
        state: From :func:`swav_train.run.state.new_state`, changed in place.
        out: The folder of the model.
        identity: As saved; a checkpoint of anything else is left alone.

    Returns:
        True if there was a checkpoint to go on from.

    Raises:
        DamagedFile: It is not what was written.
    """
    path = out / FOLDER / FILE
    if not path.exists():
        return False
    tensors, scalars = _read(path)
    if not is_same_training(scalars["identity"], identity):
        return False
    _restore(state, tensors, scalars)
    return True


def count_other_epochs(out: Path, *, identity: Mapping[str, Any] | None = None) -> int | None:
    """Return how many epochs a whole checkpoint of another training has done; None without one.

    Args:
        out: The folder of the model.
        identity: What this training is of, in whichever attempt; None takes each for another one.
    """
    try:
        _, scalars = _read(out / FOLDER / FILE)
    except DamagedFile:
        return None
    stored = {name: scalars["identity"].get(name) for name in identity or {}}
    is_other = identity is None or not is_same_training(stored, identity)
    return int(scalars["epoch"]) if is_other else None


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read a checkpoint.

    Returns:
        The tensors by name, and what is not a tensor, as ``save_checkpoint`` made them.

    Raises:
        DamagedFile: It is not what was written, or a whole file of another kind.
    """
    tensors, texts = read_tensors(path)
    if "state" not in texts:
        raise DamagedFile(path, "it is not a checkpoint")
    return tensors, json.loads(texts["state"])


def _restore(state: TrainState, tensors: dict[str, Tensor], scalars: dict[str, Any]) -> None:
    state.model.load_state_dict(strip_prefix("model.", tensors))
    for name, tensor in strip_prefix("average.", tensors).items():
        state.average[name].copy_(tensor)
    state.tally.loss.copy_(tensors["tally.loss"])
    state.tally.usage.copy_(tensors["tally.usage"])
    state.tally.steps = scalars["tally_steps"]
    _restore_optimizer(state.optimizer, strip_prefix("optimizer.", tensors))
    for number, (queue, (next_row, filled)) in enumerate(
        zip(state.queues, scalars["queues"], strict=True)
    ):
        rows = tensors[f"queue.{number}"].split(queue.size)[rank()]
        queue.restore(rows.to(state.device), next_row, filled)
    state.step = scalars["step"]
    state.epoch = scalars["epoch"]
    state.seconds = scalars["seconds"]
    state.started_from = scalars["started_from"]


def _restore_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Give the optimiser its moments back, in the memory layout of the parameters.

    A fused step walks parameter and moments side by side in memory: one in channels-last and the
    other not would pair the wrong entries.
    """
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    moments: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        number, _, key = name.partition(".")
        parameter = parameters[int(number)]
        if tensor.shape == parameter.shape:
            tensor = torch.empty_like(parameter, dtype=tensor.dtype).copy_(tensor)
        moments.setdefault(int(number), {})[key] = tensor
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": moments, "param_groups": groups})


def find_checkpoint_damage(out: Path) -> DamagedFile | None:
    """Return what is wrong with a checkpoint, or with the measures before it; None if nothing is.

    Args:
        out: The folder of the model.
    """
    path = out / FOLDER / FILE
    if not path.exists():
        return None
    try:
        _, scalars = _read(path)
        _check_metrics(out / METRICS_FILE, scalars)
    except DamagedFile as error:
        return error
    return None


def _check_metrics(path: Path, scalars: Mapping[str, Any]) -> None:
    """Check the measures of the epochs before a checkpoint.

    Raises:
        DamagedFile: They are not those that were written.
    """
    if sum_metrics(path, epochs=scalars["epoch"]) != scalars["metrics"]:
        raise DamagedFile(path, "its epochs are not those of the checkpoint")


def remove_checkpoint(out: Path) -> None:
    """Delete the checkpoint under ``out``, if there is one."""
    shutil.rmtree(out / FOLDER, ignore_errors=True)
