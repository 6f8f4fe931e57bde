"""The evidence on every pair of images verified so far, on disk, in ``evidence-NNNNNN.npz``."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from curate.copies.cache.arrays import list_shards, read_arrays
from curate.copies.cache.row_shards import SHARD_ROWS, RowShards
from curate.copies.verification.evidence import NAMES
from curate.copies.verification.findings import Findings, drop_unaligned

Ints = NDArray[np.int64]
Verify = Callable[[tuple[Ints, Ints, Ints]], Findings]

CANDIDATES = "candidates.npz"
"""Where the candidates among the images searched last are."""
EVIDENCE, CLOSE = "evidence", "close"
"""Names of the shards of what the first look and the close look have shown."""
_ROW = np.dtype(
    [
        ("key", np.int64),
        ("inliers", np.int32),
        ("map", np.float32, (2, 3)),
        ("evidence", np.float32, len(NAMES)),
    ]
)


class EvidenceStore:
    """Evidence by pair of slots and method of alignment."""

    def __init__(self, folder: Path) -> None:
        """Open the evidence in a cache; the caller is its only writer."""
        self._shards = RowShards(folder, EVIDENCE, _ROW)

    def verify(
        self,
        verify: Verify,
        slots: Ints,
        pairs: tuple[Ints, Ints, Ints],
        *,
        on_progress: Callable[[int], None] | None = None,
    ) -> Findings:
        """Return the evidence on pairs, those without any left out; only new pairs are verified.

        Args:
            verify: Verifies pairs of rows.
            slots: (R,) slot of each row.
            pairs: Rows of the first images, rows of the second, and the method, (P,) int64 each.
            on_progress: Hears how many more pairs are done.
        """
        a, b, method = pairs
        keys = make_pair_keys(slots[a], slots[b], method)
        unknown = self._shards.find_unknown(keys)
        if on_progress is not None:
            on_progress(len(keys) - len(unknown))
        for start in range(0, len(unknown), SHARD_ROWS):
            block = unknown[start : start + SHARD_ROWS]
            findings = verify((a[block], b[block], method[block]))
            self._shards.add(_as_rows(keys[block], findings))
        rows = self._shards.take(keys)
        return drop_unaligned(
            Findings.at_first_look(
                a,
                b,
                method,
                maps=rows["map"],
                inliers=rows["inliers"],
                evidence=rows["evidence"],
            )
        )


def _as_rows(keys: Ints, findings: Findings) -> NDArray[np.void]:
    rows = np.zeros(len(keys), _ROW)
    rows["key"], rows["inliers"] = keys, findings.inliers
    rows["map"], rows["evidence"] = findings.maps, findings.evidence
    return rows


def count_slots_named(folder: Path) -> int:
    """Return one more than the largest slot that evidence or candidates of a cache name."""
    most = 0
    for path in list_shards(folder, EVIDENCE) + list_shards(folder, CLOSE):
        arrays = read_arrays(path) or {}
        rows = np.asarray(arrays.get("rows", np.zeros(0, _ROW)))
        if len(rows):
            keys = np.asarray(rows["key"], np.int64)
            first, second = keys >> 32, keys >> 4 & (1 << 28) - 1
            most = max(most, 1 + int(first.max()), 1 + int(second.max()))
    candidates = read_arrays(folder / CANDIDATES)
    if candidates is not None and len(candidates["slots"]):
        most = max(most, 1 + int(candidates["slots"].max()))
    return most


def make_pair_keys(first: Ints, second: Ints, method: Ints) -> Ints:
    """Return one number per pair and method; there is room for 268 million images."""
    return (first << 28 | second) << 4 | method
