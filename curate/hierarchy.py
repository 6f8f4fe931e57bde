"""Prototypes merged bottom-up to any coarser number of clusters. Pure: arrays in, arrays out."""

import numpy as np
from numpy.typing import NDArray


def merge(
    prototypes: NDArray[np.float32], sizes: NDArray[np.int64], n_clusters: int
) -> NDArray[np.int32]:
    """Merge prototypes until ``n_clusters`` are left, by Ward's criterion and their sizes.

    At each step the two clusters go together whose union adds the least variance (Ward 1963):
    ``n m / (n + m)`` times the squared distance of their means. Merging further never splits what
    was merged, so coarser levels are nested. One image is added to every size, lest empty
    prototypes merge at no cost with anything.

    Args:
        prototypes: (K, P) float32.
        sizes: (K,) int64, images of each, >= 0.
        n_clusters: Clusters left, 1 to K.

    Returns:
        (K,) int32, cluster of each prototype, numbered by first member.

    Raises:
        ValueError: ``n_clusters`` is out of range.
    """
    if not 1 <= n_clusters <= len(prototypes):
        raise ValueError(f"n_clusters must be 1 to {len(prototypes)}, got {n_clusters}")
    means = prototypes.astype(np.float64)
    weights = sizes.astype(np.float64) + 1
    member_of = np.arange(len(means))
    costs = _ward(means, weights, means, weights)
    np.fill_diagonal(costs, np.inf)
    for _ in range(len(means) - n_clusters):
        first, second = sorted(divmod(int(costs.argmin()), len(means)))
        total = weights[first] + weights[second]
        means[first] = (weights[first] * means[first] + weights[second] * means[second]) / total
        weights[first] = total
        member_of[member_of == second] = first
        costs[second] = costs[:, second] = np.inf
        is_left = np.isfinite(costs[first])
        row = _ward(means[first : first + 1], weights[first : first + 1], means, weights)[0]
        costs[first, is_left] = costs[is_left, first] = row[is_left]
    return np.unique(member_of, return_inverse=True)[1].astype(np.int32)


def _ward(
    a: NDArray[np.float64],
    a_weights: NDArray[np.float64],
    b: NDArray[np.float64],
    b_weights: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return (A, B) costs of merging each of ``a`` with each of ``b``."""
    squared = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2 * a @ b.T
    harmonic = a_weights[:, None] * b_weights / (a_weights[:, None] + b_weights)
    return np.asarray(np.maximum(squared, 0) * harmonic)
