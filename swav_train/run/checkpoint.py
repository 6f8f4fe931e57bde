"""Saving and restoring the state of a run: one safetensors file, scalars as JSON in its header."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from swav_train.distributed import all_rows, rank
from swav_train.files import write_tensors
from swav_train.run.state import TrainState

FOLDER = "checkpoint"
FILE = "state.safetensors"


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
        tensors[f"queue.{index}"] = all_rows(rows)
        queues.append([next_row, filled])
    scalars = {
        "identity": dict(identity),
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
    """
    path = out / FOLDER / FILE
    if not path.exists():
        return False
    with safe_open(path, framework="pt") as file:
        scalars = json.loads(file.metadata()["state"])
        if scalars["identity"] != json.loads(json.dumps(dict(identity))):
            return False
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
    _restore(state, tensors, scalars)
    return True


def _restore(state: TrainState, tensors: dict[str, Tensor], scalars: dict[str, Any]) -> None:
    state.model.load_state_dict(_below("model.", tensors))
    for name, tensor in _below("average.", tensors).items():
        state.average[name].copy_(tensor)
    state.tally.loss.copy_(tensors["tally.loss"])
    state.tally.usage.copy_(tensors["tally.usage"])
    state.tally.steps = scalars["tally_steps"]
    _restore_optimizer(state.optimizer, _below("optimizer.", tensors))
    for number, (queue, (next_row, filled)) in enumerate(
        zip(state.queues, scalars["queues"], strict=True)
    ):
        own = tensors[f"queue.{number}"].split(queue.size)[rank()]
        queue.restore(own.to(state.device), next_row, filled)
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


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}


def remove_checkpoint(out: Path) -> None:
    """Delete the checkpoint under ``out``, if there is one."""
    shutil.rmtree(out / FOLDER, ignore_errors=True)


def read_initial_weights(path: Path) -> dict[str, Tensor]:
    """Return the backbone's tensors of a safetensors file: a model of this package or of timm.

    Raises:
        ValueError: There is no such file, or it is not in that format.
    """
    if not path.is_file():
        raise ValueError(f"no file {path} to start from")
    try:
        with safe_open(path, framework="pt") as file:
            given = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(f"{path} is not a safetensors file: {error}") from error
    return _below("backbone.", given) or given


def load_initial_weights(state: TrainState, given: Mapping[str, Tensor], *, origin: str) -> None:
    """Start the backbone from given weights.

    Args:
        state: Its backbone is changed in place.
        given: Tensors by their names in the backbone.
        origin: Where they are from, for people.

    Raises:
        ValueError: A tensor of the backbone is absent or has another shape.
    """
    wanted = state.model.backbone.state_dict()
    missing = sorted(n for n in wanted if n not in given or given[n].shape != wanted[n].shape)
    if missing:
        raise ValueError(
            f"{origin} do not fit backbone {state.config.backbone} with stem {state.config.stem}: "
            f"{len(missing)} of {len(wanted)} tensors are absent or of another shape, "
            f"the first is {missing[0]}"
        )
    state.model.backbone.load_state_dict({name: given[name] for name in wanted})
    with torch.no_grad():
        for name, average in state.average.items():
            average.copy_(state.model.get_parameter(name))
    state.started_from = origin
