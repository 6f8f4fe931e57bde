"""The evidence on every pair of images verified so far, on disk, in ``evidence-NNNNNN.npz``."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from curate.copies.cache.arrays import list_shards, next_shard, read_arrays, write_arrays
from curate.copies.verification.evidence import NAMES
from curate.copies.verification.findings import Findings, drop_unaligned
from curate.copies.verification.verifier import Verifier
from curate.files import remove

Ints = NDArray[np.int64]

CANDIDATES = "candidates.npz"
"""Where the candidates among the images searched last are."""
_SHARD_ROWS = 65_536
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
        self._folder = folder
        self._rows = np.zeros(0, _ROW)
        parts = [self._rows]
        for path in list_shards(folder, "evidence"):
            arrays = read_arrays(path)
            if arrays is None:
                remove(path)
            else:
                parts.append(np.asarray(arrays["rows"], _ROW))
        self._set(parts)

    def verify(
        self,
        verifier: Verifier,
        slots: Ints,
        pairs: tuple[Ints, Ints, Ints],
        *,
        on_progress: Callable[[int], None] | None = None,
    ) -> Findings:
        """Return the evidence on pairs, those without any left out; only new pairs are verified.

        Args:
            verifier: Verifies pairs of rows.
            slots: (R,) slot of each row.
            pairs: Rows of the first images, rows of the second, and the method, (P,) int64 each.
            on_progress: Hears how many more pairs are done.
        """
        a, b, method = pairs
        keys = make_pair_keys(slots[a], slots[b], method)
        unknown = np.nonzero(~self._knows(keys))[0]
        if on_progress is not None:
            on_progress(len(keys) - len(unknown))
        for start in range(0, len(unknown), _SHARD_ROWS):
            block = unknown[start : start + _SHARD_ROWS]
            findings = verifier.verify(a[block], b[block], method[block], on_progress=on_progress)
            self._add(keys[block], findings)
        rows = self._rows[np.searchsorted(self._rows["key"], keys)]
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

    def _knows(self, keys: Ints) -> NDArray[np.bool_]:
        known = self._rows["key"]
        if len(known) == 0:
            return np.zeros(len(keys), np.bool_)
        return np.asarray(known[np.minimum(np.searchsorted(known, keys), len(known) - 1)] == keys)

    def _add(self, keys: Ints, findings: Findings) -> None:
        """Keep findings, on disk and in memory."""
        rows = np.zeros(len(keys), _ROW)
        rows["key"], rows["inliers"] = keys, findings.inliers
        rows["map"], rows["evidence"] = findings.maps, findings.evidence
        write_arrays(next_shard(self._folder, "evidence"), rows=rows)
        self._set([self._rows, rows])

    def _set(self, parts: list[NDArray[np.void]]) -> None:
        rows = np.concatenate(parts)
        _, first = np.unique(rows["key"], return_index=True)
        self._rows = rows[first]


def count_slots_named(folder: Path) -> int:
    """Return one more than the largest slot that evidence or candidates of a cache name."""
    most = 0
    for path in list_shards(folder, "evidence") + list_shards(folder, "close"):
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
