"""Files that appear whole or not at all, and are noticed when they were changed since."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zlib import crc32

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from swav_train.errors import DamagedFile, FolderInUse

_CHECKSUM = "checksum"


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
        FolderInUse: Another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise FolderInUse(
            f"{folder} is being written by another training",
            advice="wait until it ends, or name a new folder",
        ) from None
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
    """Write tensors, and text beside them with a checksum of all, as one safetensors file.

    Args:
        path: The file, replaced if it is there.
        tensors: By name, on any device.
        metadata: Text by name, for the file's header.
    """
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    texts = dict(metadata or {})
    texts[_CHECKSUM] = _sum_tensors(plain, texts)
    with replace_file(path) as scratch:
        scratch.write_bytes(save(plain, metadata=texts))


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return the tensors and texts that :func:`write_tensors` wrote.

    Args:
        path: The file.

    Raises:
        DamagedFile: It is not what was written.
    """
    try:
        raw = path.read_bytes()  # safetensors opens names in UTF-8 only
        tensors = load(raw)
        texts = _read_texts(raw)
    except (SafetensorError, OSError, ValueError) as error:
        raise DamagedFile(path, str(error)) from None
    if texts.pop(_CHECKSUM, None) != _sum_tensors(tensors, texts):
        raise DamagedFile(path, "its checksum does not fit")
    return tensors, texts


def _read_texts(raw: bytes) -> dict[str, str]:
    """Return the texts in the header of a safetensors file: its length in 8 bytes, then JSON."""
    length = int.from_bytes(raw[:8], "little")
    return dict(json.loads(raw[8 : 8 + length]).get("__metadata__", {}))


def _sum_tensors(tensors: Mapping[str, Tensor], texts: Mapping[str, str]) -> str:
    total = crc32(json.dumps(texts, sort_keys=True).encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        total = crc32(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode(), total)
        total = crc32(tensor.reshape(-1).view(torch.uint8).numpy().data, total)
    return f"{total:08x}"


def digest_file(path: Path) -> str:
    """Return the SHA-256 of a file, hex.

    Args:
        path: The file.

    Raises:
        DamagedFile: It is lost, or cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DamagedFile(path, str(error.strerror)) from None


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Write an object as indented JSON, with a checksum of it and of the file's name.

    Args:
        path: The file, replaced if it is there.
        values: JSON values by name.
    """
    text = json.dumps({**values, _CHECKSUM: _sum_json(values, path)}, indent=2)
    with replace_file(path) as scratch:
        scratch.write_text(text + "\n", encoding="utf-8")


def read_json(path: Path) -> dict[str, Any]:
    """Return the object that :func:`write_json` wrote, without the checksum.

    Args:
        path: The file.

    Raises:
        DamagedFile: It is not what was written.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DamagedFile(path, str(error)) from None
    if not isinstance(values, dict) or _CHECKSUM not in values:
        raise DamagedFile(path, "it has no checksum: another program or version wrote it")
    if values.pop(_CHECKSUM) != _sum_json(values, path):
        raise DamagedFile(path, "its checksum does not fit")
    return values


def _sum_json(values: Mapping[str, Any], path: Path) -> str:
    text = json.dumps(values, sort_keys=True)
    return f"{crc32(text.encode(), crc32(path.name.encode())):08x}"


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
