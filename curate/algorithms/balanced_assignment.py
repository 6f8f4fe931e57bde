"""Balance: even quotas and even groups. Pure: arrays in, arrays out."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

_PREFERENCES = 16
_POTENTIAL_ROWS = 16_384
_EPSILON = 0.05


def balanced_assignment(vectors: Floats, prototypes: Floats) -> NDArray[np.int32]:
    """Give every image one prototype so that the groups' sizes are within one of each other.

    Sinkhorn's potentials (Cuturi 2013; SwAV, arXiv:2006.09882, Eq. 3) price each prototype by its
    demand; at these prices images apply in order of preference and a full prototype keeps the
    ones that fit it best (deferred acceptance, Gale and Shapley 1962): a stable matching.

    Args:
        vectors: (N, P) float32, unit rows.
        prototypes: (K, P) float32, unit rows.

    Returns:
        (N,) int32, prototype of each image.
    """
    n_images, n_groups = len(vectors), len(prototypes)
    prices = _prices(vectors, prototypes)
    capacity = np.full(n_groups, n_images // n_groups)
    demand = np.bincount(_preferences(vectors, prototypes, prices, 1)[0][:, 0], minlength=n_groups)
    capacity[np.argsort(-demand, kind="stable")[: n_images % n_groups]] += 1
    wishes, values = _preferences(vectors, prototypes, prices, min(_PREFERENCES, n_groups))
    owner = _accept(wishes, values, capacity)
    _place_rest(owner, vectors, prototypes, prices, capacity)
    return owner.astype(np.int32)


def _prices(vectors: Floats, prototypes: Floats) -> Floats:
    """Return (K,) prices that make the demand for prototypes even, from some of the rows."""
    step = max(1, len(vectors) // _POTENTIAL_ROWS)
    scores = (vectors[::step] @ prototypes.T) / _EPSILON
    prices = np.zeros(len(prototypes), np.float32)
    for _ in range(20):
        plan = scores - prices
        plan -= plan.max(axis=1, keepdims=True)
        np.exp(plan, out=plan)
        plan /= plan.sum(axis=1, keepdims=True)
        load = plan.mean(axis=0) * len(prototypes)
        prices += np.log(np.maximum(load, 1e-6))
    return np.asarray(prices * _EPSILON, np.float32)


def _preferences(
    vectors: Floats, prototypes: Floats, prices: Floats, n_wishes: int
) -> tuple[Ints, Floats]:
    """Return each image's favourite prototypes after prices, best first, and their values."""
    rows = max(1, (1 << 24) // len(prototypes))
    wishes, values = [], []
    for start in range(0, len(vectors), rows):
        worth = vectors[start : start + rows] @ prototypes.T - prices
        best = np.argpartition(-worth, n_wishes - 1, axis=1)[:, :n_wishes]
        value = np.take_along_axis(worth, best, axis=1)
        order = np.argsort(-value, axis=1, kind="stable")
        wishes.append(np.take_along_axis(best, order, axis=1))
        values.append(np.take_along_axis(value, order, axis=1))
    return np.concatenate(wishes), np.concatenate(values)


def _accept(wishes: Ints, values: Floats, capacity: Ints) -> Ints:
    """Run deferred acceptance on wish lists (N, W); return (N,) prototypes, -1 for none."""
    n_images, n_wishes = wishes.shape
    owner = np.full(n_images, -1)
    turn = np.zeros(n_images, np.int64)
    while True:
        asking = np.flatnonzero((owner < 0) & (turn < n_wishes))
        if len(asking) == 0:
            return owner
        owner[asking] = wishes[asking, turn[asking]]
        held = np.flatnonzero(np.isin(owner, np.unique(owner[asking])))
        value = values[held, turn[held]]
        order = np.lexsort((held, -value, owner[held]))
        groups = owner[held][order]
        first = np.searchsorted(groups, groups, side="left")
        refused = held[order][np.arange(len(groups)) - first >= capacity[groups]]
        owner[refused] = -1
        turn[refused] += 1


def _place_rest(
    owner: Ints, vectors: Floats, prototypes: Floats, prices: Floats, capacity: Ints
) -> None:
    """Give images that no favourite took the best prototype that still has room, in place."""
    while (rest := np.flatnonzero(owner < 0)).size:
        room = capacity - np.bincount(owner[owner >= 0], minlength=len(prototypes))
        is_open = np.flatnonzero(room > 0)
        wishes, values = _preferences(vectors[rest], prototypes[is_open], prices[is_open], 1)
        placed = _accept(wishes, values, room[is_open])
        owner[rest[placed >= 0]] = is_open[placed[placed >= 0]]
