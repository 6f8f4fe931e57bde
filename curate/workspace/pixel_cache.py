"""The pixel cache: every image once, shrunk, upright, RGB, in shards keyed by content hash.

A shard is two files: ``NNNNNN.bin`` holds the images one after the other, raw while they are small,
else as JPEG; ``NNNNNN.parquet`` holds, per content hash, where its image lies, its checksum and
what is known of it. A shard without its Parquet file was never finished and is written again.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Protocol
from zlib import crc32

import numpy as np
import pyarrow as pa
import simplejpeg
from numpy.typing import NDArray

from curate.amounts import count_of
from curate.errors import InputError
from curate.files import remove, replacing
from curate.images.decode import Pixels
from curate.images.resize import squash_to_square
from curate.machine import count_decoders
from curate.workspace.integrity import Damaged, read_table, reading, write_table

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

_PLACE = pa.schema(
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
Fetch = Callable[[Path], None]
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
        ).cast(_PLACE)
        table = pa.Table.from_pylist(self._facts, schema=FACTS)
        for field in _PLACE:
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
    table = read_table(shard, _PLACE.names)
    start, length = _numbers(table["offset"]), _numbers(table["length"])
    file = _map(shard.with_suffix(".bin"))
    is_lost = start + length > (len(file) if file is not None else 0)
    if is_thorough and file is not None:
        stored = _numbers(table["crc32"])
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


class Mender(Protocol):
    """Makes images of the cache again."""

    def make_again(self, content_hash: str, shard: Path | None) -> Packed:
        """Return an image that the cache lacks, from a file of this content.

        Args:
            content_hash: Of its file.
            shard: Where it is damaged; None where no shard names it.

        Raises:
            InputError: There is no such file any more.
        """

    def hear(self, damage: Damaged) -> None:
        """Take note that a shard's table is damaged."""


class _Index:
    """Where the images lie in the finished shards."""

    def __init__(self, folder: Path, mender: Mender | None, fetch: Fetch | None) -> None:
        names = ["hash", *_PLACE.names]
        tables, self.shards = [], []
        for path in reversed(list_shards(folder)):  # of two entries of one content the newer counts
            try:
                tables.append(read_table(path, names))
            except Damaged as damage:
                if mender is None:
                    raise
                mender.hear(damage)
            else:
                self.shards.append(path)
        self._fetch = fetch
        bins = [path.with_suffix(".bin") for path in self.shards]
        self._maps = dict(enumerate(map(_map, bins))) if fetch is None else {}
        index = pa.concat_tables(tables) if tables else pa.table({name: [] for name in names})
        keys = _keys(index["hash"].to_pylist())
        order = np.argsort(keys, kind="stable")
        self._keys = keys[order]
        shard = np.repeat(np.arange(len(tables), dtype=np.int32), [len(t) for t in tables])
        self.shard = shard[order]
        self._offset = _numbers(index["offset"])[order]
        self._length = _numbers(index["length"])[order]
        self.rows = _numbers(index["rows"])[order]
        self._columns = _numbers(index["columns"])[order]
        self._is_raw = _numbers(index["is_raw"])[order].astype(bool)
        self._crc32 = _numbers(index["crc32"])[order]

    def find(self, content_hashes: Sequence[str]) -> NDArray[np.int64]:
        """Return the place of each image, -1 where it has none."""
        keys = _keys(content_hashes)
        if len(self._keys) == 0:
            return np.full(len(keys), -1, np.int64)
        places = np.searchsorted(self._keys, keys)
        places[places == len(self._keys)] = 0
        return np.where(self._keys[places] == keys, places, -1)

    def load(self, place: int) -> Packed | None:
        """Return an image, or None if it is not what was written."""
        start, length = int(self._offset[place]), int(self._length[place])
        shard = self._open_shard(int(self.shard[place]))
        blob = shard[start : start + length] if shard is not None else b""
        if crc32(blob) != self._crc32[place]:
            return None
        size = int(self.rows[place]), int(self._columns[place])
        return Packed(blob, *size, is_raw=bool(self._is_raw[place]))

    def _open_shard(self, number: int) -> mmap | None:
        """Return the images of a shard, which may have to be fetched first."""
        if number not in self._maps:
            assert self._fetch is not None, "all is here"
            path = self.shards[number].with_suffix(".bin")
            self._fetch(path)
            self._maps[number] = _map(path)
        return self._maps[number]


class PixelCache:
    """Read access to the pixel cache.

    Images are looked up by content hash and decoded on all cores; the shards are memory-mapped, so
    memory holds only the index, some 60 bytes an image. Each image is checked against its checksum
    when it is read.
    """

    def __init__(
        self, folder: Path, mender: Mender | None = None, *, fetch: Fetch | None = None
    ) -> None:
        """Open every finished shard of ``folder``.

        Args:
            folder: Of the cache.
            mender: Makes what is damaged again; without one, damage is an error.
            fetch: Brings the images of a shard, ``NNNNNN.bin``, when they are read first; None
                where they are all there.

        Raises:
            Damaged: A shard's table is, and there is no mender.
        """
        self._folder, self._mender = folder, mender
        self._index = _Index(folder, mender, fetch)

    def has(self, content_hashes: Sequence[str]) -> list[bool]:
        """Return whether each image is in the cache and could be read."""
        places = self._index.find(content_hashes)
        return [place >= 0 and bool(self._index.rows[place] > 0) for place in places.tolist()]

    def read(self, content_hashes: Sequence[str]) -> list[Pixels]:
        """Return cached pixels, (h, w, 3) uint8 upright RGB each, in the order asked for.

        Raises:
            InputError: An image is not in the cache, or damaged, and cannot be made again.
        """
        read_one = self._open_reader(content_hashes)
        with ThreadPoolExecutor(count_decoders()) as pool:
            return list(pool.map(read_one, range(len(content_hashes))))

    def squares(self, content_hashes: Sequence[str], side: int, *, out: NDArray[np.uint8]) -> None:
        """Fill ``out`` (N, 3, side, side) with the images, each squashed to a square."""
        read_one = self._open_reader(content_hashes)

        def fill(row: int) -> None:
            out[row] = squash_to_square(read_one(row), side).transpose(2, 0, 1)

        with ThreadPoolExecutor(count_decoders()) as pool:
            for _ in pool.map(fill, range(len(content_hashes)), chunksize=16):
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

    def _open_reader(self, content_hashes: Sequence[str]) -> Callable[[int], Pixels]:
        """Return what gives the image of each of some content hashes, by its number.

        Raises:
            InputError: One is not in the cache.
        """
        index = self._index
        places = index.find(content_hashes)
        is_unreadable = (
            (places >= 0) & (index.rows[places] == 0) if len(index.rows) else places >= 0
        )
        if is_unreadable.any() or (self._mender is None and (places < 0).any()):
            raise InputError(
                "the pixel cache lacks some of these images",
                hint="scan the folder again: `curate cluster IMAGES` or `curate dedup IMAGES`",
            )

        def read_one(row: int) -> Pixels:
            place = int(places[row])
            image = index.load(place) if place >= 0 else None
            return unpack(image or self._make_again(index, place, content_hashes[row]))

        return read_one

    def _make_again(self, index: _Index, place: int, content_hash: str) -> Packed:
        """Return an image that is damaged, or that no shard names.

        Raises:
            Damaged: There is no mender.
        """
        shard = index.shards[index.shard[place]] if place >= 0 else None
        if self._mender is None:
            damaged = shard.with_suffix(".bin") if shard is not None else self._folder
            raise Damaged(damaged, "the checksum of an image does not fit")
        return self._mender.make_again(content_hash, shard)


def _keys(content_hashes: Sequence[str]) -> NDArray[np.bytes_]:
    return np.frombuffer(bytes.fromhex("".join(content_hashes)), "S32")


def _numbers(column: pa.ChunkedArray) -> NDArray[np.int64]:
    return np.asarray(column.to_numpy(), np.int64)


def _map(path: Path) -> mmap | None:
    """Return a file mapped into memory; None if it is empty or lost."""
    if not path.exists():
        return None
    with reading(path), path.open("rb") as file:
        return mmap(file.fileno(), 0, access=ACCESS_READ) if path.stat().st_size else None
