"""The wall of clusters: the medoid, the size, the cohesion and a spread of examples of each."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curate.pages.images_table import ImagesTable

Ints = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, slots=True)
class ClusterTile:
    """One cluster.

    Attributes:
        number: As in the manifest.
        name: That a person gave it, or None.
        size: Images.
        n_kept: Those that are no dropped copies.
        cohesion: Mean cosine of the images to the cluster's mean, in [-1, 1], or None.
        rows: The medoid first, then examples from the most to the least typical.
        labels: The most frequent labels, with their shares of the cluster.
    """

    number: int
    name: str | None
    size: int
    n_kept: int
    cohesion: float | None
    rows: list[int]
    labels: list[tuple[str, float]]


def build_wall(images: ImagesTable, *, n_clusters: int, n_examples: int) -> list[ClusterTile]:
    """Return the largest clusters, largest first.

    Args:
        images: The manifest's images.
        n_clusters: Clusters at most.
        n_examples: Images of each at most, the medoid included.
    """
    cluster = np.where(images.is_readable, images.codes("cluster"), -1)
    rows = np.flatnonzero(cluster >= 0)
    similarity = np.nan_to_num(images.numbers("cluster_similarity"))
    rows = rows[np.lexsort((rows, -similarity[rows], cluster[rows]))]
    numbers, starts, sizes = np.unique(cluster[rows], return_index=True, return_counts=True)
    medoid, labels = images.flags("medoid", if_null=False), images.texts("label")
    names, has_cohesion = images.texts("cluster_name"), images.has("cluster_similarity")
    tiles = []
    for place in np.lexsort((numbers, -sizes))[:n_clusters].tolist():
        members = rows[starts[place] : starts[place] + sizes[place]]
        named = names[members[0]]
        tiles.append(
            ClusterTile(
                number=int(numbers[place]),
                name=named,
                size=len(members),
                n_kept=int(images.is_kept[members].sum()),
                cohesion=float(similarity[members].mean()) if has_cohesion else None,
                rows=_pick_examples(members, medoid[members], n_examples),
                labels=_count_labels(labels[members].tolist()),
            )
        )
    return tiles


def _pick_examples(members: Ints, is_medoid: NDArray[np.bool_], n: int) -> list[int]:
    """Return the medoid and images at even steps of typicality."""
    first = members[is_medoid][:1]
    others = members[~np.isin(members, first)]
    n_others = min(n - len(first), len(others))
    steps = np.linspace(0, max(len(others) - 1, 0), n_others).round().astype(np.int64)
    return [*first.tolist(), *others[steps].tolist()]


def _count_labels(labels: list[str | None]) -> list[tuple[str, float]]:
    known = sorted(label for label in labels if label is not None)
    if not known:
        return []
    values, counts = np.unique(np.array(known, object), return_counts=True)
    order = np.lexsort((np.arange(len(values)), -counts))[:3]
    return [(str(values[i]), float(counts[i] / len(labels))) for i in order.tolist()]
