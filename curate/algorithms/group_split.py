"""Splits that no unit straddles: units are whole, ratios are met, strata are kept. Pure.

U units (images that must stay together), S splits.
"""

import hashlib
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

_HASH_SPACE = float(1 << 64)
_FEW = 32


def places(keys: Sequence[str | None], *, seed: int) -> NDArray[np.float64]:
    """Return a number in [0, 1) for each key, (N,), that depends on it and the seed only."""
    digests = b"".join(
        hashlib.blake2b(f"{seed}/{key}".encode(), digest_size=8).digest() for key in keys
    )
    return np.frombuffer(digests, ">u8").astype(np.float64) / _HASH_SPACE


def split_evenly(
    sizes: Ints, strata: Ints, ratios: Sequence[float], order: NDArray[np.float64]
) -> Ints:
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
    _, first, number = np.unique(strata, return_index=True, return_inverse=True)
    turn = np.argsort(np.argsort(order[first], kind="stable"))[number]
    queue = np.lexsort((order, -sizes, turn))
    turn, size = turn[queue], sizes[queue]
    n_images = np.bincount(turn, weights=size)
    starts = np.flatnonzero(np.diff(turn, prepend=-1) | np.diff(size, prepend=0))
    lacks = np.zeros(len(ratios))
    now = -1
    for start, end in zip(starts.tolist(), [*starts[1:].tolist(), len(queue)], strict=True):
        if turn[start] != now:
            now = turn[start]
            lacks += np.asarray(ratios) * n_images[now]
        splits[queue[start:end]] = _in_turn(lacks, int(size[start]), end - start)
    return splits


def _in_turn(lacks: NDArray[np.float64], size: int, n_units: int) -> Ints:
    """Give units of one size, one by one, to the split that lacks most; lower ``lacks`` by that.

    What a split lacks falls by ``size`` with each unit that it gets. So the units go to the highest
    of all these steps, ties to the first split, and each split's steps come in their order.
    """
    if n_units < _FEW:
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
    highest = np.argsort(-np.concatenate([own[:-1] for own in steps]), kind="stable")
    chosen = split_of[highest[:n_units]]
    for split, n_given in enumerate(np.bincount(chosen, minlength=len(lacks))):
        lacks[split] = steps[split][n_given]
    return chosen


def split_by_place(places: NDArray[np.float64], ratios: Sequence[float]) -> Ints:
    """Give every unit the split in whose share of [0, 1) its place lies.

    What one unit gets does not depend on the others, so old units stay where they are when new
    ones come; the ratios hold on average only.
    """
    bounds = np.cumsum(ratios)[:-1]
    return np.searchsorted(bounds, places, side="right").astype(np.int64)
