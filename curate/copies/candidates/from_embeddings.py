"""Candidates by a trained model: images whose embeddings are near."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curate.algorithms.neighbors import list_centroids, nearest
from curate.copies.records import Vectors

Ints = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, slots=True)
class EmbeddingParams:
    """Which embeddings make a candidate.

    Copies found and pairs to verify are measured by ``tests/benchmarks/dedup_candidates.py``.

    Attributes:
        least_cosine: Between embeddings, to be worth verifying.
        n_neighbors: Nearest images of each that are looked at.
    """

    least_cosine: float = 0.8
    n_neighbors: int = 8


EMBEDDING_PARAMS = EmbeddingParams()


def pair_by_embeddings(vectors: Vectors, rows: Ints) -> tuple[Ints, Ints]:
    """Return pairs of images that may be copies, as their embeddings are near, a < b.

    Args:
        vectors: Of all images; prototypes serve as inverted lists.
        rows: (R,) int64, rising: images to compare.
    """
    params = EMBEDDING_PARAMS
    points = np.ascontiguousarray(vectors.embeddings[rows])
    centroids = None
    if vectors.prototype is not None:
        prototype = vectors.prototype[rows].astype(np.int32)
        centroids = list_centroids(points, prototype, int(prototype.max(initial=0)) + 1)
    neighbors = nearest(points, params.n_neighbors, centroids=centroids)
    is_near = (neighbors.similarity >= params.least_cosine) & (neighbors.index >= 0)
    query, slot = np.nonzero(is_near)
    other = neighbors.index[query, slot]
    pair = np.unique(np.minimum(query, other) * len(rows) + np.maximum(query, other))
    return rows[pair // len(rows)], rows[pair % len(rows)]
