"""Clumps: many plain copies of one picture, of which not every pair needs a proof.

A thousand encodings of one picture are half a million pairs, and tens of thousands of candidates.
Which images belong together is settled link by link (Borůvka 1926): in each round every clump tries
the candidate that ties it to the best image outside, and those that prove to be plain copies are
one clump from then on. What is settled is not proved again, pair by pair.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curate.algorithms.graph import connected_components
from curate.copies.candidates.pairs import Candidates

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, slots=True)
class ClumpParams:
    """When copies are so many that not every pair of them is proved.

    The cost of a folder of one picture is measured by ``tests/benchmarks/dedup_one_picture.py``,
    what it does to precision and recall by ``dedup_quality.py`` there.

    Attributes:
        least_members: Of a clump; in smaller ones every candidate is verified.
        most_failures: Candidates of an image that are no plain copies, and of a large clump; then
            it tries no more, and what is left is verified like any other pair.
        most_between: The same, between two images and two large clumps, which are then apart.
        sure: Probability at the close look, where copies are half of all, from which on a pair is
            a plain copy.
        most_conflict: Share of the overlap in which plain copies may conflict.
    """

    least_members: int = 16
    most_failures: tuple[int, int] = (4, 16)
    most_between: tuple[int, int] = (2, 8)
    sure: float = 0.99
    most_conflict: float = 1e-3


CLUMP_PARAMS = ClumpParams()


class Clumps:
    """Images that are known to be plain copies of each other; to begin with each is alone."""

    def __init__(self, candidates: Candidates, rank: Ints) -> None:
        """Look for clumps among n images.

        Args:
            candidates: Pairs of rows of n images.
            rank: (n,) int64, 0 for the image most worth keeping.
        """
        n_partners = np.bincount(np.concatenate([candidates.a, candidates.b]), minlength=len(rank))
        may_clump = n_partners >= CLUMP_PARAMS.least_members - 1
        self._n_candidates = len(candidates)
        rows = np.flatnonzero(may_clump[candidates.a] & may_clump[candidates.b])
        ends = np.stack([candidates.a[rows], candidates.b[rows]])
        ranks = np.sort(rank[ends], axis=0)
        order = np.lexsort((candidates.method[rows], ranks[1], ranks[0]))
        self._rows, self._ends = rows[order], ends[:, order]
        self._is_tried = np.zeros(len(rows), np.bool_)
        self._has_failed = np.zeros(len(rows), np.bool_)
        self._clump = np.arange(len(rank))

    def choose(self) -> Ints:
        """Return the candidates to try next, rows; none where every clump is done."""
        n = len(self._clump)
        clump = np.sort(self._clump[self._ends], axis=0)
        between = clump[0] * n + clump[1]
        failed = self._has_failed & (clump[0] != clump[1])
        apart, n_between = np.unique(between[failed], return_counts=True)
        size = np.bincount(self._clump, minlength=n)
        smaller = np.minimum(size[apart // n], size[apart % n])
        apart = apart[n_between >= np.clip(smaller, *CLUMP_PARAMS.most_between)]
        n_failures = np.bincount(clump[:, failed].ravel(), minlength=n)
        is_open = ~self._is_tried & (clump[0] != clump[1]) & ~np.isin(between, apart)
        is_tired = n_failures >= np.clip(size, *CLUMP_PARAMS.most_failures)
        is_going_on = is_open & ~is_tired[clump]
        rows, sides = np.nonzero(is_going_on.T)
        _, first = np.unique(clump[sides, rows], return_index=True)  # the best of each clump
        chosen = np.unique(rows[first])
        self._is_tried[chosen] = True
        return np.sort(self._rows[chosen])

    def settle(self, rows: Ints, is_plain: Bools) -> None:
        """Hear which of the candidates that were tried are plain copies.

        Args:
            rows: (T,) int64, as they were chosen.
            is_plain: (T,) bool.
        """
        by_row = np.argsort(self._rows)
        place = by_row[np.searchsorted(self._rows, rows, sorter=by_row)]
        self._has_failed[place[~is_plain]] = True
        n = len(self._clump)
        known = np.stack([np.arange(n), self._clump])
        links = np.concatenate([known, self._ends[:, place[is_plain]]], axis=1)
        self._clump = connected_components(n, *links)

    def find_needed(self) -> Bools:
        """Return which candidates are to be verified: all but those inside of a clump.

        Returns:
            (P,) bool; those that were tried are among them.
        """
        clump = self._clump[self._ends]
        size = np.bincount(self._clump, minlength=len(self._clump))
        is_inside = (clump[0] == clump[1]) & (size[clump[0]] >= CLUMP_PARAMS.least_members)
        needed = np.ones(self._n_candidates, np.bool_)
        needed[self._rows] = self._is_tried | ~is_inside
        return needed
