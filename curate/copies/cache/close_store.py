"""What close looks have shown of pairs of images, on disk, in ``close-NNNNNN.npz``."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from curate.copies.cache.evidence_store import CLOSE, make_pair_keys
from curate.copies.cache.row_shards import SHARD_ROWS, RowShards
from curate.copies.pair_tables import take_pairs
from curate.copies.verification.detail import CLOSE_NAMES
from curate.copies.verification.findings import Findings

Ints = NDArray[np.int64]

_ROW = np.dtype([("key", np.int64), ("close", np.float32, len(CLOSE_NAMES))])


class CloseStore:
    """What was seen, by pair of slots and method of alignment."""

    def __init__(self, folder: Path) -> None:
        """Open what a cache holds; the caller is its only writer."""
        self._shards = RowShards(folder, CLOSE, _ROW)

    def look(
        self,
        look: Callable[[Findings], NDArray[np.float32]],
        slots: Ints,
        findings: Findings,
        chosen: NDArray[np.bool_],
        *,
        on_progress: Callable[[int], None] | None = None,
    ) -> Findings:
        """Return findings with what a close look shows of the chosen pairs; new ones are looked at.

        Args:
            look: Looks at pairs of rows.
            slots: (R,) slot of each row.
            findings: On P pairs.
            chosen: (P,) bool; the others are left as if never looked at.
            on_progress: Hears how many more pairs are done.
        """
        rows = np.nonzero(chosen)[0]
        keys = make_pair_keys(
            slots[findings.a[rows]], slots[findings.b[rows]], findings.method[rows]
        )
        unknown = self._shards.find_unknown(keys)
        if on_progress is not None:
            on_progress(len(keys) - len(unknown))
        for start in range(0, len(unknown), SHARD_ROWS):
            block = unknown[start : start + SHARD_ROWS]
            seen = look(take_pairs(findings, rows[block]))
            new = np.zeros(len(block), _ROW)
            new["key"], new["close"] = keys[block], seen
            self._shards.add(new)
        close = np.full_like(findings.close, np.nan)
        close[rows] = self._shards.take(keys)["close"]
        return replace(findings, close=close)
