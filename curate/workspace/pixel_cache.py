"""The pixel cache: every image once, shrunk, upright, RGB, in shards keyed by content hash.

A shard is two files: ``NNNNNN.bin`` holds the images one after the other, raw while they are small,
else as JPEG; ``NNNNNN.parquet`` holds, per content hash, where its image lies and what is known of
it. A shard without its Parquet file was never finished and is written again.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from mmap import ACCESS_READ, mmap
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import simplejpeg
from numpy.typing import NDArray

from curate.errors import InputError, first_line
from curate.files import disk_errors, replacing
from curate.images.decode import Pixels
from curate.images.resize import squash_to_square
from curate.parallel import n_workers

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
    ]
)
"""What is known of an image from its bytes alone."""

_PLACE = pa.schema(
    [
        pa.field("offset", pa.int64()),
        pa.field("length", pa.int32()),
        pa.field("rows", pa.int32()),
        pa.field("columns", pa.int32()),
        pa.field("is_raw", pa.bool_()),
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
        self._next = 1 + max((int(path.stem) for path in _shard_paths(folder)), default=0)
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
            }
        ).cast(_PLACE)
        table = pa.Table.from_pylist(self._facts, schema=FACTS)
        for field in _PLACE:
            table = table.append_column(field, place[field.name])
        with replacing(stem.with_suffix(".parquet")) as scratch:
            pq.write_table(table, scratch, compression="zstd")
        self._next += 1
        self._facts, self._images, self._bytes = [], [], 0


def read_facts(folder: Path) -> pa.Table:
    """Return what is known of content hashes, the newest first, columns of ``FACTS``."""
    tables = [_shard_table(path, FACTS.names) for path in reversed(_shard_paths(folder))]
    return pa.concat_tables(tables) if tables else FACTS.empty_table()


class PixelCache:
    """Read access to the pixel cache.

    Images are looked up by content hash and decoded on all cores; the shards are memory-mapped, so
    memory holds only the index, some 60 bytes an image.
    """

    def __init__(self, folder: Path) -> None:
        """Open every finished shard of ``folder``."""
        shards = _shard_paths(folder)[::-1]  # of two entries of one content the newer one counts
        self._maps: list[mmap | None] = [_mapped(path.with_suffix(".bin")) for path in shards]
        names = ["hash", *_PLACE.names]
        tables = [_shard_table(path, names) for path in shards]
        index = pa.concat_tables(tables) if tables else pa.table({name: [] for name in names})
        keys = _keys(index["hash"].to_pylist())
        order = np.argsort(keys, kind="stable")
        self._keys = keys[order]
        shard = np.repeat(np.arange(len(tables), dtype=np.int32), [len(t) for t in tables])
        self._shard = shard[order]
        self._offset = _numbers(index["offset"])[order]
        self._length = _numbers(index["length"])[order]
        self._rows = _numbers(index["rows"])[order]
        self._columns = _numbers(index["columns"])[order]
        self._is_raw = _numbers(index["is_raw"])[order].astype(bool)

    def has(self, content_hashes: Sequence[str]) -> list[bool]:
        """Return whether each image is in the cache and could be read."""
        if len(self._keys) == 0:
            return [False] * len(content_hashes)
        keys = _keys(content_hashes)
        places = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        is_there = (self._keys[places] == keys) & (self._rows[places] > 0)
        return [bool(one) for one in is_there]

    def read(self, content_hashes: Sequence[str]) -> list[Pixels]:
        """Return cached pixels, (h, w, 3) uint8 upright RGB each, in the order asked for.

        Raises:
            InputError: An image is not in the cache.
        """
        places = self._find(content_hashes)
        with ThreadPoolExecutor(n_workers()) as pool:
            return list(pool.map(self._image, places.tolist()))

    def squares(self, content_hashes: Sequence[str], side: int, *, out: NDArray[np.uint8]) -> None:
        """Fill ``out`` (N, 3, side, side) with the images, each squashed to a square."""
        places = self._find(content_hashes)

        def fill(row: int) -> None:
            out[row] = squash_to_square(self._image(int(places[row])), side).transpose(2, 0, 1)

        with ThreadPoolExecutor(n_workers()) as pool:
            for _ in pool.map(fill, range(len(places)), chunksize=16):
                pass

    def square_batches(
        self, content_hashes: Sequence[str], side: int, *, batch_size: int
    ) -> Iterator[NDArray[np.uint8]]:
        """Yield the images as squares (B, 3, side, side); the next batch is made meanwhile."""

        def batch(start: int) -> NDArray[np.uint8]:
            hashes = content_hashes[start : start + batch_size]
            out = np.empty((len(hashes), 3, side, side), np.uint8)
            self.squares(hashes, side, out=out)
            return out

        with ThreadPoolExecutor(1) as ahead:
            starts = range(0, len(content_hashes), batch_size)
            waiting = None
            for start in starts:
                coming = ahead.submit(batch, start)
                if waiting is not None:
                    yield waiting.result()
                waiting = coming
            if waiting is not None:
                yield waiting.result()

    def _find(self, content_hashes: Sequence[str]) -> NDArray[np.int64]:
        keys = _keys(content_hashes)
        places = np.searchsorted(self._keys, keys)
        places[places == len(self._keys)] = 0
        known = len(self._keys) > 0 and np.array_equal(self._keys[places], keys)
        if len(keys) and (not known or not self._rows[places].all()):
            raise InputError(
                "the pixel cache lacks some of these images",
                hint="scan the folder again: `curate cluster IMAGES` or `curate dedup IMAGES`",
            )
        return np.asarray(places, np.int64)

    def _image(self, place: int) -> Pixels:
        start, length = int(self._offset[place]), int(self._length[place])
        shard = self._maps[self._shard[place]]
        blob = shard[start : start + length] if shard is not None else b""
        if self._is_raw[place]:
            shape = (int(self._rows[place]), int(self._columns[place]), 3)
            return np.frombuffer(blob, np.uint8).reshape(shape)
        pixels: Pixels = simplejpeg.decode_jpeg(blob)
        return pixels


def _shard_paths(folder: Path) -> list[Path]:
    """Return the Parquet files of the finished shards, in order."""
    return sorted(folder.glob("[0-9]*.parquet"))


def _shard_table(path: Path, names: list[str]) -> pa.Table:
    """Return columns of a shard.

    Raises:
        InputError: The file is damaged, or of another version.
    """
    try:
        return pq.read_table(path, columns=names)
    except (pa.ArrowException, OSError) as error:
        raise InputError(
            f"{path} cannot be read: {first_line(error)}",
            hint="move this workspace away; a new one is made by scanning again",
        ) from None


def _keys(content_hashes: Sequence[str]) -> NDArray[np.bytes_]:
    return np.frombuffer(bytes.fromhex("".join(content_hashes)), "S32")


def _numbers(column: pa.ChunkedArray) -> NDArray[np.int64]:
    return np.asarray(column.to_numpy(), np.int64)


def _mapped(path: Path) -> mmap | None:
    with disk_errors(path), path.open("rb") as file:
        return mmap(file.fileno(), 0, access=ACCESS_READ) if path.stat().st_size else None
