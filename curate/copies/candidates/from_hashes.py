"""Candidates by perceptual hashes, in all eight orientations."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curate.copies.candidates.ann_index import find_near_hashes
from curate.copies.candidates.pairs import Candidates
from curate.copies.pair_tables import concat_pairs, take_pairs
from curate.copies.verification.findings import BY_FRAME
from curate.images.perceptual_hash import orientations

Ints = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, slots=True)
class HashParams:
    """Which perceptual hashes make a candidate.

    Copies found and pairs to verify are measured by ``tests/benchmarks/dedup_candidates.py``. Who
    changes one raises ``CACHE_VERSION``.

    Attributes:
        radius: Most bits of 63 that differ; more find few copies and many other pairs.
        n_neighbors: Nearest hashes per image and orientation.
        n_equal: Partners among images of the very same hash; bounds the pairs of blank images.
    """

    radius: int = 8
    n_neighbors: int = 8
    n_equal: int = 4


HASH_PARAMS = HashParams()


def pair_by_hashes(hashes: NDArray[np.uint64], is_new: NDArray[np.bool_]) -> Candidates:
    """Return the pairs whose perceptual hashes are near in one of the eight orientations.

    Images of the very same hash are linked to the next few of them only: a folder of 10,000 blank
    scans has as many, not 50 million pairs.

    Args:
        hashes: (N,) uint64.
        is_new: (N,) bool, images whose pairs are wanted.
    """
    unique, inverse = np.unique(hashes, return_inverse=True)
    new = np.unique(inverse[is_new])
    image, method, other = _find_near(unique, unique[new])
    by_hash = np.argsort(inverse, kind="stable").astype(np.int64)
    first = np.searchsorted(inverse[by_hash], np.arange(len(unique)))
    a, b = by_hash[first[new[image]]], by_hash[first[other]]
    parts = [Candidates(a=a, b=b, method=method)]
    for distance in range(1, HASH_PARAMS.n_equal + 1):
        left, right = by_hash[:-distance], by_hash[distance:]
        same = (inverse[left] == inverse[right]) & (is_new[left] | is_new[right])
        method = np.full(same.sum(), BY_FRAME)
        parts.append(Candidates(a=left[same], b=right[same], method=method))
    pairs = concat_pairs(parts)
    return take_pairs(pairs, pairs.a != pairs.b)


def pair_queries_by_hashes(queries: NDArray[np.uint64], hashes: NDArray[np.uint64]) -> Candidates:
    """Return the pairs of a query and an image with near perceptual hashes.

    Of images of the very same hash a few are linked.

    Args:
        queries: (Q,) uint64.
        hashes: (N,) uint64.

    Returns:
        Pairs of a row of ``queries`` and one of ``hashes``.
    """
    unique, inverse = np.unique(hashes, return_inverse=True)
    query, method, other = _find_near(unique, queries)
    by_hash = np.argsort(inverse, kind="stable").astype(np.int64)
    starts = np.searchsorted(inverse[by_hash], np.arange(len(unique) + 1))
    parts = [Candidates.none()]
    for number in range(HASH_PARAMS.n_equal):
        rank = starts[other] + number
        is_there = rank < starts[other + 1]
        rows = by_hash[rank[is_there]]
        parts.append(Candidates(a=query[is_there], b=rows, method=method[is_there]))
    return concat_pairs(parts)


def _find_near(stored: NDArray[np.uint64], queries: NDArray[np.uint64]) -> tuple[Ints, Ints, Ints]:
    """Return pairs of a query and a stored hash: the one, the method to align it, the other."""
    query, other = find_near_hashes(
        stored,
        orientations(queries).reshape(-1),
        radius=HASH_PARAMS.radius,
        n_neighbors=HASH_PARAMS.n_neighbors,
    )
    return query // 8, query % 8 + BY_FRAME, other
