"""Pairs of images that are worth a look, from whatever source."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curate.copies.verification.verifier import BY_FRAME

Ints = NDArray[np.int64]

_UNDONE = np.array([0, 1, 2, 3, 4, 6, 5, 7])  # which of the eight orientations undoes each


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidates:
    """Pairs to verify.

    Attributes:
        a: (P,) int64, first images.
        b: (P,) int64, second images.
        way: (P,) int64, how the first is to be laid on the second, as in `curate.copies.verification.verifier`.
    """

    a: Ints
    b: Ints
    way: Ints

    def __len__(self) -> int:
        return len(self.a)

    def take(self, rows: NDArray[np.bool_]) -> "Candidates":
        """Return some of the pairs."""
        return Candidates(a=self.a[rows], b=self.b[rows], way=self.way[rows])

    @property
    def by_points(self) -> "Candidates":
        """Return the pairs whose points are to tell how they lie."""
        return self.take(self.way < BY_FRAME)

    @property
    def by_frame(self) -> "Candidates":
        """Return the pairs to lay frame on frame."""
        return self.take(self.way >= BY_FRAME)

    def along(self, rank: Ints) -> "Candidates":
        """Return each pair once, the image of lower rank first, ordered by the ranks.

        Args:
            rank: (N,) int64, a permutation.
        """
        swapped = rank[self.a] > rank[self.b]
        a, b = np.where(swapped, self.b, self.a), np.where(swapped, self.a, self.b)
        turned = _UNDONE[np.maximum(self.way - BY_FRAME, 0)] + BY_FRAME
        way = np.where(swapped & (self.way >= BY_FRAME), turned, self.way)
        _, once = np.unique((rank[a] * len(rank) + rank[b]) * 16 + way, return_index=True)
        return Candidates(a=a[once], b=b[once], way=way[once])


def joined(parts: list[Candidates]) -> Candidates:
    """Return several lists of candidates as one."""
    none = np.zeros(0, np.int64)
    return Candidates(
        a=np.concatenate([none, *(part.a for part in parts)]),
        b=np.concatenate([none, *(part.b for part in parts)]),
        way=np.concatenate([none, *(part.way for part in parts)]),
    )
