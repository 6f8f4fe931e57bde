"""Nearest neighbours of unit vectors, and all pairs that are near. Pure: arrays in, arrays out.

Small sets are searched exactly. Large ones through inverted lists whose centroids are the means of
the balanced prototypes' images: lists of even length bound the work of every query.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.algorithms.blocks import iterate_blocks
from curate.algorithms.gpu_index import fill_on_gpu

Vectors = NDArray[np.float32]
Ints = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchParams:
    """How nearest neighbours are searched; `tests/benchmarks/groups_quality.py` shows the effect.

    Attributes:
        exact_below: Rows from which on inverted lists are used; below it all are compared, which
            takes seconds.
        lists_per_root: Lists learned, times the square root of the rows: a guideline of FAISS.
        least_lists_per_root: Lists that must be given, times the square root of the rows; fewer are
            so long that reading them is comparing all, and others are learned.
        n_probes: Lists read for each query; more find more and take longer.
        query_rows: Rows searched at a time, for memory alone.
        gpu_from: Rows from which on a GPU is used where there is one: fewer take a CPU less time
            than a GPU takes to start, and give the same on every machine.
        gpu_most_neighbors: More than a GPU finds; a limit of FAISS.
    """

    exact_below: int = 50_000
    lists_per_root: int = 4
    least_lists_per_root: float = 1.0
    n_probes: int = 16
    query_rows: int = 16_384
    gpu_from: int = 50_000
    gpu_most_neighbors: int = 2048


@dataclass(frozen=True, kw_only=True, slots=True)
class JoinParams:
    """How all near pairs are found; `tests/benchmarks/join_scale.py` measures recall and time.

    Attributes:
        exact_below: Rows from which on inverted lists are used.
        lists_per_root: Lists learned, times the square root of the rows.
        tile_rows: Rows on each side of one product: 64 MB of cosines.
        sample_rows: Rows that tell how many lists to read.
        sample_pairs: Near pairs of the sample that suffice.
        sample_tile: Rows of it compared with all at a time.
    """

    exact_below: int = 16_384
    lists_per_root: int = 2
    tile_rows: int = 4096
    sample_rows: int = 2048
    sample_pairs: int = 4000
    sample_tile: int = 16


_LEARNING_ROUNDS = 8  # of k-means for the lists; what is missed depends on their number far more
_LEARNING_ROWS = 64  # per list

_SEARCH = SearchParams()
_JOIN = JoinParams()


@dataclass(frozen=True, slots=True)
class Neighbors:
    """The nearest other images of each image, nearest first.

    Attributes:
        similarity: (N, k) float32, cosine.
        index: (N, k) int64, row of the neighbour; -1 where there is none.
    """

    similarity: Vectors
    index: Ints


def nearest(
    vectors: Vectors,
    k: int,
    *,
    centroids: Vectors | None = None,
    device: str = "auto",
    params: SearchParams = _SEARCH,
) -> Neighbors:
    """Find the k nearest other rows of each row.

    Args:
        vectors: (N, D) float32, unit rows.
        k: Neighbours wanted; fewer come where N - 1 < k.
        centroids: (L, D) float32 of the inverted lists; None learns some where N is large.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        params: Where the search stops to be exact, and how far it goes then.
    """
    k = max(0, min(k, len(vectors) - 1))
    if k == 0:
        empty = np.empty((len(vectors), 0))
        return Neighbors(empty.astype(np.float32), empty.astype(np.int64))
    index = build_index(vectors, k + 1, centroids=centroids, device=device, params=params)
    blocks = []
    for start in range(0, len(vectors), params.query_rows):
        similarity, rows = index.search(vectors[start : start + params.query_rows], k + 1)
        blocks.append(_drop_self(similarity, rows, start))
    similarity, rows = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
    return Neighbors(similarity, rows)


def search(
    vectors: Vectors, queries: Vectors, k: int, *, device: str = "auto"
) -> tuple[Vectors, Ints]:
    """Find the k nearest rows of each query.

    Args:
        vectors: (N, D) float32, unit rows.
        queries: (M, D) float32, unit rows.
        k: 1 to N.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.

    Returns:
        Cosine (M, k) and rows (M, k), nearest first.
    """
    index = build_index(vectors, k, device=device)
    similarity, rows = index.search(np.ascontiguousarray(queries), k)
    return np.asarray(similarity, np.float32), np.asarray(rows, np.int64)


def pairs_above(
    vectors: Vectors,
    least: float,
    *,
    centroids: Vectors | None = None,
    recall: float = 0.99,
    params: JoinParams = _JOIN,
) -> Iterator[tuple[Ints, Ints, Vectors]]:
    """Yield the pairs of rows whose cosine is at least so much, each pair once, part by part.

    Every row is compared with those in the inverted lists nearest to it, list by list as one matrix
    product, so nothing but the vectors and the parts takes memory. How many lists are read is
    measured: as many as show the wanted share of near pairs among rows compared with all others.

    Args:
        vectors: (N, D) float32, unit rows.
        least: Least cosine.
        centroids: (L, D) float32 of the inverted lists; None learns some where N is large.
        recall: Share of the pairs to be found, in (0, 1]; below 16,384 rows all are.
        params: Where the join stops to be exact, and how it is measured then.

    Yields:
        Rows (P,), rows (P,) and cosine (P,) float32; the first row is the smaller one.
    """
    if len(vectors) < params.exact_below:
        visited = np.zeros((len(vectors), 1), np.int32)
    else:
        if centroids is None:
            centroids = _learn_centroids(vectors, n_lists=_count_lists(vectors, params))
        needed = _count_lists_needed(vectors, least, centroids, params)
        n_probes = int(np.quantile(needed, (1 + recall) / 2, method="higher")) if len(needed) else 1
        visited = _nearest_lists(vectors, centroids, n_probes)
    yield from _join_lists(vectors, visited, least, params)


def _count_lists(vectors: Vectors, params: SearchParams | JoinParams) -> int:
    return int(params.lists_per_root * len(vectors) ** 0.5)


def _count_lists_needed(
    vectors: Vectors, least: float, centroids: Vectors, params: JoinParams
) -> Ints:
    """Return how many lists must be read to see each near pair of a sample, (P,) int64.

    A pair is seen if the list of either row is among those read for the other.
    """
    rng = np.random.default_rng(0)
    sample = rng.choice(len(vectors), min(params.sample_rows, len(vectors)), replace=False)
    ranks: list[Ints] = []
    n_pairs = 0
    for start in range(0, len(sample), params.sample_tile):
        rows = sample[start : start + params.sample_tile]
        cosine = vectors[rows] @ vectors.T
        cosine[np.arange(len(rows)), rows] = -1
        query, other = np.nonzero(cosine >= least)
        if len(query) > params.sample_pairs:
            drawn = rng.choice(len(query), params.sample_pairs, replace=False)
            query, other = query[drawn], other[drawn]
        scores = [vectors[side] @ centroids.T for side in (rows[query], other)]
        list_of = [score.argmax(axis=1) for score in scores]
        each = np.arange(len(query))
        seen = [
            (scores[k] > scores[k][each, list_of[1 - k]][:, None]).sum(axis=1) + 1 for k in range(2)
        ]
        ranks.append(np.minimum(*seen).astype(np.int64))
        n_pairs += len(query)
        if n_pairs >= params.sample_pairs:
            break
    return np.concatenate(ranks)


def _nearest_lists(vectors: Vectors, centroids: Vectors, n: int) -> NDArray[np.int32]:
    """Return the lists of the n nearest centroids of each row, nearest first, (N, n) int32."""
    import faiss

    index: Any = faiss.IndexFlatIP(vectors.shape[1])
    index.add(np.ascontiguousarray(centroids))
    lists = np.empty((len(vectors), n), np.int32)
    for start in range(0, len(vectors), _SEARCH.query_rows):
        rows = slice(start, start + _SEARCH.query_rows)
        lists[rows] = index.search(np.ascontiguousarray(vectors[rows]), n)[1]
    return lists


def _join_lists(
    vectors: Vectors, visited: NDArray[np.int32], least: float, params: JoinParams
) -> Iterator[tuple[Ints, Ints, Vectors]]:
    """Yield the near pairs of rows where one visits the list of the other, its first one."""
    list_of, n_probes = visited[:, 0], visited.shape[1]
    n_lists = int(list_of.max(initial=-1)) + 1
    stored = np.argsort(list_of, kind="stable").astype(np.int32)
    visits = np.argsort(visited.ravel(), kind="stable")
    first_stored = np.searchsorted(list_of[stored], np.arange(n_lists + 1))
    first_visit = np.searchsorted(visited.ravel()[visits], np.arange(n_lists + 1))
    for number in range(n_lists):
        members = stored[first_stored[number] : first_stored[number + 1]]
        visitors = visits[first_visit[number] : first_visit[number + 1]] // n_probes
        for left in range(0, len(visitors), params.tile_rows):
            query_rows = visitors[left : left + params.tile_rows]
            queries = vectors[query_rows]
            for top in range(0, len(members), params.tile_rows):
                tile = members[top : top + params.tile_rows]
                cosine = queries @ vectors[tile].T
                query, other = np.nonzero(cosine >= least)
                a, b = query_rows[query], tile[other].astype(np.int64)
                is_seen_from_b = (visited[b] == list_of[a][:, None]).any(axis=1)
                is_first = (a < b) | ((a > b) & ~is_seen_from_b)
                near = cosine[query[is_first], other[is_first]]
                yield np.minimum(a, b)[is_first], np.maximum(a, b)[is_first], near


def build_index(
    vectors: Vectors,
    k: int,
    *,
    centroids: Vectors | None = None,
    device: str = "auto",
    params: SearchParams = _SEARCH,
) -> Any:  # noqa: ANN401
    """Return a FAISS inner-product index over unit rows (N, D), of many rows on a GPU.

    Where the GPU is of no use to FAISS or too small for it, it is on the CPU.

    Args:
        vectors: (N, D) float32, unit rows.
        k: Neighbours that will be wanted at most.
        centroids: (L, D) float32 of the inverted lists; where N is large, None or too few have
            others learned.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        params: Where the search stops to be exact, and how far it goes then.
    """
    import faiss

    width = vectors.shape[1]
    if len(vectors) < params.exact_below:
        index: Any = faiss.IndexFlatIP(width)
    else:
        least = params.least_lists_per_root * len(vectors) ** 0.5
        if centroids is None or len(centroids) < least:
            centroids = _learn_centroids(vectors, n_lists=_count_lists(vectors, params))
        quantizer = faiss.IndexFlatIP(width)
        quantizer.add(np.ascontiguousarray(centroids))
        index = faiss.IndexIVFFlat(quantizer, width, len(centroids), faiss.METRIC_INNER_PRODUCT)
        index.is_trained = True
        index.nprobe = min(params.n_probes, len(centroids))
    rows = np.ascontiguousarray(vectors)
    if len(rows) >= params.gpu_from and k <= params.gpu_most_neighbors:
        on_gpu = fill_on_gpu(index, rows, device)
        if on_gpu is not None:
            return on_gpu
    index.add(rows)
    return index


def list_centroids(vectors: Vectors, assignment: NDArray[np.int32], n_lists: int) -> Vectors:
    """Return the unit means (L', D) of the vectors of each prototype, empty ones left out.

    Args:
        vectors: (N, D) float32.
        assignment: (N,) int32, prototype of each vector, in [0, n_lists).
        n_lists: Prototypes, empty ones included.
    """
    sums = np.zeros((n_lists, vectors.shape[1]), np.float32)
    np.add.at(sums, assignment, vectors)
    norms = np.linalg.norm(sums, axis=1, keepdims=True)
    is_used = norms[:, 0] > 0
    return np.asarray(sums[is_used] / norms[is_used], np.float32)


def _learn_centroids(vectors: Vectors, *, n_lists: int) -> Vectors:
    import faiss

    learner = faiss.Kmeans(
        vectors.shape[1],
        n_lists,
        niter=_LEARNING_ROUNDS,
        seed=0,
        spherical=True,
        min_points_per_centroid=1,
        max_points_per_centroid=_LEARNING_ROWS,
    )
    learner.train(vectors)
    return np.asarray(learner.centroids, np.float32)


def _drop_self(similarity: Vectors, rows: Ints, start: int) -> tuple[Vectors, Ints]:
    """Drop each query's own row, or the last neighbour where an approximate search missed it."""
    is_self = rows == np.arange(start, start + len(rows))[:, None]
    is_self[~is_self.any(axis=1), -1] = True
    shape = (len(rows), rows.shape[1] - 1)
    return similarity[~is_self].reshape(shape), rows[~is_self].reshape(shape)


def nearest_prototype(projections: Vectors, prototypes: Vectors) -> NDArray[np.int32]:
    """Return the prototype (N,) of the highest cosine for each projection.

    Args:
        projections: (N, P) float32, unit rows, N >= 1.
        prototypes: (K, P) float32, unit rows.
    """
    blocks = [
        (projections[block] @ prototypes.T).argmax(axis=1)
        for block in iterate_blocks(len(projections), len(prototypes))
    ]
    return np.concatenate(blocks).astype(np.int32)
