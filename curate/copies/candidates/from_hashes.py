"""Candidates by perceptual hashes, in all eight orientations."""

import numpy as np
from numpy.typing import NDArray

from curate.copies.candidates.ann_index import hash_neighbors
from curate.copies.candidates.pairs import Candidates, joined
from curate.copies.verification.verifier import BY_FRAME
from curate.images.perceptual_hash import orientations

Ints = NDArray[np.int64]

_HASH_RADIUS = 8  # bits of 63
_HASH_NEIGHBORS = 8  # per image and orientation
_SAME_HASH = 4  # partners among images of the very same hash


def from_hashes(hashes: NDArray[np.uint64], is_new: NDArray[np.bool_]) -> Candidates:
    """Return the pairs whose perceptual hashes are near in one of the eight orientations.

    Images of the very same hash are linked to the next few of them only: a folder of 10,000 blank
    scans has as many, not 50 million pairs.

    Args:
        hashes: (N,) uint64.
        is_new: (N,) bool, images whose pairs are wanted.
    """
    unique, inverse = np.unique(hashes, return_inverse=True)
    asked = np.unique(inverse[is_new])
    image, way, other = _near(unique, unique[asked])
    by_hash = np.argsort(inverse, kind="stable").astype(np.int64)
    first = np.searchsorted(inverse[by_hash], np.arange(len(unique)))
    a, b = by_hash[first[asked[image]]], by_hash[first[other]]
    parts = [Candidates(a=a, b=b, way=way)]
    for distance in range(1, _SAME_HASH + 1):
        left, right = by_hash[:-distance], by_hash[distance:]
        same = (inverse[left] == inverse[right]) & (is_new[left] | is_new[right])
        parts.append(Candidates(a=left[same], b=right[same], way=np.full(same.sum(), BY_FRAME)))
    found = joined(parts)
    apart = found.a != found.b
    return Candidates(a=found.a[apart], b=found.b[apart], way=found.way[apart])


def of_further_hashes(further: NDArray[np.uint64], hashes: NDArray[np.uint64]) -> Candidates:
    """Return the pairs of a further image and a known one with near perceptual hashes.

    Of known images of the very same hash a few are linked.

    Args:
        further: (Q,) uint64.
        hashes: (N,) uint64.

    Returns:
        Pairs of a row of ``further`` and one of ``hashes``.
    """
    unique, inverse = np.unique(hashes, return_inverse=True)
    image, way, other = _near(unique, further)
    by_hash = np.argsort(inverse, kind="stable").astype(np.int64)
    starts = np.searchsorted(inverse[by_hash], np.arange(len(unique) + 1))
    parts = []
    for number in range(_SAME_HASH):
        rank = starts[other] + number
        there = rank < starts[other + 1]
        parts.append(Candidates(a=image[there], b=by_hash[rank[there]], way=way[there]))
    return joined(parts)


def _near(stored: NDArray[np.uint64], asked: NDArray[np.uint64]) -> tuple[Ints, Ints, Ints]:
    """Return pairs of an asked and a stored hash: the one, the way it was turned, the other."""
    query, other = hash_neighbors(
        stored,
        orientations(asked).reshape(-1),
        radius=_HASH_RADIUS,
        n_neighbors=_HASH_NEIGHBORS,
    )
    return query // 8, query % 8 + BY_FRAME, other
