"""Read access to the pixel cache, whose shards `pixel_shards` describes."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from mmap import mmap
from pathlib import Path
from typing import Protocol
from zlib import crc32

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.errors import InputError
from curate.images.decode import Pixels
from curate.images.resize import squash_to_square
from curate.parallel import ordered_map
from curate.workspace.integrity import Damaged, read_table
from curate.workspace.pixel_shards import PLACE, Packed, as_numbers, list_shards, map_file, unpack

Fetch = Callable[[Path], None]


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
        names = ["hash", *PLACE.names]
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
        self._maps = dict(enumerate(map(map_file, bins))) if fetch is None else {}
        index = pa.concat_tables(tables) if tables else pa.table({name: [] for name in names})
        keys = _keys(index["hash"].to_pylist())
        order = np.argsort(keys, kind="stable")
        self._keys = keys[order]
        shard = np.repeat(np.arange(len(tables), dtype=np.int32), [len(t) for t in tables])
        self.shard = shard[order]
        self._offset = as_numbers(index["offset"])[order]
        self._length = as_numbers(index["length"])[order]
        self.rows = as_numbers(index["rows"])[order]
        self._columns = as_numbers(index["columns"])[order]
        self._is_raw = as_numbers(index["is_raw"])[order].astype(bool)
        self._crc32 = as_numbers(index["crc32"])[order]

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
            self._maps[number] = map_file(path)
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
        return list(ordered_map(read_one, range(len(content_hashes))))

    def squares(self, content_hashes: Sequence[str], side: int, *, out: NDArray[np.uint8]) -> None:
        """Fill ``out`` (N, 3, side, side) with the images, each squashed to a square."""
        read_one = self._open_reader(content_hashes)

        def fill(row: int) -> None:
            out[row] = squash_to_square(read_one(row), side).transpose(2, 0, 1)

        deque(ordered_map(fill, range(len(content_hashes))), maxlen=0)

    def square_batches(
        self, content_hashes: Sequence[str], side: int, *, batch_size: int
    ) -> Iterator[NDArray[np.uint8]]:
        """Yield the images as squares (B, 3, side, side); the next batch is made meanwhile."""

        def batch(start: int) -> NDArray[np.uint8]:
            hashes = content_hashes[start : start + batch_size]
            out = np.empty((len(hashes), 3, side, side), np.uint8)
            self.squares(hashes, side, out=out)
            return out

        starts = range(0, len(content_hashes), batch_size)
        yield from ordered_map(batch, starts, ahead=2, n_threads=1)

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
