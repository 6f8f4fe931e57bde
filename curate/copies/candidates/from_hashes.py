"""Candidates by perceptual hashes, in all eight orientations."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curate.copies.candidates.ann_index import HashIndex
from curate.copies.candidates.pairs import Candidates
from curate.copies.candidates.thumbnails import Thumbnails, look_alike
from curate.copies.pair_tables import concat_pairs, take_pairs
from curate.copies.verification.findings import BY_FRAME
from curate.images.perceptual_hash import orientations

Ints = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, slots=True)
class HashParams:
    """Which perceptual hashes make a candidate.

    Copies found and pairs to verify are measured by ``tests/benchmarks/dedup_candidates.py``. Who
    changes one of all but ``n_block`` raises ``CACHE_VERSION``.

    Attributes:
        radius: Most bits of 63 that differ; more find few copies and many other pairs.
        n_neighbors: Nearest hashes per image and orientation.
        n_equal: Partners among images of the very same hash; bounds the pairs of blank images.
        n_block: Hashes looked for at a time; more take memory.
    """

    radius: int = 8
    n_neighbors: int = 8
    n_equal: int = 4
    n_block: int = 8192


HASH_PARAMS = HashParams()


@dataclass(frozen=True, kw_only=True, slots=True)
class HashedImages:
    """What is known of N images.

    Attributes:
        phash: (N,) uint64.
        thumbnail: (N, 8, 8) uint8, from `curate.copies.candidates.thumbnails.make_thumbnail`.
    """

    phash: NDArray[np.uint64]
    thumbnail: Thumbnails

    def __len__(self) -> int:
        return len(self.phash)


def pair_by_hashes(images: HashedImages, is_new: NDArray[np.bool_]) -> Candidates:
    """Return the pairs of near perceptual hashes in one of the eight orientations that look alike.

    Images of the very same hash are linked to the next few of them only: a folder of 10,000 blank
    scans has as many, not 50 million pairs.

    Args:
        images: The N images.
        is_new: (N,) bool, images whose pairs are wanted.
    """
    unique, inverse = np.unique(images.phash, return_inverse=True)
    by_hash = np.argsort(inverse, kind="stable").astype(np.int64)
    first = by_hash[np.searchsorted(inverse[by_hash], np.arange(len(unique)))]
    new = np.unique(inverse[is_new])
    parts = [Candidates.none()]
    for image, method, other in _find_near(unique, unique[new]):
        pairs = Candidates(a=first[new[image]], b=first[other], method=method)
        parts.append(_drop_unlike(pairs, images, images))
    for distance in range(1, HASH_PARAMS.n_equal + 1):
        left, right = by_hash[:-distance], by_hash[distance:]
        same = (inverse[left] == inverse[right]) & (is_new[left] | is_new[right])
        pairs = Candidates(a=left[same], b=right[same], method=np.full(same.sum(), BY_FRAME))
        parts.append(_drop_unlike(pairs, images, images))
    found = concat_pairs(parts)
    return take_pairs(found, found.a != found.b)


def pair_queries_by_hashes(queries: HashedImages, images: HashedImages) -> Candidates:
    """Return the pairs of a query and an image with near perceptual hashes that look alike.

    Of images of the very same hash a few are linked.

    Args:
        queries: Q images.
        images: The N images that they are compared with.

    Returns:
        Pairs of a row of ``queries`` and one of ``images``.
    """
    unique, inverse = np.unique(images.phash, return_inverse=True)
    by_hash = np.argsort(inverse, kind="stable").astype(np.int64)
    starts = np.searchsorted(inverse[by_hash], np.arange(len(unique) + 1))
    parts = [Candidates.none()]
    for query, method, other in _find_near(unique, queries.phash):
        for number in range(HASH_PARAMS.n_equal):
            rank = starts[other] + number
            is_there = rank < starts[other + 1]
            rows = by_hash[rank[is_there]]
            pairs = Candidates(a=query[is_there], b=rows, method=method[is_there])
            parts.append(_drop_unlike(pairs, queries, images))
    return concat_pairs(parts)


def _drop_unlike(pairs: Candidates, first: HashedImages, second: HashedImages) -> Candidates:
    """Drop the pairs whose hashes are near by chance."""
    a, b = first.thumbnail[pairs.a], second.thumbnail[pairs.b]
    return take_pairs(pairs, look_alike(a, b, pairs.method - BY_FRAME))


def _find_near(
    stored: NDArray[np.uint64], queries: NDArray[np.uint64]
) -> Iterator[tuple[Ints, Ints, Ints]]:
    """Yield pairs of a query and a stored hash: the one, the method to align it, the other."""
    index = HashIndex(stored)
    for start in range(0, len(queries), HASH_PARAMS.n_block):
        turned = orientations(queries[start : start + HASH_PARAMS.n_block]).reshape(-1)
        query, other = index.find_near(
            turned, radius=HASH_PARAMS.radius, n_neighbors=HASH_PARAMS.n_neighbors
        )
        yield start + query // 8, query % 8 + BY_FRAME, other
