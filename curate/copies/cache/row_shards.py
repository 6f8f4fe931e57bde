"""Rows by key, on disk in numbered files, in memory in the order of their keys."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from curate.copies.cache.arrays import list_shards, next_shard, read_arrays, write_arrays
from curate.files import remove

Ints = NDArray[np.int64]

SHARD_ROWS = 65_536
"""Rows that are worked out before they are written: what a kill may cost."""


class RowShards:
    """Rows of one kind, each known by the field ``key``; nothing that was written changes."""

    def __init__(self, folder: Path, name: str, row: np.dtype[np.void]) -> None:
        """Open what a cache holds, drop what is damaged; the caller is its only writer.

        Args:
            folder: The cache.
            name: Of the files, ``name-NNNNNN.npz``.
            row: What a row is; ``key`` is an int64.
        """
        self._folder, self._name = folder, name
        parts = [np.zeros(0, row)]
        for path in list_shards(folder, name):
            arrays = read_arrays(path)
            if arrays is None:
                remove(path)
            else:
                parts.append(np.asarray(arrays["rows"], row))
        self._set(parts)

    def find_unknown(self, keys: Ints) -> Ints:
        """Return the places in ``keys``, (K,) int64, of those that there is no row for."""
        known = self._rows["key"]
        if len(known) == 0:
            return np.arange(len(keys))
        nearest = np.minimum(np.searchsorted(known, keys), len(known) - 1)
        return np.nonzero(known[nearest] != keys)[0]

    def take(self, keys: Ints) -> NDArray[np.void]:
        """Return the rows of keys, (K,), which must all be known."""
        return self._rows[np.searchsorted(self._rows["key"], keys)]

    def add(self, rows: NDArray[np.void]) -> None:
        """Keep rows, on disk and in memory."""
        write_arrays(next_shard(self._folder, self._name), rows=rows)
        self._set([self._rows, rows])

    def _set(self, parts: list[NDArray[np.void]]) -> None:
        rows = np.concatenate(parts)
        _, first = np.unique(rows["key"], return_index=True)
        self._rows = rows[first]
