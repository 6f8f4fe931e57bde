"""Nearest neighbours of unit vectors, and all pairs that are near.

Small sets are searched exactly. Large ones through inverted lists whose centroids are the means of
the balanced prototypes' images: lists of even length bound the work of every query.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]

EXACT_BELOW = 50_000
N_PROBES = 16
QUERY_ROWS = 16_384

_JOIN_EXACT_BELOW = 16_384
_JOIN_TILE = 4096  # rows on each side of one product: 64 MB of cosines
_JOIN_SAMPLE = 2048  # rows that tell how many lists to read
_JOIN_PAIRS = 4000  # near pairs of the sample that suffice
_SAMPLE_TILE = 16  # rows of it compared with all at a time
_TRAINING_ROWS = 64  # per list


@dataclass(frozen=True, slots=True)
class Neighbors:
    """The nearest other images of each image, nearest first.

    Attributes:
        similarity: (N, k) float32, cosine.
        index: (N, k) int64, row of the neighbour; -1 where there is none.
    """

    similarity: NDArray[np.float32]
    index: NDArray[np.int64]


def nearest(vectors: Vectors, k: int, *, centroids: Vectors | None = None) -> Neighbors:
    """Find the k nearest other rows of each row.

    Args:
        vectors: (N, D) float32, unit rows.
        k: Neighbours asked for; fewer come where N - 1 < k.
        centroids: (L, D) float32 of the inverted lists; None learns some where N is large.
    """
    k = max(0, min(k, len(vectors) - 1))
    if k == 0:
        empty = np.empty((len(vectors), 0))
        return Neighbors(empty.astype(np.float32), empty.astype(np.int64))
    index = build_index(vectors, centroids=centroids)
    blocks = []
    for start in range(0, len(vectors), QUERY_ROWS):
        similarity, rows = index.search(vectors[start : start + QUERY_ROWS], k + 1)
        blocks.append(_without_self(similarity, rows, start))
    similarity, rows = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
    return Neighbors(similarity, rows)


def search(vectors: Vectors, queries: Vectors, k: int) -> tuple[Vectors, NDArray[np.int64]]:
    """Find the k nearest rows of each query.

    Args:
        vectors: (N, D) float32, unit rows.
        queries: (M, D) float32, unit rows.
        k: 1 to N.

    Returns:
        Cosine (M, k) and rows (M, k), nearest first.
    """
    similarity, rows = build_index(vectors).search(np.ascontiguousarray(queries), k)
    return np.asarray(similarity, np.float32), np.asarray(rows, np.int64)


def pairs_above(
    vectors: Vectors, least: float, *, centroids: Vectors | None = None, recall: float = 0.99
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], Vectors]]:
    """Yield the pairs of rows whose cosine is at least so much, each pair once, part by part.

    Every row is compared with those in the inverted lists nearest to it, list by list as one matrix
    product, so nothing but the vectors and the parts takes memory. How many lists are read is
    measured: as many as show the share of near pairs asked for among rows compared with all others.

    Args:
        vectors: (N, D) float32, unit rows.
        least: Least cosine.
        centroids: (L, D) float32 of the inverted lists; None learns some where N is large.
        recall: Share of the pairs to be found, in (0, 1]; below 16,384 rows all are.

    Yields:
        Rows (P,), rows (P,) and cosine (P,) float32; the first row is the smaller one.
    """
    if len(vectors) < _JOIN_EXACT_BELOW:
        visited = np.zeros((len(vectors), 1), np.int32)
    else:
        if centroids is None:
            centroids = _k_means(vectors, n_lists=int(2 * len(vectors) ** 0.5))
        needed = _lists_needed(vectors, least, centroids)
        n_probes = int(np.quantile(needed, (1 + recall) / 2, method="higher")) if len(needed) else 1
        visited = _nearest_lists(vectors, centroids, n_probes)
    yield from _joined(vectors, visited, least)


def _lists_needed(vectors: Vectors, least: float, centroids: Vectors) -> NDArray[np.int64]:
    """Return how many lists must be read to see each near pair of a sample, (P,) int64.

    A pair is seen if the list of either row is among those read for the other.
    """
    rng = np.random.default_rng(0)
    sample = rng.choice(len(vectors), min(_JOIN_SAMPLE, len(vectors)), replace=False)
    ranks: list[NDArray[np.int64]] = []
    n_pairs = 0
    for start in range(0, len(sample), _SAMPLE_TILE):
        rows = sample[start : start + _SAMPLE_TILE]
        cosine = vectors[rows] @ vectors.T
        cosine[np.arange(len(rows)), rows] = -1
        query, other = np.nonzero(cosine >= least)
        if len(query) > _JOIN_PAIRS:
            drawn = rng.choice(len(query), _JOIN_PAIRS, replace=False)
            query, other = query[drawn], other[drawn]
        scores = [vectors[side] @ centroids.T for side in (rows[query], other)]
        own = [score.argmax(axis=1) for score in scores]
        each = np.arange(len(query))
        seen = [
            (scores[k] > scores[k][each, own[1 - k]][:, None]).sum(axis=1) + 1 for k in range(2)
        ]
        ranks.append(np.minimum(*seen).astype(np.int64))
        n_pairs += len(query)
        if n_pairs >= _JOIN_PAIRS:
            break
    return np.concatenate(ranks)


def _nearest_lists(vectors: Vectors, centroids: Vectors, n: int) -> NDArray[np.int32]:
    """Return the lists of the n nearest centroids of each row, nearest first, (N, n) int32."""
    import faiss

    index: Any = faiss.IndexFlatIP(vectors.shape[1])
    index.add(np.ascontiguousarray(centroids))
    found = np.empty((len(vectors), n), np.int32)
    for start in range(0, len(vectors), QUERY_ROWS):
        rows = slice(start, start + QUERY_ROWS)
        found[rows] = index.search(np.ascontiguousarray(vectors[rows]), n)[1]
    return found


def _joined(
    vectors: Vectors, visited: NDArray[np.int32], least: float
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], Vectors]]:
    """Yield the near pairs of rows where one visits the list of the other, its first one."""
    own, n_probes = visited[:, 0], visited.shape[1]
    n_lists = int(own.max(initial=-1)) + 1
    stored = np.argsort(own, kind="stable").astype(np.int32)
    visits = np.argsort(visited.ravel(), kind="stable")
    edges = [np.searchsorted(own[stored], np.arange(n_lists + 1))]
    edges.append(np.searchsorted(visited.ravel()[visits], np.arange(n_lists + 1)))
    for number in range(n_lists):
        members = stored[edges[0][number] : edges[0][number + 1]]
        guests = visits[edges[1][number] : edges[1][number + 1]] // n_probes
        for left in range(0, len(guests), _JOIN_TILE):
            asked = guests[left : left + _JOIN_TILE]
            queries = vectors[asked]
            for top in range(0, len(members), _JOIN_TILE):
                tile = members[top : top + _JOIN_TILE]
                cosine = queries @ vectors[tile].T
                query, other = np.nonzero(cosine >= least)
                a, b = asked[query], tile[other].astype(np.int64)
                seen_from_b = (visited[b] == own[a][:, None]).any(axis=1)
                once = (a < b) | ((a > b) & ~seen_from_b)
                near = cosine[query[once], other[once]]
                yield np.minimum(a, b)[once], np.maximum(a, b)[once], near


def build_index(vectors: Vectors, *, centroids: Vectors | None = None) -> Any:  # noqa: ANN401
    """Return a FAISS inner-product index over unit rows (N, D), on a GPU where there is one."""
    import faiss

    width = vectors.shape[1]
    if len(vectors) < EXACT_BELOW:
        index: Any = faiss.IndexFlatIP(width)
    else:
        if centroids is None:
            centroids = _k_means(vectors, n_lists=int(4 * len(vectors) ** 0.5))
        quantizer = faiss.IndexFlatIP(width)
        quantizer.add(np.ascontiguousarray(centroids))
        index = faiss.IndexIVFFlat(quantizer, width, len(centroids), faiss.METRIC_INNER_PRODUCT)
        index.is_trained = True
        index.nprobe = min(N_PROBES, len(centroids))
    if faiss.get_num_gpus() > 0:
        index = faiss.index_cpu_to_all_gpus(index)
    index.add(np.ascontiguousarray(vectors))
    return index


def list_centroids(vectors: Vectors, assignment: NDArray[np.int32], n_lists: int) -> Vectors:
    """Return the unit means (L', D) of the vectors of each prototype, empty ones left out."""
    sums = np.zeros((n_lists, vectors.shape[1]), np.float32)
    np.add.at(sums, assignment, vectors)
    norms = np.linalg.norm(sums, axis=1, keepdims=True)
    used = norms[:, 0] > 0
    return np.asarray(sums[used] / norms[used], np.float32)


def _k_means(vectors: Vectors, *, n_lists: int) -> Vectors:
    import faiss

    learner = faiss.Kmeans(
        vectors.shape[1],
        n_lists,
        niter=8,
        seed=0,
        spherical=True,
        min_points_per_centroid=1,
        max_points_per_centroid=_TRAINING_ROWS,
    )
    learner.train(vectors)
    return np.asarray(learner.centroids, np.float32)


def _without_self(
    similarity: NDArray[np.float32], rows: NDArray[np.int64], start: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Drop each query's own row, or the last neighbour where an approximate search missed it."""
    own = rows == np.arange(start, start + len(rows))[:, None]
    own[~own.any(axis=1), -1] = True
    shape = (len(rows), rows.shape[1] - 1)
    return similarity[~own].reshape(shape), rows[~own].reshape(shape)


SCORE_CELLS = 1 << 24


def nearest_prototype(projections: Vectors, prototypes: Vectors) -> NDArray[np.int32]:
    """Return the prototype (N,) of the highest cosine for each projection (N, P), in blocks."""
    rows = max(1, SCORE_CELLS // len(prototypes))
    blocks = [
        (projections[start : start + rows] @ prototypes.T).argmax(axis=1)
        for start in range(0, len(projections), rows)
    ]
    return np.concatenate(blocks).astype(np.int32)
