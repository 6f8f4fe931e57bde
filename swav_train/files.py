"""Files that appear whole or not at all."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors.torch import save
from torch import Tensor


@contextmanager
def replace_file(path: Path) -> Iterator[Path]:
    """Give a scratch path beside ``path``; move it there only if the block succeeds.

    Args:
        path: The file to write or replace.

    Yields:
        ``.NAME.PID.partial`` in the same folder.
    """
    scratch = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        yield scratch
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)


def check_model_folder(folder: Path, known: Collection[str]) -> None:
    """Check that a folder is new, empty or of a model, so that nothing else in it is ever replaced.

    Args:
        folder: Where a model is to be written.
        known: Names of what a model's folder holds.

    Raises:
        ValueError: It is a file, or something else lies in it.
    """
    if not folder.exists():
        return
    if not folder.is_dir():
        raise ValueError(f"{folder} is not a folder; name a new one")
    names = {path.name for path in folder.iterdir() if not _is_partial(path.name)}
    foreign = sorted(names - set(known))
    if foreign:
        raise ValueError(
            f"{folder} holds {foreign[0]}, which is no part of a model; name a new folder"
        )


@contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Hold a folder, which is made if it is absent: no two processes write one model.

    Raises:
        ValueError: Another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise ValueError(f"{folder} is being written by another training; name a new one") from None
    finally:
        os.close(handle)


def _is_partial(name: str) -> bool:
    return name.startswith(".") and name.endswith(".partial")


def remove_partials(folder: Path) -> None:
    """Delete what a killed run left half-written in ``folder`` and its subfolders."""
    for scratch in sorted(folder.rglob(".*.partial")):
        scratch.unlink(missing_ok=True)


def write_tensors(
    path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None
) -> None:
    """Write tensors, and text beside them, as one safetensors file.

    Args:
        path: The file, replaced if it is there.
        tensors: By name, on any device.
        metadata: Text by name, for the file's header.
    """
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with replace_file(path) as scratch:
        scratch.write_bytes(save(plain, metadata=dict(metadata or {})))


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Write an object as indented JSON.

    Args:
        path: The file, replaced if it is there.
        values: JSON values by name.
    """
    with replace_file(path) as scratch:
        scratch.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")


def write_lines(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write objects as JSON, one a line.

    Args:
        path: The file, replaced if it is there.
        rows: JSON values by name, one object a line.
    """
    with replace_file(path) as scratch:
        scratch.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def strip_prefix(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors whose names begin with a prefix, by the rest of their names.

    Args:
        prefix: Such as ``backbone.``.
        tensors: By name.
    """
    return {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
