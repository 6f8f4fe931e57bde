"""Nearest neighbours of unit vectors, by FAISS; the only file that imports it.

Small sets are searched exactly. Large ones through inverted lists whose centroids are the means of
the balanced prototypes' images: lists of even length bound the work of every query.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]

EXACT_BELOW = 50_000
N_PROBES = 16
QUERY_ROWS = 16_384


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
        vectors.shape[1], n_lists, niter=8, seed=0, spherical=True, min_points_per_centroid=1
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
