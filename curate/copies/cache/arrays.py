"""Files of arrays in the cache: whole or not at all, numbered where they are added one by one.

Everything in the cache follows from the bytes of images, so it is kept by content hash and never
goes stale. What is lost or damaged is computed again: each file ends with the CRC-32 of its name
and of all before.
"""

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from curate.errors import InputError
from curate.files import replacing
from curate.manifest.text_column import TextColumn
from curate.workspace.integrity import Damaged, reading

_CHUNK = 1 << 22
_CHECKSUM_BYTES = 4
_N_SUMS = 4096  # parts of files whose sums are held


def write_arrays(path: Path, **arrays: NDArray[np.generic]) -> None:
    """Write arrays into one file, whole or not at all."""
    with replacing(path) as scratch:
        with scratch.open("wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]
        checksum = sum_file(scratch, start=crc32(path.name.encode()))
        with scratch.open("ab") as file:
            file.write(checksum.to_bytes(_CHECKSUM_BYTES, "little"))


def read_arrays(path: Path) -> dict[str, NDArray[np.generic]] | None:
    """Return the arrays of a file, or None if it is not there or damaged."""
    try:
        check_arrays(path)
        with reading(path), path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return dict(arrays)
    except InputError:
        return None


def check_arrays(path: Path) -> None:
    """Check a file of arrays against its checksum.

    Raises:
        Damaged: It is lost, or not what was written.
    """
    with reading(path):
        end = path.stat().st_size - _CHECKSUM_BYTES
        if end < 0:
            raise Damaged(path, "it is too short")
        with path.open("rb") as file:
            file.seek(end)
            stored = int.from_bytes(file.read(_CHECKSUM_BYTES), "little")
        if sum_file(path, start=crc32(path.name.encode()), end=end) != stored:
            raise Damaged(path, "its checksum does not fit")


def sum_file(path: Path, *, start: int = 0, begin: int = 0, end: int | None = None) -> int:
    """Return the CRC-32 of a part of a file; one that has not changed is read once a run.

    Args:
        path: The file.
        start: CRC-32 of what comes before.
        begin: First byte.
        end: Byte after the last one; None for the end of the file.
    """
    known = path.stat()
    version = (known.st_dev, known.st_ino, known.st_size, known.st_mtime_ns)
    return _sum_part(path, version, start, begin, known.st_size if end is None else end)


@lru_cache(maxsize=_N_SUMS)
def _sum_part(path: Path, version: tuple[int, ...], start: int, begin: int, end: int) -> int:
    """Return the CRC-32 of a part of one version of a file."""
    left, total = end - begin, start
    with path.open("rb") as file:
        file.seek(begin)
        while left > 0 and (chunk := file.read(min(left, _CHUNK))):
            total = crc32(chunk, total)
            left -= len(chunk)
    return total


def list_shards(folder: Path, name: str) -> list[Path]:
    """Return the files ``name-NNNNNN.npz`` of a folder, in order."""
    return sorted(folder.glob(f"{name}-[0-9]*.npz"))


def next_shard(folder: Path, name: str) -> Path:
    """Return the path of the shard after the last one."""
    numbers = [int(path.stem.rpartition("-")[2]) for path in list_shards(folder, name)]
    return folder / f"{name}-{1 + max(numbers, default=0):06d}.npz"


def pack_hashes(content_hashes: Iterable[str]) -> NDArray[np.bytes_]:
    """Return hex SHA-256 as sortable keys, (N,) of 32 bytes."""
    return np.frombuffer(bytes.fromhex(TextColumn.of(content_hashes).join()), "S32")


def read_fingerprints(content_hashes: Iterable[str]) -> NDArray[np.uint64]:
    """Return the first eight bytes of hex SHA-256 as numbers, (N,) uint64."""
    return pack_hashes(content_hashes).view(">u8").reshape(-1, 4)[:, 0].astype(np.uint64)
