"""What a training is of: a later run goes on with it only if it asks for the same."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from swav_train.config import TrainConfig
from swav_train.errors import DamagedFile, WeightsUnusable
from swav_train.files import digest_file

Identity = Mapping[str, Any]
"""JSON values."""


def identify(
    config: TrainConfig, *, budget_seconds: float | None, images: str, init: Path | None
) -> dict[str, Any]:
    """Return what a training is of: files count by what they hold, whatever they are called.

    Args:
        config: Its settings.
        budget_seconds: Time for it, if it has a budget.
        images: Digest of those that it learns from.
        init: The weights it starts from, if given.

    Raises:
        WeightsUnusable: These are not there or cannot be read.
    """
    return {
        "config": config.to_dict(),
        "budget_seconds": budget_seconds,
        "images": images,
        "init": _digest_weights(init) if init is not None else None,
    }


def _digest_weights(init: Path) -> str:
    try:
        return digest_file(init)
    except DamagedFile:
        raise WeightsUnusable(f"no file {init} to start from") from None


def is_same_training(stored: object, asked: Identity) -> bool:
    """Tell whether two trainings are of the same, wherever they compute.

    A training that a GPU began goes on on another or on a CPU: the device says where, not what.

    Args:
        stored: As read from a file.
        asked: From :func:`identify`.
    """
    return _without_device(stored) == _without_device(json.loads(json.dumps(dict(asked))))


def _without_device(identity: object) -> object:
    match identity:
        case {"config": dict(config), **others}:
            return others | {"config": {k: v for k, v in config.items() if k != "device"}}
        case _:
            return identity
