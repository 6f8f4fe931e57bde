"""The keypoints of every image seen, on disk: found once, read where they are needed.

``keypoints.bin`` holds the records of all images one after the other and only grows;
``keypoints-NNNNNN.npz`` says which images came with one addition, and has the checksum of their
records. What lies behind the last image named was never finished and is overwritten.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from curate.copies.cache.arrays import (
    list_shards,
    next_shard,
    pack_hashes,
    read_arrays,
    sum_file,
    write_arrays,
)
from curate.copies.cache.evidence_store import count_slots_named
from curate.copies.candidates.from_hashes import HashedImages
from curate.copies.candidates.thumbnails import THUMBNAIL_SIDE
from curate.copies.verification.keypoints import RECORD, Keypoints
from curate.files import disk_errors, remove

_INDEX: dict[str, NDArray[np.generic]] = {
    "key": np.zeros(0, "S32"),
    "phash": np.zeros(0, np.uint64),
    "count": np.zeros(0, np.int32),
    "shape": np.zeros((0, 2), np.int32),
    "thumbnail": np.zeros((0, THUMBNAIL_SIDE, THUMBNAIL_SIDE), np.uint8),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class ExtractedKeypoints:
    """The keypoints of one image.

    Attributes:
        shape: Height and width of its working copy in px.
        records: (n,) of ``RECORD``, strongest first.
        thumbnail: (8, 8) uint8, of `curate.copies.candidates.thumbnails`.
    """

    shape: tuple[int, ...]
    records: NDArray[np.void]
    thumbnail: NDArray[np.uint8]


class KeypointStore:
    """Keypoints by content hash. The place of an image in the order of arrival is its slot.

    Attributes:
        was_damaged: Whether what was there was not what was written, and counts as none.
    """

    def __init__(self, folder: Path, *, is_writer: bool = True) -> None:
        """Open the keypoints in a cache; damaged ones count as none.

        Args:
            folder: Of the cache.
            is_writer: Drop damaged ones for good, with all that refers to slots.
        """
        self._folder = folder
        self.was_damaged = not self._open()
        if self.was_damaged:
            self._set([])
            if is_writer:
                for path in (*folder.glob("*.npz"), *folder.glob("*.faiss"), self._bin):
                    remove(path)

    def _open(self) -> bool:
        """Read the index; return whether all is what was written."""
        tables = [read_arrays(path) for path in list_shards(self._folder, "keypoints")]
        whole = [table for table in tables if table is not None]
        self._set(whole)
        return len(whole) == len(tables) and not self._has_lost(whole)

    def _has_lost(self, tables: Sequence[dict[str, NDArray[np.generic]]]) -> bool:
        """Return whether records are not those written, or evidence names images not here."""
        end = 0
        for table in tables:
            begin, end = end, end + int(table["count"].sum()) * RECORD.itemsize
            if _measure_file(self._bin) < end or (
                sum_file(self._bin, begin=begin, end=end) != int(table["checksum"])
            ):
                return True
        is_longer = _measure_file(self._bin) > end
        return is_longer and count_slots_named(self._folder) > len(self)

    def __len__(self) -> int:
        return len(self._keys)

    @property
    def keypoints(self) -> Keypoints:
        """Return the keypoints of all images by slot, mapped into memory."""
        records: NDArray[np.void] = np.zeros(0, RECORD)
        if self._n_records:
            records = np.memmap(self._bin, RECORD, "r", shape=(self._n_records,))
        return Keypoints(
            starts=self._starts, counts=self._counts, shapes=self._shapes, records=records
        )

    def hashed(self, slots: NDArray[np.int64]) -> HashedImages:
        """Return what candidates by hash need of images, in the order of (N,) slots."""
        return HashedImages(phash=self._phash[slots], thumbnail=self._thumbnails[slots])

    @property
    def by_hash(self) -> NDArray[np.int64]:
        """Return the slots in the order of the content hashes, (S,) int64."""
        return self._order

    def find_slots(self, content_hashes: Sequence[str]) -> NDArray[np.int64]:
        """Return the slot of each image, (N,) int64, -1 where it has none yet."""
        keys = pack_hashes(content_hashes)
        if len(self) == 0:
            return np.full(len(keys), -1, np.int64)
        places = np.searchsorted(self._keys, keys, sorter=self._order)
        slots = self._order[np.minimum(places, len(self) - 1)]
        return np.where(self._keys[slots] == keys, slots, -1)

    def list_hashes(self, slots: NDArray[np.int64]) -> list[str]:
        """Return the content hash of each slot, hex."""
        size = self._keys.itemsize
        raw = self._keys[slots].tobytes()
        return [raw[start : start + size].hex() for start in range(0, len(raw), size)]

    def add(
        self,
        content_hashes: Sequence[str],
        phash: NDArray[np.uint64],
        extracted: Sequence[ExtractedKeypoints],
    ) -> None:
        """Append N images that have no slot yet.

        Args:
            content_hashes: N hex digests, all different.
            phash: (N,) uint64, perceptual hashes.
            extracted: N entries.

        Raises:
            ResourceError: The disk is full or cannot be written.
        """
        checksum = 0
        with disk_errors(self._bin), self._bin.open("ab") as file:
            file.truncate(self._n_records * RECORD.itemsize)
            for image in extracted:
                raw = image.records.tobytes()
                checksum = crc32(raw, checksum)
                file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        table: dict[str, NDArray[np.generic]] = {
            "key": pack_hashes(content_hashes),
            "phash": phash,
            "count": np.array([len(image.records) for image in extracted], np.int32),
            "shape": np.array([image.shape for image in extracted], np.int32),
            "thumbnail": np.stack([image.thumbnail for image in extracted]),
            "checksum": np.array(checksum, np.uint32),
        }
        write_arrays(next_shard(self._folder, "keypoints"), **table)
        known = {
            "key": self._keys,
            "phash": self._phash,
            "count": self._counts,
            "shape": self._shapes,
            "thumbnail": self._thumbnails,
        }
        self._set([known, table])

    @property
    def _bin(self) -> Path:
        return self._folder / "keypoints.bin"

    def _set(self, tables: Sequence[dict[str, NDArray[np.generic]]]) -> None:
        """Set the index from tables, in order."""
        columns = {
            name: np.concatenate([_INDEX[name], *(t[name] for t in tables)]) for name in _INDEX
        }
        self._keys = columns["key"].astype("S32")
        self._phash = columns["phash"].astype(np.uint64)
        self._counts = columns["count"].astype(np.int32)
        self._shapes = columns["shape"].astype(np.int32)
        self._thumbnails = columns["thumbnail"].astype(np.uint8)
        self._starts = np.cumsum(self._counts, dtype=np.int64) - self._counts
        self._n_records = int(self._counts.sum())
        self._order = np.argsort(self._keys, kind="stable").astype(np.int64)


def _measure_file(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
