"""Files that appear whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
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
        ``.NAME.partial`` in the same folder.
    """
    scratch = path.with_name(f".{path.name}.partial")
    try:
        yield scratch
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)


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
