"""Candidates by perceptual hashes, in all eight orientations."""

import numpy as np
from numpy.typing import NDArray

from curate.copies.candidates import Candidates, joined
from curate.copies.indexes import hash_neighbors
from curate.copies.verify import BY_FRAME
from curate.fingerprint import orientations

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
    query, other = hash_neighbors(
        unique,
        orientations(unique[asked]).reshape(-1),
        radius=_HASH_RADIUS,
        n_neighbors=_HASH_NEIGHBORS,
    )
    by_hash = np.argsort(inverse, kind="stable").astype(np.int64)
    first = np.searchsorted(inverse[by_hash], np.arange(len(unique)))
    a, b, orientation = by_hash[first[asked[query // 8]]], by_hash[first[other]], query % 8
    parts = [Candidates(a=a, b=b, way=orientation + BY_FRAME)]
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
    query, other = hash_neighbors(
        unique,
        orientations(further).reshape(-1),
        radius=_HASH_RADIUS,
        n_neighbors=_HASH_NEIGHBORS,
    )
    by_hash = np.argsort(inverse, kind="stable").astype(np.int64)
    starts = np.searchsorted(inverse[by_hash], np.arange(len(unique) + 1))
    parts = []
    for number in range(_SAME_HASH):
        rank = starts[other] + number
        there = rank < starts[other + 1]
        a, way = query[there] // 8, query[there] % 8 + BY_FRAME
        parts.append(Candidates(a=a, b=by_hash[rank[there]], way=way))
    return joined(parts)
