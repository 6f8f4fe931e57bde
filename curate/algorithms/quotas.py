"""How many draws each group gives: even or in proportion. Pure: arrays in, arrays out."""

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


def water_fill(available: Ints, size: int) -> Ints:
    """Share ``size`` draws over groups as evenly as their sizes allow.

    Every group gives the same number or all it has. What is left when an equal share is no whole
    number goes one by one to the largest groups, ties to the first.

    Args:
        available: (G,) int64, images in each group, >= 0.
        size: Draws in all, 0 to the sum of ``available``.

    Returns:
        (G,) int64 quotas that add up to ``size``, none above ``available``.

    Raises:
        ValueError: More is asked for than there is.

    >>> water_fill(np.array([1, 5, 10]), 9).tolist()
    [1, 4, 4]
    """
    if not 0 <= size <= available.sum():
        raise ValueError(f"cannot draw {size} from {available.sum()}")
    quotas = np.zeros_like(available)
    left = size
    while left > 0:
        is_open = quotas < available
        share = left // int(is_open.sum())
        if share == 0:
            order = np.lexsort((np.arange(len(available)), -available))
            quotas[[group for group in order if is_open[group]][:left]] += 1
            break
        given = np.minimum(share, available - quotas) * is_open
        quotas += given
        left -= int(given.sum())
    return quotas


def proportional(available: Ints, size: int) -> Ints:
    """Share ``size`` draws over groups in proportion to their sizes.

    What rounding down leaves goes to the largest remainders (Hamilton's method), ties to the
    first.

    Args:
        available: (G,) int64, images in each group, >= 0, not all 0.
        size: Draws in all, 0 to the sum of ``available``.

    Returns:
        (G,) int64 quotas that add up to ``size``, none above ``available``.

    Raises:
        ValueError: More is asked for than there is.

    >>> proportional(np.array([1, 5, 10]), 8).tolist()
    [1, 2, 5]
    """
    total = int(available.sum())
    if not 0 <= size <= total:
        raise ValueError(f"cannot draw {size} from {total}")
    quotas, remainders = np.divmod(available * size, total)
    quotas[np.argsort(-remainders, kind="stable")[: size - int(quotas.sum())]] += 1
    return np.asarray(quotas, np.int64)
