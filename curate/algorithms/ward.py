"""Prototypes merged bottom-up to any coarser number of clusters. Pure: arrays in, arrays out."""

import numpy as np
from numpy.typing import NDArray

Means = NDArray[np.float64]


def merge_prototypes(
    prototypes: NDArray[np.float32],
    sizes: NDArray[np.int64],
    n_clusters: int,
    within: NDArray[np.int32] | None = None,
) -> NDArray[np.int32]:
    """Merge prototypes until ``n_clusters`` are left, by Ward's criterion and their sizes.

    At each step the two clusters go together whose union adds the least variance (Ward 1963):
    ``n m / (n + m)`` times the squared distance of their means. Merging further never splits what
    was merged, so coarser levels are nested. One image is added to every size, lest empty
    prototypes merge at no cost with anything.

    Args:
        prototypes: (K, P) float32.
        sizes: (K,) int64, images of each, >= 0.
        n_clusters: Clusters left, 1 to K, and no fewer than the values of ``within``.
        within: (K,) int32; only prototypes of one value merge. None lets all of them.

    Returns:
        (K,) int32, cluster of each prototype, numbered by first member.

    Raises:
        ValueError: ``n_clusters`` is out of range.
    """
    whole_of = np.zeros(len(prototypes), np.int32) if within is None else within
    wholes = np.unique(whole_of)
    if not len(wholes) <= n_clusters <= len(prototypes):
        raise ValueError(f"n_clusters must be {len(wholes)} to {len(prototypes)}, got {n_clusters}")
    means, weights = prototypes.astype(np.float64), sizes.astype(np.float64) + 1
    unions = [
        (cost, int(members[a]), int(members[b]))
        for members in (np.flatnonzero(whole_of == whole) for whole in wholes)
        for cost, a, b in _build_tree(means[members], weights[members])
    ]
    unions.sort(key=lambda union: union[0])  # Ward's costs rise along each tree: this cuts them all
    leader = np.arange(len(means))
    for _, first, second in unions[: len(means) - n_clusters]:
        leader[leader == leader[second]] = leader[first]
    _, first_member, cluster = np.unique(leader, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first_member))[cluster].astype(np.int32)


def _build_tree(means: Means, weights: NDArray[np.float64]) -> list[tuple[float, int, int]]:
    """Return the K - 1 unions of K clusters: cost, and a prototype of each side.

    Follows nearest neighbours until two are each other's (Murtagh 1983): the same tree as with the
    cheapest union first, in a time that grows with the square of K and not with the cube.
    """
    means, weights = means.copy(), weights.copy()
    is_left = np.ones(len(means), bool)
    unions: list[tuple[float, int, int]] = []
    chain: list[int] = []
    while len(unions) < len(means) - 1:
        if not chain:
            chain.append(int(is_left.argmax()))
        tip = chain[-1]
        costs = np.where(is_left, _union_costs(means[tip], weights[tip], means, weights), np.inf)
        costs[tip] = np.inf
        near = int(costs.argmin())
        if len(chain) > 1 and costs[chain[-2]] <= costs[near]:
            near = chain[-2]
            del chain[-2:]
            first, second = sorted((tip, near))
            unions.append((float(costs[near]), first, second))
            total = weights[first] + weights[second]
            means[first] = (weights[first] * means[first] + weights[second] * means[second]) / total
            weights[first], is_left[second] = total, False
        else:
            chain.append(near)
    return unions


def _union_costs(
    mean: Means, weight: float, means: Means, weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return (K,) costs of merging one cluster with each of the others."""
    squared = ((means - mean) ** 2).sum(axis=1)
    return np.asarray(squared * weight * weights / (weight + weights))
