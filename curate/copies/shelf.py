"""The shelf: what earlier searches found out, in a folder that a change of code empties.

Everything on it follows from the bytes of images, so it is kept by content hash and never goes
stale. What is lost or damaged is found out again.
"""

import hashlib
import json
import zipfile
import zlib
from importlib.resources import files
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from curate.files import remove, replacing, write_json

_MADE_BY = (
    "alter", "by_hashes", "by_points", "calibrate", "candidates", "colour", "evidence", "features",
    "geometry", "indexes", "practice", "verify",
)  # fmt: skip
"""The files that decide what is found out about images and pairs."""


def open_shelf(folder: Path) -> Path:
    """Return a folder made by this very code; one made by other code is emptied first.

    The caller is its only writer.
    """
    if not is_current(folder):
        remove(folder)
        write_json(folder / "recipe.json", {"recipe": _recipe()})
    for scrap in folder.glob(".*.partial"):
        remove(scrap)
    return folder


def is_current(folder: Path) -> bool:
    """Whether a folder is a shelf made by this very code; nothing is changed."""
    return _read_json(folder / "recipe.json") == {"recipe": _recipe()}


def write_arrays(path: Path, **arrays: NDArray[np.generic]) -> None:
    """Write arrays into one file, whole or not at all."""
    with replacing(path) as scratch, scratch.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]


def read_arrays(path: Path) -> dict[str, NDArray[np.generic]] | None:
    """Return the arrays of a file, or None if it is not there or damaged: it has checksums."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as found:
            return dict(found)
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error):
        return None


def shards(folder: Path, name: str) -> list[Path]:
    """Return the files ``name-NNNNNN.npz`` of a folder, in order."""
    return sorted(folder.glob(f"{name}-[0-9]*.npz"))


def next_shard(folder: Path, name: str) -> Path:
    """Return the path of the shard after the last one."""
    numbers = [int(path.stem.rpartition("-")[2]) for path in shards(folder, name)]
    return folder / f"{name}-{1 + max(numbers, default=0):06d}.npz"


def keys_of(content_hashes: list[str]) -> NDArray[np.bytes_]:
    """Return hex SHA-256 as sortable keys, (N,) of 32 bytes."""
    return np.frombuffer(bytes.fromhex("".join(content_hashes)), "S32")


def _recipe() -> str:
    """Return a digest of the code and the library that find things out."""
    digest = hashlib.sha256(cv2.__version__.encode())
    for name in _MADE_BY:
        digest.update(files("curate.copies").joinpath(f"{name}.py").read_bytes())
    return digest.hexdigest()[:16]


def _read_json(path: Path) -> object:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return None
