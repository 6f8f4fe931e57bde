"""Files of arrays in the cache: whole or not at all, numbered where they are added one by one.

Everything in the cache follows from the bytes of images, so it is kept by content hash and never
goes stale. What is lost or damaged is computed again.
"""

import zipfile
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from curate.files import replacing


def write_arrays(path: Path, **arrays: NDArray[np.generic]) -> None:
    """Write arrays into one file, whole or not at all."""
    with replacing(path) as scratch, scratch.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]


def read_arrays(path: Path) -> dict[str, NDArray[np.generic]] | None:
    """Return the arrays of a file, or None if it is not there or damaged: it has checksums."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return dict(arrays)
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error):
        return None


def list_shards(folder: Path, name: str) -> list[Path]:
    """Return the files ``name-NNNNNN.npz`` of a folder, in order."""
    return sorted(folder.glob(f"{name}-[0-9]*.npz"))


def next_shard(folder: Path, name: str) -> Path:
    """Return the path of the shard after the last one."""
    numbers = [int(path.stem.rpartition("-")[2]) for path in list_shards(folder, name)]
    return folder / f"{name}-{1 + max(numbers, default=0):06d}.npz"


def pack_hashes(content_hashes: list[str]) -> NDArray[np.bytes_]:
    """Return hex SHA-256 as sortable keys, (N,) of 32 bytes."""
    return np.frombuffer(bytes.fromhex("".join(content_hashes)), "S32")
