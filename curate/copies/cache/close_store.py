"""What close looks have shown of pairs of images, on disk, in ``close-NNNNNN.npz``."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from curate.copies.cache.arrays import list_shards, next_shard, read_arrays, write_arrays
from curate.copies.cache.evidence_store import make_pair_keys
from curate.copies.pair_tables import take_pairs
from curate.copies.verification.close_look import CloseLook
from curate.copies.verification.detail import CLOSE_NAMES
from curate.copies.verification.findings import Findings
from curate.files import remove

Ints = NDArray[np.int64]

_SHARD_ROWS = 65_536
_ROW = np.dtype([("key", np.int64), ("close", np.float32, len(CLOSE_NAMES))])


class CloseStore:
    """What was seen, by pair of slots and method of alignment."""

    def __init__(self, folder: Path) -> None:
        """Open what a cache holds; the caller is its only writer."""
        self._folder = folder
        parts = [np.zeros(0, _ROW)]
        for path in list_shards(folder, "close"):
            arrays = read_arrays(path)
            if arrays is None:
                remove(path)
            else:
                parts.append(np.asarray(arrays["rows"], _ROW))
        self._set(parts)

    def look(
        self,
        close_look: CloseLook,
        slots: Ints,
        findings: Findings,
        chosen: NDArray[np.bool_],
        *,
        on_progress: Callable[[int], None] | None = None,
    ) -> Findings:
        """Return findings with what a close look shows of the chosen pairs; new ones are looked at.

        Args:
            close_look: Looks at pairs of rows.
            slots: (R,) slot of each row.
            findings: On P pairs.
            chosen: (P,) bool; the others are left as if never looked at.
            on_progress: Hears how many more pairs are done.
        """
        rows = np.nonzero(chosen)[0]
        keys = make_pair_keys(
            slots[findings.a[rows]], slots[findings.b[rows]], findings.method[rows]
        )
        unknown = np.nonzero(~np.isin(keys, self._rows["key"]))[0]
        if on_progress is not None:
            on_progress(len(keys) - len(unknown))
        for start in range(0, len(unknown), _SHARD_ROWS):
            block = unknown[start : start + _SHARD_ROWS]
            seen = close_look.look(take_pairs(findings, rows[block]), on_progress=on_progress)
            self._add(keys[block], seen)
        close = np.full_like(findings.close, np.nan)
        if len(rows):
            close[rows] = self._rows["close"][np.searchsorted(self._rows["key"], keys)]
        return replace(findings, close=close)

    def _add(self, keys: Ints, seen: NDArray[np.float32]) -> None:
        rows = np.zeros(len(keys), _ROW)
        rows["key"], rows["close"] = keys, seen
        write_arrays(next_shard(self._folder, "close"), rows=rows)
        self._set([self._rows, rows])

    def _set(self, parts: list[NDArray[np.void]]) -> None:
        rows = np.concatenate(parts)
        _, first = np.unique(rows["key"], return_index=True)
        self._rows = rows[first]
