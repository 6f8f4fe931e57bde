"""Clusters at any level, each a union of finer ones. Pure: arrays in, arrays out.

The model's prototypes are merged bottom-up, then the images are moved to the cluster they fit best,
from the coarsest level down and within the cluster of the coarser level. N images, G clusters.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curate.algorithms.blocks import iterate_blocks
from curate.algorithms.ward import merge_prototypes

Vectors = NDArray[np.float32]
Clusters = NDArray[np.int32]


@dataclass(frozen=True, kw_only=True, slots=True)
class KMeansParams:
    """How the clusters are refined; `tests/benchmarks/groups_quality.py` measures the agreement.

    Attributes:
        averaging_steps: Steps on the neighbour graph. On CIFAR-10 and on clothes the first is worth
            2 to 5 % of the agreement with labels, and the two further ones as much again.
        max_rounds: Of Lloyd's algorithm; more are slower and move few images.
        still_share: Share of images that may still move when the rounds end.
    """

    averaging_steps: int = 3
    max_rounds: int = 15
    still_share: float = 1e-3


PARAMS = KMeansParams()


@dataclass(frozen=True, slots=True)
class Level:
    """The clusters of one level.

    Attributes:
        cluster: (N,) int32, cluster of each image.
        means: (G, D) float32, unit rows, what the images were compared with; zero for a cluster
            that never had an image.
        parents: (G,) int32, the cluster of the next coarser level that each one is a part of.
    """

    cluster: Clusters
    means: Vectors
    parents: Clusters


def average_over_neighbors(vectors: Vectors, neighbors: NDArray[np.int64]) -> Vectors:
    """Return each vector plus the mean of its neighbours, at length 1, three times over.

    Steps of a walk on the neighbour graph: noise of single images averages out, groups of alike
    images draw together.

    Args:
        vectors: (N, D) float32, unit rows.
        neighbors: (N, k) int64, rows of the neighbours; -1 for none.
    """
    if neighbors.shape[1] == 0:
        return vectors
    for _ in range(PARAMS.averaging_steps):
        vectors = _average_once(vectors, neighbors)
    return vectors


def _average_once(vectors: Vectors, neighbors: NDArray[np.int64]) -> Vectors:
    averages = np.empty_like(vectors)
    every_row = np.arange(len(vectors))
    for block in iterate_blocks(len(vectors), neighbors.shape[1] * vectors.shape[1]):
        near = np.where(neighbors[block] < 0, every_row[block, None], neighbors[block])
        averages[block] = normalize_rows(vectors[block] + vectors[near].mean(axis=1))
    return averages


def nested_kmeans(
    vectors: Vectors, start: Clusters, n_start: int, level_sizes: Iterable[int]
) -> dict[int, Level]:
    """Return clusters of every number in ``level_sizes``; coarser ones are unions of finer ones.

    Spherical k-means (Dhillon and Modha 2001) begun at the start's clusters. Then from the coarsest
    level down: the clusters, cut where a coarser level divides them, are merged by Ward's criterion
    within it, and images move to the cluster they fit best, within it too.
    The work of a round grows with the images times the clusters.

    Args:
        vectors: (N, D) float32, unit rows.
        start: (N,) int32, clusters to begin with, in [0, n_start).
        n_start: Clusters to begin with, empty ones included.
        level_sizes: Clusters of each level, 1 to ``n_start``.
    """
    fine, means = _lloyd(vectors, _fill_empty_clusters(vectors, start, n_start), n_start)
    cluster = np.zeros(len(vectors), np.int32)
    levels = {}
    for size in sorted(set(level_sizes)):
        pieces, piece = np.unique(cluster.astype(np.int64) * n_start + fine, return_inverse=True)
        coarser = (pieces // n_start).astype(np.int32)
        merged = merge_prototypes(
            means[pieces % n_start], np.bincount(piece), min(size, len(pieces)), within=coarser
        )
        parents = np.zeros(size, np.int32)
        parents[merged] = coarser
        cluster, level_means = _lloyd(vectors, merged[piece], size, (cluster, parents))
        levels[size] = Level(cluster, level_means, parents)
    return levels


def measure_fit(
    vectors: Vectors, means: Vectors, cluster: Clusters
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return each image's cosine to its cluster's mean, and that less the cosine to the best other.

    Args:
        vectors: (N, D) float32, unit rows.
        means: (G, D) float32, unit rows; zero for a cluster that is not there.
        cluster: (N,) int32.
    """
    similarity = np.empty(len(vectors), np.float32)
    margin = np.empty(len(vectors), np.float32)
    for block in iterate_blocks(len(vectors), len(means)):
        scores = vectors[block] @ means.T
        assigned = cluster[block][:, None]
        similarity[block] = np.take_along_axis(scores, assigned, axis=1)[:, 0]
        np.put_along_axis(scores, assigned, -1.0, axis=1)
        margin[block] = similarity[block] - scores.max(axis=1)
    return similarity, margin


def normalize_rows(rows: Vectors) -> Vectors:
    """Return rows at length 1; rows of zeros stay so."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(lengths > 0, lengths, 1), np.float32)


def _lloyd(
    vectors: Vectors,
    cluster: Clusters,
    n_clusters: int,
    within: tuple[Clusters, Clusters] | None = None,
) -> tuple[Clusters, Vectors]:
    """Run Lloyd's algorithm from some clusters, until few images move.

    Args:
        vectors: (N, D) float32, unit rows.
        cluster: (N,) int32, to begin with.
        n_clusters: G.
        within: The coarser cluster of each image (N,), and of each cluster (G,); an image only goes
            to clusters of the same coarser one.

    Returns:
        The cluster of each image, and the means (G, D) that it was chosen by.
    """
    means = np.zeros((n_clusters, vectors.shape[1]), np.float32)
    for _ in range(PARAMS.max_rounds):
        updated = _cluster_means(vectors, cluster, n_clusters)
        means = np.where(updated.any(axis=1, keepdims=True), updated, means)
        before, cluster = cluster, _nearest_mean(vectors, means, within)
        if (before != cluster).mean() <= PARAMS.still_share:
            break
    return cluster, means


def _cluster_means(vectors: Vectors, cluster: Clusters, n_clusters: int) -> Vectors:
    """Return the unit mean (G, D) of each cluster; zero for an empty one."""
    sums = np.zeros((n_clusters, vectors.shape[1]), np.float32)
    for block in iterate_blocks(len(vectors), vectors.shape[1]):
        order = np.argsort(cluster[block], kind="stable")
        present, first = np.unique(cluster[block][order], return_index=True)
        sums[present] += np.add.reduceat(vectors[block][order], first, axis=0)
    return normalize_rows(sums)


def _nearest_mean(
    vectors: Vectors, means: Vectors, within: tuple[Clusters, Clusters] | None
) -> Clusters:
    nearest = np.empty(len(vectors), np.int32)
    is_missing = ~means.any(axis=1)
    for block in iterate_blocks(len(vectors), len(means)):
        scores = vectors[block] @ means.T
        scores[:, is_missing] = -np.inf
        if within is not None:
            coarser, parents = within
            scores[coarser[block][:, None] != parents] = -np.inf
        nearest[block] = scores.argmax(axis=1)
    return nearest


def _fill_empty_clusters(vectors: Vectors, cluster: Clusters, n_clusters: int) -> Clusters:
    """Return clusters of which none is empty, as far as there are images: large ones are halved.

    An empty cluster takes the half that fits a large one worst; the rounds that follow refine it.
    """
    cluster = cluster.copy()
    sizes = np.bincount(cluster, minlength=n_clusters)
    for empty in np.flatnonzero(sizes == 0):
        members = np.flatnonzero(cluster == sizes.argmax())
        fitness = vectors[members] @ vectors[members].mean(axis=0)
        worst = members[np.argsort(fitness, kind="stable")[: len(members) // 2]]
        sizes[cluster[members[0]]] -= len(worst)
        sizes[empty] = len(worst)
        cluster[worst] = empty
    return cluster
