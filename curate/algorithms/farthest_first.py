"""An order that covers a set of vectors early. Pure: arrays in, arrays out."""

import numpy as np
from numpy.typing import NDArray


def farthest_first(vectors: NDArray[np.float32], n_wanted: int) -> NDArray[np.int64]:
    """Return an order of the rows in which each is the farthest from all before it.

    The greedy 2-approximation of the k-centre problem (Gonzalez 1985), begun at the row nearest to
    the mean. After ``n_wanted`` rows the others follow in the order of their numbers.

    Args:
        vectors: (N, D) float32, unit rows, N >= 1.
        n_wanted: Rows whose order matters, >= 1.

    Returns:
        (N,) int64, a permutation.
    """
    n_rows = len(vectors)
    order = np.empty(n_rows, np.int64)
    is_left = np.ones(n_rows, bool)
    nearest_chosen = np.full(n_rows, -np.inf, np.float32)  # cosine to the nearest row chosen
    chosen = int((vectors @ vectors.mean(axis=0)).argmax())
    n_ordered = min(n_wanted, n_rows)
    for place in range(n_ordered):
        order[place] = chosen
        is_left[chosen] = False
        np.maximum(nearest_chosen, vectors @ vectors[chosen], out=nearest_chosen)
        chosen = int(np.where(is_left, nearest_chosen, np.inf).argmin())
    order[n_ordered:] = np.flatnonzero(is_left)
    return order
