"""What laying pairs of images over each other has shown, kept for the next search."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from curate.copies.cache.arrays import next_shard, read_arrays, shards, write_arrays
from curate.copies.cache.keypoint_store import PointStore
from curate.copies.verification.evidence import NAMES
from curate.copies.verification.verifier import Findings, Verifier, is_mirrored
from curate.files import remove

Ints = NDArray[np.int64]

_SHARD_ROWS = 65_536
_ROW = np.dtype(
    [
        ("key", np.int64),
        ("inliers", np.int32),
        ("map", np.float32, (2, 3)),
        ("evidence", np.float32, len(NAMES)),
    ]
)


class Memory:
    """All that is known of images and pairs: their points, and the evidence on pairs.

    Attributes:
        folder: Where it lies.
        points: The points of every image.
    """

    def __init__(self, folder: Path) -> None:
        """Open a shelf; the caller is its only writer."""
        self.folder = folder
        self.points = PointStore(self.folder)
        self._rows = np.zeros(0, _ROW)
        parts = [self._rows]
        for path in shards(self.folder, "pairs"):
            found = read_arrays(path)
            if found is None:
                remove(path)
            else:
                parts.append(np.asarray(found["rows"], _ROW))
        self._set(parts)

    def findings(
        self,
        verifier: Verifier,
        slots: Ints,
        pairs: tuple[Ints, Ints, Ints],
        *,
        told: Callable[[int], None] | None = None,
    ) -> Findings:
        """Return the evidence on pairs, those without any left out; only new pairs are examined.

        Args:
            verifier: Examines pairs of rows.
            slots: (R,) slot of each row.
            pairs: Rows of the first images, rows of the second, and the way, (P,) int64 each.
            told: Hears how many pairs are done.
        """
        a, b, way = pairs
        keys = _keys(slots[a], slots[b], way)
        unknown = np.nonzero(~self._knows(keys))[0]
        if told is not None:
            told(len(keys) - len(unknown))
        for start in range(0, len(unknown), _SHARD_ROWS):
            block = unknown[start : start + _SHARD_ROWS]
            self._add(keys[block], verifier.examined(a[block], b[block], way[block], told=told))
        rows = self._rows[np.searchsorted(self._rows["key"], keys)]
        return Findings(
            a=a,
            b=b,
            mirror=is_mirrored(way),
            maps=rows["map"],
            inliers=rows["inliers"],
            evidence=rows["evidence"],
        ).measured()

    def _knows(self, keys: Ints) -> NDArray[np.bool_]:
        known = self._rows["key"]
        if len(known) == 0:
            return np.zeros(len(keys), np.bool_)
        return np.asarray(known[np.minimum(np.searchsorted(known, keys), len(known) - 1)] == keys)

    def _add(self, keys: Ints, found: Findings) -> None:
        """Remember findings, once on disk and once in memory."""
        rows = np.zeros(len(keys), _ROW)
        rows["key"], rows["inliers"] = keys, found.inliers
        rows["map"], rows["evidence"] = found.maps, found.evidence
        write_arrays(next_shard(self.folder, "pairs"), rows=rows)
        self._set([self._rows, rows])

    def _set(self, parts: list[NDArray[np.void]]) -> None:
        rows = np.concatenate(parts)
        _, first = np.unique(rows["key"], return_index=True)
        self._rows = rows[first]


def _keys(first: Ints, second: Ints, way: Ints) -> Ints:
    """Return one number per pair and way; there is room for 268 million images."""
    return (first << 28 | second) << 4 | way
