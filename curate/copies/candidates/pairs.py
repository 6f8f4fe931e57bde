"""Candidates: pairs of images that may be copies, from whatever source."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from curate.copies.pair_tables import concat_pairs, swap_pairs, take_pairs
from curate.copies.verification.findings import BY_FRAME, BY_KEYPOINTS, BY_MIRRORED_KEYPOINTS

Ints = NDArray[np.int64]

_UNDOING = np.array([0, 1, 2, 3, 4, 6, 5, 7])  # which of the eight orientations undoes each


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidates:
    """Pairs to verify.

    Attributes:
        a: (P,) int64, first images.
        b: (P,) int64, second images.
        method: (P,) int64, how the first is to be aligned with the second, as in
            `curate.copies.verification.verifier.Verifier.verify`.
    """

    a: Ints
    b: Ints
    method: Ints

    def __len__(self) -> int:
        return len(self.a)

    @classmethod
    def none(cls) -> "Candidates":
        """Return no pair."""
        return cls(a=np.zeros(0, np.int64), b=np.zeros(0, np.int64), method=np.zeros(0, np.int64))

    @classmethod
    def by_either_keypoints(cls, a: Ints, b: Ints) -> "Candidates":
        """Return pairs to align by keypoints, upright and mirrored.

        Args:
            a: (P,) first images.
            b: (P,) second images.
        """
        methods = (BY_KEYPOINTS, BY_MIRRORED_KEYPOINTS)
        return concat_pairs([cls(a=a, b=b, method=np.full(len(a), one)) for one in methods])

    @property
    def by_keypoints(self) -> "Candidates":
        """Return the pairs that keypoints align."""
        return take_pairs(self, self.method < BY_FRAME)

    @property
    def by_frame(self) -> "Candidates":
        """Return the pairs to align frame on frame."""
        return take_pairs(self, self.method >= BY_FRAME)

    def reverse(self) -> "Candidates":
        """Return all pairs with first and second image exchanged."""
        undoing = _UNDOING[np.maximum(self.method - BY_FRAME, 0)] + BY_FRAME
        method = np.where(self.method >= BY_FRAME, undoing, self.method)
        return replace(self, a=self.b, b=self.a, method=method)


def order_pairs(candidates: Candidates, rank: Ints) -> Candidates:
    """Return each pair once, the image of lower rank first, ordered by the ranks.

    Args:
        candidates: Pairs of N images, maybe with repeats.
        rank: (N,) int64, a permutation.
    """
    ordered = swap_pairs(candidates, rank[candidates.a] > rank[candidates.b])
    keys = (rank[ordered.a] * len(rank) + rank[ordered.b]) * 16 + ordered.method
    _, once = np.unique(keys, return_index=True)
    return take_pairs(ordered, once)
