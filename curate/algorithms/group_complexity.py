"""How hard groups are to learn from: spread within times distance to others. Pure."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curate.algorithms.blocks import iterate_blocks

Vectors = NDArray[np.float32]
Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class ComplexityParams:
    """Density-based pruning, with the values of its paper (arXiv:2401.04578, section 3.2).

    Attributes:
        n_near: Nearest other groups whose distance counts.
        temperature: Divides the complexity before the softmax.
    """

    n_near: int = 20
    temperature: float = 0.1


PARAMS = ComplexityParams()


def weigh_by_complexity(
    vectors: Vectors, group: NDArray[np.int64], *, params: ComplexityParams = PARAMS
) -> Floats:
    """Return the share of a sample that each group should give, by how complex it is.

    The complexity of a group is the mean distance of its rows to their mean, times the mean
    distance of that to the nearest other means; shares are its softmax (arXiv:2401.04578, Eq. 1 to
    3, distances 1 - cosine).

    Args:
        vectors: (N, D) float32, unit rows.
        group: (N,) int64, in [0, G), no group empty.
        params: How many neighbours, and how even the shares are.

    Returns:
        (G,) float64, > 0, they add up to 1.
    """
    sizes = np.bincount(group)
    means = np.zeros((len(sizes), vectors.shape[1]))
    np.add.at(means, group, vectors)
    # The mean of unit rows is as long as their mean cosine to its direction.
    lengths = np.linalg.norm(means / sizes[:, None], axis=1)
    directions = means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12)
    complexity = (1 - lengths) * _distance_to_others(directions, params.n_near)
    scores = complexity / params.temperature
    weights = np.exp(scores - scores.max())
    return np.asarray(weights / weights.sum())


def _distance_to_others(directions: Floats, n_near: int) -> Floats:
    """Return each row's mean distance to its nearest other rows, (G,); 1 where there are none."""
    n_near = min(n_near, len(directions) - 1)
    if n_near == 0:
        return np.ones(len(directions))
    distances = np.empty(len(directions))
    for block in iterate_blocks(len(directions), len(directions)):
        apart = 1 - directions[block] @ directions.T
        apart[np.arange(len(apart)), np.arange(len(directions))[block]] = np.inf
        distances[block] = np.partition(apart, n_near - 1, axis=1)[:, :n_near].mean(axis=1)
    return distances
