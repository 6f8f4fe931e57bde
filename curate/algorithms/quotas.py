"""How many draws each group gives: even, in proportion, or level by level. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
_BISECTIONS = 100
"""Halvings of the bounds of a factor: more than float64 can tell apart."""


def even_quotas(available: Ints, size: int) -> Ints:
    """Share ``size`` draws over groups as evenly as their sizes allow.

    Every group gives the same number or all it has. What is left when an equal share is no whole
    number goes one by one to the largest groups, ties to the first.

    Args:
        available: (G,) int64, images in each group, >= 0.
        size: Draws in all, 0 to the sum of ``available``.

    Returns:
        (G,) int64 quotas that add up to ``size``, none above ``available``.

    Raises:
        ValueError: ``size`` is out of range.

    >>> even_quotas(np.array([1, 5, 10]), 9).tolist()
    [1, 4, 4]
    """
    _check_size(available, size)
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


def proportional_quotas(available: Ints, size: int, rng: np.random.Generator) -> Ints:
    """Share ``size`` draws over groups in proportion to their sizes, rounded at random.

    A group whose share is no whole number gets the whole number below it or that above it, so that
    its mean over many draws is the share: small groups have their chance, and none is always
    rounded down. The roundings are drawn together, by systematic sampling in random order (Madow
    1949), so that the quotas add up.

    Args:
        available: (G,) int64, images in each group, >= 0, not all 0.
        size: Draws in all, 0 to the sum of ``available``.
        rng: Of the roundings.

    Returns:
        (G,) int64 quotas that add up to ``size``, none above ``available``.

    Raises:
        ValueError: ``size`` is out of range.

    >>> proportional_quotas(np.array([2, 4, 10]), 8, np.random.default_rng(0)).tolist()
    [1, 2, 5]
    """
    _check_size(available, size)
    n_images = int(available.sum())
    quotas, remainders = np.divmod(available * size, n_images)
    order = rng.permutation(len(available))
    marks = (np.cumsum(remainders[order]) + rng.integers(n_images)) // n_images
    quotas[order] += np.diff(marks, prepend=0)
    return np.asarray(quotas, np.int64)


def expected_quotas(weights: Floats, available: Ints, size: int, taken: Ints) -> Floats:
    """Share ``size`` draws over groups by their weights, as far as they have images.

    Every group gives a multiple of its weight, the same for all, or all it has, or what it gave
    before where that is more.

    Args:
        weights: (G,) float64, >= 0.
        available: (G,) int64, images in each group.
        size: Draws in all.
        taken: (G,) int64, images of each that are drawn already, at most ``available``.

    Returns:
        (G,) float64 that add up to ``size``.

    Raises:
        ValueError: ``size`` is out of range, or groups of weight 0 would have to give some.

    >>> expected_quotas(np.array([1.0, 3.0]), np.array([9, 9]), 8, np.array([0, 0])).tolist()
    [2.0, 6.0]
    """
    _check_size(available, size)
    most = np.where(weights > 0, available, taken)
    if not taken.sum() <= size <= most.sum():
        raise ValueError(f"cannot draw {size} where {taken.sum()} to {most.sum()} can be")
    low, high = 0.0, float((available / np.where(weights > 0, weights, np.inf)).max()) + 1.0
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        if _share(weights, most, taken, middle).sum() >= size:
            high = middle
        else:
            low = middle
    quotas = _share(weights, most, taken, high)
    is_between = (quotas > taken) & (quotas < most)
    # What bisection leaves goes to groups that are at neither bound.
    quotas[is_between] += (size - quotas.sum()) / max(1, is_between.sum())
    return quotas


def _share(weights: Floats, most: Ints, taken: Ints, factor: float) -> Floats:
    return np.asarray(np.clip(factor * weights, taken, most))


def round_quotas(expected: Floats, seed: int) -> Ints:
    """Return whole quotas whose means over seeds are ``expected``, each off by less than one.

    Systematic sampling (Madow 1949): the running sums are cut at whole steps from a random start.

    Args:
        expected: (G,) float64, >= 0, that add up to a whole number.
        seed: Of the start.
    """
    start = np.random.default_rng([seed, 2]).random()
    sums = np.concatenate([[0.0], np.cumsum(expected)])
    sums[-1] = round(sums[-1])
    return np.diff(np.floor(sums + start)).astype(np.int64)


@dataclass(frozen=True, slots=True)
class NestedQuotas:
    """How many images each of the finest groups gives.

    Attributes:
        group: (N,) int64, finest group of each row.
        quotas: (G,) int64, images that each group gives.
        odds: (G,) float64, how many groups each one stands for, >= 1: where there are more groups
            than draws, those that give one are chosen at random, lest the others could never be
            drawn; and so is a stratum whose share is less than one draw.
    """

    group: Ints
    quotas: Ints
    odds: Floats

    def weights(self) -> Floats:
        """Return how many rows each draw from a group stands for, (G,)."""
        return np.asarray(np.bincount(self.group) * self.odds / np.maximum(self.quotas, 1))


def nested_quotas(
    size: int, levels: Sequence[Ints], *, strata: Ints | None = None, seed: int = 0
) -> NestedQuotas:
    """Share draws over strata in proportion, then evenly over the first level's groups, and so on.

    Shares of strata are rounded at random. The levels are those of Vo et al. 2024
    (arXiv:2405.15613): each group's quota is shared out evenly over the groups of the next level
    within it.

    Args:
        size: Draws in all, 0 to N.
        levels: (N,) int64 group of each row, coarsest level first.
        strata: (N,) int64 stratum of each row; None for one of all rows.
        seed: Of the roundings, and of the choice of groups where there are more groups than draws.

    Raises:
        ValueError: ``size`` is out of range.
    """
    if strata is None:
        strata = np.zeros(len(levels[0]), np.int64)
    available = np.bincount(strata)
    quotas = proportional_quotas(available, size, np.random.default_rng([seed, 2]))
    shares = available * size / len(strata)
    nested = NestedQuotas(strata, quotas, 1 / np.where(shares > 0, np.minimum(shares, 1), 1))
    rng = np.random.default_rng([seed, 1])
    for codes in levels:
        nested = _divide_quotas(nested, codes, rng)
    return nested


def _divide_quotas(nested: NestedQuotas, codes: Ints, rng: np.random.Generator) -> NestedQuotas:
    """Share the quota of each group out over the groups within, by the codes (N,) of its rows."""
    n_codes = int(codes.max()) + 1
    finer, group = np.unique(nested.group * n_codes + codes, return_inverse=True)
    sizes, parent = np.bincount(group), finer // n_codes
    quotas, odds = np.zeros(len(finer), np.int64), nested.odds[parent]
    bounds = np.searchsorted(parent, np.arange(len(nested.quotas) + 1))
    for quota, start, end in zip(nested.quotas.tolist(), bounds[:-1], bounds[1:], strict=True):
        n_groups = end - start
        if 0 < quota < n_groups:
            quotas[start + rng.choice(n_groups, quota, replace=False)] = 1
            odds[start:end] *= n_groups / quota
        else:
            quotas[start:end] = even_quotas(sizes[start:end], quota)
    return NestedQuotas(np.asarray(group, np.int64).reshape(-1), quotas, odds)


def _check_size(available: Ints, size: int) -> None:
    if not 0 <= size <= available.sum():
        raise ValueError(f"cannot draw {size} from {available.sum()}")
