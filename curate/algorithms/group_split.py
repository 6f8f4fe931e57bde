"""Splits that divide no unit: units are whole, ratios are met, strata are kept. Pure.

N images, U units (images that must stay together), S splits.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curate.algorithms.graph import connected_components

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_HASH_RANGE = float(1 << 64)
_ONE_BY_ONE_BELOW = 32  # units for which a loop is faster than sorting; the result is the same


def chain_equal_values(codes: Ints, rows: Ints) -> tuple[Ints, Ints]:
    """Return links that join the rows of equal values, each to the next.

    >>> [ends.tolist() for ends in chain_equal_values(np.array([7, 5, 7]), np.array([0, 1, 4]))]
    [[0], [4]]

    Args:
        codes: (n,) int64, value of each row as a number.
        rows: (n,) int64.

    Returns:
        Both ends of the links, (L,) int64 each.
    """
    order = np.argsort(codes, kind="stable")
    is_same = codes[order][1:] == codes[order][:-1]
    return rows[order[:-1][is_same]], rows[order[1:][is_same]]


@dataclass(frozen=True, slots=True)
class Units:
    """The sets of images that stay together.

    Attributes:
        unit_of: (N,) int64, unit of each image.
        first: (U,) int64, first image of each unit, ascending.
    """

    unit_of: Ints
    first: Ints


def join_units(n_images: int, links: Sequence[tuple[Ints, Ints]]) -> Units:
    """Return the units of images that are joined by links, directly or over others.

    Args:
        n_images: N.
        links: Parts, both ends of the links of each, (L,) int64.

    Raises:
        ValueError: An end lies outside [0, n_images).
    """
    a, b = (np.concatenate(ends) for ends in zip(*links, strict=True))
    lowest = connected_components(n_images, a, b)
    is_first = lowest == np.arange(n_images)
    return Units((np.cumsum(is_first) - 1)[lowest], np.flatnonzero(is_first))


def hash_positions(keys: Sequence[str | None], *, seed: int) -> Floats:
    """Return a number in [0, 1) for each key, (N,), that depends on it and the seed only."""
    digests = b"".join(
        hashlib.blake2b(f"{seed}/{key}".encode(), digest_size=8).digest() for key in keys
    )
    return np.frombuffer(digests, ">u8").astype(np.float64) / _HASH_RANGE


def split_evenly(sizes: Ints, strata: Ints, ratios: Sequence[float], order: Floats) -> Ints:
    """Give every unit a split so that the ratios hold in all and in each stratum.

    Strata are filled one after the other, each largest unit first, always into the split that
    lacks most images; what a stratum could not divide is carried on to the next one. So each split
    ends within the largest unit of its share.

    Args:
        sizes: (U,) int64, images of each unit, >= 1.
        strata: (U,) int64, stratum of each unit.
        ratios: S shares that add up to 1.
        order: (U,) float64 that breaks ties between units; no two alike.

    Returns:
        (U,) int64, the split of each unit.
    """
    splits = np.empty(len(sizes), np.int64)
    if len(sizes) == 0:
        return splits
    _, first, stratum = np.unique(strata, return_index=True, return_inverse=True)
    stratum = np.argsort(np.argsort(order[first], kind="stable"))[stratum]  # in their turn
    queue = np.lexsort((order, -sizes, stratum))
    stratum, size = stratum[queue], sizes[queue]
    n_images = np.bincount(stratum, weights=size)
    starts = np.flatnonzero(np.diff(stratum, prepend=-1) | np.diff(size, prepend=0))
    lacks = np.zeros(len(ratios))
    current = -1
    for start, end in zip(starts.tolist(), [*starts[1:].tolist(), len(queue)], strict=True):
        if stratum[start] != current:
            current = stratum[start]
            lacks += np.asarray(ratios) * n_images[current]
        splits[queue[start:end]] = _fill_splits(lacks, int(size[start]), end - start)
    return splits


def _fill_splits(lacks: Floats, size: int, n_units: int) -> Ints:
    """Give units of one size, one by one, to the split that lacks most; lower ``lacks`` by that.

    What a split lacks falls by ``size`` with each unit that it gets. So the units go to the highest
    of all these steps, ties to the first split, and each split's steps come in their order.
    """
    if n_units < _ONE_BY_ONE_BELOW:
        chosen = np.empty(n_units, np.int64)
        for unit in range(n_units):
            chosen[unit] = lacks.argmax()
            lacks[chosen[unit]] -= size
        return chosen
    n_steps = [max(0, math.ceil(lack / size)) + 1 for lack in lacks]
    steps = [
        np.subtract.accumulate(np.concatenate([[lack], np.full(n, float(size))]))
        for lack, n in zip(lacks, n_steps, strict=True)
    ]
    split_of = np.repeat(np.arange(len(lacks)), n_steps)
    highest = np.argsort(-np.concatenate([step[:-1] for step in steps]), kind="stable")
    chosen = split_of[highest[:n_units]]
    for split, n_given in enumerate(np.bincount(chosen, minlength=len(lacks))):
        lacks[split] = steps[split][n_given]
    return chosen


def split_by_position(positions: Floats, ratios: Sequence[float]) -> Ints:
    """Give every unit the split in whose share of [0, 1) its position lies.

    What one unit gets does not depend on the others, so old units stay where they are when new
    ones come; the ratios hold on average only.

    Args:
        positions: (U,) float64 in [0, 1).
        ratios: S shares that add up to 1.

    Returns:
        (U,) int64, the split of each unit.
    """
    bounds = np.cumsum(ratios)[:-1]
    return np.searchsorted(bounds, positions, side="right").astype(np.int64)


def keep_earlier_splits(earlier: Ints, fresh: Ints, unit_of: Ints) -> tuple[Ints, int]:
    """Leave images that have a split where they are; new ones join the first such of their unit.

    Args:
        earlier: (N,) int64, split of each image so far, -1 for none.
        fresh: (N,) int64, split of those whose unit has none yet.
        unit_of: (N,) int64, unit of each image.

    Returns:
        The split of each image (N,), and how many units lie in several splits, which are left so.
    """
    has_earlier = np.flatnonzero(earlier >= 0)
    split_of_unit = np.full(int(unit_of.max(initial=-1)) + 1, -1)
    split_of_unit[unit_of[has_earlier[::-1]]] = earlier[has_earlier[::-1]]
    of_unit = split_of_unit[unit_of]
    is_divided = earlier[has_earlier] != of_unit[has_earlier]
    splits = np.where(earlier >= 0, earlier, np.where(of_unit >= 0, of_unit, fresh))
    return splits, len(np.unique(unit_of[has_earlier][is_divided]))
