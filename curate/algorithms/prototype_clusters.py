"""Clusters of images from a model's prototypes, and how well each image fits. Pure.

N images, M different contents (equal files share one), K prototypes.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curate.algorithms.balanced_assignment import balanced_assignment
from curate.algorithms.medoids import find_medoids
from curate.algorithms.neighbors import Neighbors, list_centroids, nearest, nearest_prototype
from curate.algorithms.nested_kmeans import (
    Level,
    average_over_neighbors,
    measure_fit,
    nested_kmeans,
)

Vectors = NDArray[np.float32]
Ints = NDArray[np.int64]
Clusters = NDArray[np.int32]


@dataclass(frozen=True, kw_only=True, slots=True)
class ContentVectors:
    """The vectors of M different contents, so that equal files are not each other's neighbours.

    Attributes:
        embeddings: (M, D) float32, unit rows: for neighbours.
        projections: (M, P) float32, unit rows: for clusters, what prototypes are compared with.
        content_of: (N,) int64, content of each image.
    """

    embeddings: Vectors
    projections: Vectors
    content_of: Ints


@dataclass(frozen=True, kw_only=True, slots=True)
class PrototypeClusters:
    """Clusters of N images.

    Attributes:
        cluster: (N,) int32.
        similarity: (N,) float32, cosine to the mean of its cluster.
        margin: (N,) float32, that minus the cosine to the best other; below 0 where balance asks.
        isolation: (N,) float32, 1 minus the mean cosine to the nearest other contents, in [0, 2].
        medoid: (N,) bool, one image of each cluster: that of the highest mean cosine to the others.
        levels: (N,) int32 cluster at each further level.
        neighbors: Of the M different contents.
    """

    cluster: Clusters
    similarity: Vectors
    margin: Vectors
    isolation: Vectors
    medoid: NDArray[np.bool_]
    levels: dict[int, Clusters]
    neighbors: Neighbors


def cluster_by_prototypes(  # noqa: PLR0913 - what is grouped, into what, and where
    contents: ContentVectors,
    prototypes: Vectors,
    *,
    n_clusters: int,
    levels: tuple[int, ...] = (),
    is_balanced: bool = False,
    n_neighbors: int = 10,
    device: str = "auto",
) -> PrototypeClusters:
    """Assign images to clusters and measure how well they fit.

    Args:
        contents: Vectors, and the content of each image.
        prototypes: (K, P) float32, unit rows.
        n_clusters: Clusters, 1 to K.
        levels: Further numbers of clusters, 1 to K; coarser ones are unions of finer ones. Where
            clusters are balanced, none is above ``n_clusters``.
        is_balanced: Whether clusters have sizes within one of each other.
        n_neighbors: Nearest contents that averages and isolation look at, >= 1.
        device: Where these are searched: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
    """
    rows = contents.content_of
    nearest_of = nearest_prototype(contents.projections, prototypes)
    centroids = list_centroids(contents.embeddings, nearest_of, int(nearest_of.max()) + 1)
    neighbors = nearest(contents.embeddings, n_neighbors, centroids=centroids, device=device)
    averages = average_over_neighbors(contents.projections, neighbors.index)
    nested = nested_kmeans(averages, nearest_of, len(prototypes), {n_clusters, *levels})
    means = nested[n_clusters].means
    if is_balanced:
        cluster = balanced_assignment(averages[rows], means)
        similarity, margin = measure_fit(averages[rows], means, cluster)
    else:
        of_content = nested[n_clusters].cluster
        similarity, margin = (fit[rows] for fit in measure_fit(averages, means, of_content))
        cluster = of_content[rows]
    return PrototypeClusters(
        cluster=cluster,
        similarity=similarity,
        margin=margin,
        isolation=_measure_isolation(neighbors)[rows],
        medoid=find_medoids(contents.embeddings, rows, cluster),
        levels={
            level: nested[level].cluster[rows]
            if level > n_clusters
            else _coarsen(cluster, nested, level=level, n_clusters=n_clusters)
            for level in levels
        },
        neighbors=neighbors,
    )


def _coarsen(
    cluster: Clusters, nested: Mapping[int, Level], *, level: int, n_clusters: int
) -> Clusters:
    """Return the clusters (N,) of a coarser level that the images' clusters are parts of."""
    for size in sorted((size for size in nested if level < size <= n_clusters), reverse=True):
        cluster = nested[size].parents[cluster]
    return cluster


def _measure_isolation(neighbors: Neighbors) -> Vectors:
    """Return 1 minus the mean cosine to the neighbours, (M,); 1 where there are none."""
    if neighbors.similarity.shape[1] == 0:
        return np.ones(len(neighbors.similarity), np.float32)
    mean = neighbors.similarity.mean(axis=1)
    return np.asarray(np.clip(1 - mean, 0, 2), np.float32)  # equal unit rows may round above 1
