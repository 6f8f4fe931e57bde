"""The order in which each group gives its rows to a sample. Pure: arrays in, arrays out."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from curate.algorithms.farthest_first import farthest_first

Ints = NDArray[np.int64]


def rank_in_groups(order: NDArray[np.floating], group: Ints) -> Ints:
    """Return each row's rank in its group, from 0, when sorted by ``order``, ties by row.

    >>> rank_in_groups(np.array([0.3, 0.1, 0.2]), np.array([0, 0, 1])).tolist()
    [1, 0, 0]

    Args:
        order: (N,) float, smallest first.
        group: (N,) int64.
    """
    sequence = np.lexsort((order, group))  # stable: ties stay in the order of their rows
    first = np.searchsorted(group[sequence], group[sequence], side="left")
    ranks = np.empty(len(order), np.int64)
    ranks[sequence] = np.arange(len(order)) - first
    return ranks


def rank_farthest_first(
    vectors: NDArray[np.float32], group: Ints, n_wanted: int
) -> Iterator[tuple[Ints, Ints]]:
    """Yield the rows of each group and their ranks in it, farthest first, one group at a time.

    Args:
        vectors: (N, D) float32, unit rows.
        group: (N,) int64, in [0, G), no group empty.
        n_wanted: Rows of each group whose order matters, >= 1.

    Yields:
        Rows (n,) of a group, and their ranks (n,), a permutation of 0 to n - 1.
    """
    ends = np.cumsum(np.bincount(group))[:-1]
    for members in np.split(np.argsort(group, kind="stable"), ends):
        ranks = np.empty(len(members), np.int64)
        ranks[farthest_first(vectors[members], n_wanted)] = np.arange(len(members))
        yield members, ranks
