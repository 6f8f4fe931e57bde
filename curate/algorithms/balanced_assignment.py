"""An assignment of images to prototypes in which all clusters have the same size.

N images, K prototypes. Pure: arrays in, arrays out.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curate.algorithms.blocks import iterate_blocks

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, slots=True)
class BalanceParams:
    """How far the assignment goes for a better fit.

    Its cost in fit is measured by `tests/algorithms/test_balanced_assignment.py` on random vectors
    (at least 90 % of the mean cosine without balance).

    Attributes:
        n_preferences: Prototypes on each image's list; longer lists leave fewer images to the
            rounds after, and take more memory.
        price_rows: Images that the prices are computed from; more are slower and more exact.
        price_rounds: Updates of the prices.
        epsilon: Entropy weight of the prices, that of training (SwAV, Section 4.1).
        least_load: Keeps the logarithm of a prototype without demand finite.
    """

    n_preferences: int = 16
    price_rows: int = 16_384
    price_rounds: int = 20
    epsilon: float = 0.05
    least_load: float = 1e-6


PARAMS = BalanceParams()


def balanced_assignment(vectors: Floats, prototypes: Floats) -> NDArray[np.int32]:
    """Give every image one prototype so that the clusters' sizes are within one of each other.

    Sinkhorn's potentials (Cuturi 2013; SwAV, arXiv:2006.09882, Eq. 3) price each prototype by its
    demand; at these prices images apply in order of preference and a full prototype keeps the
    ones that fit it best (deferred acceptance, Gale and Shapley 1962): a stable matching.

    Args:
        vectors: (N, P) float32, unit rows.
        prototypes: (K, P) float32, unit rows.

    Returns:
        (N,) int32, prototype of each image.
    """
    n_images, n_clusters = len(vectors), len(prototypes)
    prices = _compute_prices(vectors, prototypes)
    first_choice = _rank_preferences(vectors, prototypes, prices, 1)[0][:, 0]
    demand = np.bincount(first_choice, minlength=n_clusters)
    capacity = np.full(n_clusters, n_images // n_clusters)
    capacity[np.argsort(-demand, kind="stable")[: n_images % n_clusters]] += 1
    n_preferences = min(PARAMS.n_preferences, n_clusters)
    preferences, values = _rank_preferences(vectors, prototypes, prices, n_preferences)
    assigned = _deferred_acceptance(preferences, values, capacity)
    _assign_rest(assigned, vectors, prototypes, prices, capacity)
    return assigned.astype(np.int32)


def _compute_prices(vectors: Floats, prototypes: Floats) -> Floats:
    """Return (K,) prices that make the demand for prototypes even, from some of the rows."""
    step = max(1, len(vectors) // PARAMS.price_rows)
    scores = (vectors[::step] @ prototypes.T) / PARAMS.epsilon
    prices = np.zeros(len(prototypes), np.float32)
    for _ in range(PARAMS.price_rounds):
        plan = scores - prices
        plan -= plan.max(axis=1, keepdims=True)
        np.exp(plan, out=plan)
        plan /= plan.sum(axis=1, keepdims=True)
        load = plan.mean(axis=0) * len(prototypes)
        prices += np.log(np.maximum(load, PARAMS.least_load))
    return np.asarray(prices * PARAMS.epsilon, np.float32)


def _rank_preferences(
    vectors: Floats, prototypes: Floats, prices: Floats, n_preferences: int
) -> tuple[Ints, Floats]:
    """Return each image's best prototypes at these prices, best first, and their values."""
    preferences, values = [], []
    for block in iterate_blocks(len(vectors), len(prototypes)):
        net_value = vectors[block] @ prototypes.T - prices
        best = np.argpartition(-net_value, n_preferences - 1, axis=1)[:, :n_preferences]
        value = np.take_along_axis(net_value, best, axis=1)
        order = np.argsort(-value, axis=1, kind="stable")
        preferences.append(np.take_along_axis(best, order, axis=1))
        values.append(np.take_along_axis(value, order, axis=1))
    return np.concatenate(preferences), np.concatenate(values)


def _deferred_acceptance(preferences: Ints, values: Floats, capacity: Ints) -> Ints:
    """Match images to prototypes by their lists (N, W); return (N,) prototypes, -1 for none."""
    n_images, n_preferences = preferences.shape
    assigned = np.full(n_images, -1)
    n_refusals = np.zeros(n_images, np.int64)  # also the place on the list to apply at next
    while True:
        applying = np.flatnonzero((assigned < 0) & (n_refusals < n_preferences))
        if len(applying) == 0:
            return assigned
        assigned[applying] = preferences[applying, n_refusals[applying]]
        candidates = np.flatnonzero(np.isin(assigned, np.unique(assigned[applying])))
        value = values[candidates, n_refusals[candidates]]
        order = np.lexsort((candidates, -value, assigned[candidates]))
        prototype = assigned[candidates][order]
        first = np.searchsorted(prototype, prototype, side="left")
        rank = np.arange(len(prototype)) - first
        refused = candidates[order][rank >= capacity[prototype]]
        assigned[refused] = -1
        n_refusals[refused] += 1


def _assign_rest(
    assigned: Ints, vectors: Floats, prototypes: Floats, prices: Floats, capacity: Ints
) -> None:
    """Give images without a prototype the best one that still has room, in place."""
    while (rest := np.flatnonzero(assigned < 0)).size:
        room = capacity - np.bincount(assigned[assigned >= 0], minlength=len(prototypes))
        is_open = np.flatnonzero(room > 0)
        preferences, values = _rank_preferences(
            vectors[rest], prototypes[is_open], prices[is_open], 1
        )
        accepted = _deferred_acceptance(preferences, values, room[is_open])
        assigned[rest[accepted >= 0]] = is_open[accepted[accepted >= 0]]
