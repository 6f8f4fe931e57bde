"""Shards of the pixel cache: every image once, shrunk, upright, RGB, keyed by content hash.

A shard is two files: ``NNNNNN.bin`` holds the images one after the other, raw while they are small,
else as JPEG; ``NNNNNN.parquet`` holds, per content hash, where its image lies, its checksum and
what is known of it. A shard without its Parquet file was never finished and is written again.
"""

from dataclasses import dataclass
from mmap import ACCESS_READ, mmap
from pathlib import Path
from zlib import crc32

import numpy as np
import pyarrow as pa
import simplejpeg
from numpy.typing import NDArray

from curate.amounts import count_of
from curate.files import remove, replacing
from curate.images.decode import Pixels
from curate.workspace.integrity import read_table, reading, write_table

CAPTURE_FACTS = pa.schema(
    [
        pa.field("taken_at", pa.timestamp("ms")),
        pa.field("camera", pa.string()),
        pa.field("latitude", pa.float64()),
        pa.field("longitude", pa.float64()),
    ]
)
"""What a camera wrote; earlier versions did not read it, so that their files lack it."""

FACTS = pa.schema(
    [
        pa.field("hash", pa.string()),
        pa.field("status", pa.string()),
        pa.field("reason", pa.string()),
        pa.field("width", pa.int32()),
        pa.field("height", pa.int32()),
        pa.field("format", pa.string()),
        pa.field("mode", pa.string()),
        pa.field("frames", pa.int32()),
        pa.field("is_truncated", pa.bool_()),
        pa.field("needs", pa.string()),
        pa.field("sharpness", pa.float32()),
        pa.field("brightness", pa.float32()),
        pa.field("contrast", pa.float32()),
        pa.field("entropy", pa.float32()),
        pa.field("shade", pa.float32()),
        pa.field("light", pa.float32()),
        pa.field("chroma", pa.float32()),
        pa.field("detail", pa.float32()),
        pa.field("phash", pa.uint64()),
        *CAPTURE_FACTS,
    ]
)
"""What is known of an image from its bytes alone."""

PLACE = pa.schema(
    [
        pa.field("offset", pa.int64()),
        pa.field("length", pa.int32()),
        pa.field("rows", pa.int32()),
        pa.field("columns", pa.int32()),
        pa.field("is_raw", pa.bool_()),
        pa.field("crc32", pa.uint32()),
    ]
)
RAW_BYTES = 3 * 64 * 64
JPEG_QUALITY = 90
SHARD_BYTES = 64 << 20
SHARD_IMAGES = 4096


@dataclass(frozen=True, slots=True)
class Packed:
    """An image as the cache stores it.

    Attributes:
        blob: Its bytes; empty for an image that could not be read.
        rows: Height in px.
        columns: Width in px.
        is_raw: Whether ``blob`` is plain RGB, else it is a JPEG.
    """

    blob: bytes
    rows: int
    columns: int
    is_raw: bool


NOTHING = Packed(b"", 0, 0, is_raw=True)


def pack(pixels: Pixels) -> Packed:
    """Pack pixels (h, w, 3) for the cache: raw up to the size of an icon, else JPEG."""
    rows, columns = pixels.shape[:2]
    if pixels.nbytes <= RAW_BYTES:
        return Packed(pixels.tobytes(), rows, columns, is_raw=True)
    blob = simplejpeg.encode_jpeg(pixels, quality=JPEG_QUALITY)
    return Packed(blob, rows, columns, is_raw=False)


def unpack(image: Packed) -> Pixels:
    """Return pixels, (h, w, 3) uint8, from how the cache has them."""
    if image.is_raw:
        return np.frombuffer(image.blob, np.uint8).reshape(image.rows, image.columns, 3)
    pixels: Pixels = simplejpeg.decode_jpeg(image.blob)
    return pixels


class ShardWriter:
    """Collect images and write them out, a shard at a time."""

    def __init__(self, folder: Path, *, most_images: int = SHARD_IMAGES) -> None:
        """Continue after the last finished shard.

        Args:
            folder: Where the shards lie.
            most_images: Images of a shard at most.
        """
        self._folder = folder
        self._most_images = most_images
        self._next = 1 + max((int(path.stem) for path in list_shards(folder)), default=0)
        self._facts: list[dict[str, object]] = []
        self._images: list[Packed] = []
        self._bytes = 0

    @property
    def is_full(self) -> bool:
        """Whether it is time to write a shard."""
        return self._bytes >= SHARD_BYTES or len(self._images) >= self._most_images

    def add(self, facts: dict[str, object], image: Packed) -> None:
        """Take one image; ``facts`` has the columns of ``FACTS``."""
        self._facts.append(facts)
        self._images.append(image)
        self._bytes += len(image.blob)

    def flush(self) -> None:
        """Write what was collected as one shard.

        Raises:
            ResourceError: The disk is full or cannot be written.
        """
        if not self._images:
            return
        stem = self._folder / f"{self._next:06d}"
        lengths = [len(image.blob) for image in self._images]
        with replacing(stem.with_suffix(".bin")) as scratch, scratch.open("wb") as file:
            for image in self._images:
                file.write(image.blob)
        place = pa.table(
            {
                "offset": np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)[:-1]]),
                "length": lengths,
                "rows": [image.rows for image in self._images],
                "columns": [image.columns for image in self._images],
                "is_raw": [image.is_raw for image in self._images],
                "crc32": [crc32(image.blob) for image in self._images],
            }
        ).cast(PLACE)
        table = pa.Table.from_pylist(self._facts, schema=FACTS)
        for field in PLACE:
            table = table.append_column(field, place[field.name])
        write_table(table, stem.with_suffix(".parquet"))
        self._next += 1
        self._facts, self._images, self._bytes = [], [], 0


def read_facts(folder: Path) -> pa.Table:
    """Return what is known of content hashes, the newest first, columns of ``FACTS``.

    Raises:
        Damaged: A shard's table is.
    """
    shards = reversed(list_shards(folder))
    tables = [read_table(path, FACTS.names, optional=CAPTURE_FACTS) for path in shards]
    return pa.concat_tables(tables) if tables else FACTS.empty_table()


def list_shards(folder: Path) -> list[Path]:
    """Return the Parquet files of the finished shards, in order."""
    return sorted(folder.glob("[0-9]*.parquet"))


def describe_lost_rows(is_lost: NDArray[np.bool_]) -> str:
    """Return how many images of a shard are lost, in words; (N,) bool, some are."""
    n_lost = int(is_lost.sum())
    are = "is" if n_lost == 1 else "are"
    return f"{n_lost:,} of its {count_of(len(is_lost), 'image')} {are} lost or damaged"


def find_lost_rows(shard: Path, *, is_thorough: bool) -> NDArray[np.bool_]:
    """Return which images of a shard are not what was written, (N,) bool.

    Args:
        shard: Its Parquet file.
        is_thorough: Whether every image is read; else only the size of the file counts.

    Raises:
        Damaged: The Parquet file is.
    """
    table = read_table(shard, PLACE.names)
    start, length = as_numbers(table["offset"]), as_numbers(table["length"])
    file = map_file(shard.with_suffix(".bin"))
    is_lost = start + length > (len(file) if file is not None else 0)
    if is_thorough and file is not None:
        stored = as_numbers(table["crc32"])
        for row in np.flatnonzero(~is_lost).tolist():
            is_lost[row] = crc32(file[start[row] : start[row] + length[row]]) != stored[row]
    return np.asarray(is_lost)


def drop_rows(shard: Path, is_dropped: NDArray[np.bool_]) -> None:
    """Forget images of a shard, so that they count as unread; without any it is removed.

    Raises:
        ResourceError: The disk is full or cannot be written.
    """
    table = read_table(shard).filter(pa.array(~is_dropped))
    if len(table):
        write_table(table, shard)
    else:
        remove_shard(shard)


def remove_shard(shard: Path) -> None:
    """Remove both files of a shard."""
    remove(shard)
    remove(shard.with_suffix(".bin"))


def as_numbers(column: pa.ChunkedArray) -> NDArray[np.int64]:
    """Return a column without nulls as an array, (N,)."""
    return np.asarray(column.to_numpy(), np.int64)


def map_file(path: Path) -> mmap | None:
    """Return a file mapped into memory; None if it is empty or lost."""
    if not path.exists():
        return None
    with reading(path), path.open("rb") as file:
        return mmap(file.fileno(), 0, access=ACCESS_READ) if path.stat().st_size else None
