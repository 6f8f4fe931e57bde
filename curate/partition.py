"""Splits that no unit straddles: units are whole, ratios are met, strata are kept. Pure.

U units (images that must stay together), S splits.
"""

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

_HASH_SPACE = float(1 << 64)


def place(key: str, *, seed: int) -> float:
    """Return a number in [0, 1) that depends on the key and the seed only."""
    digest = hashlib.blake2b(f"{seed}/{key}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / _HASH_SPACE


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
    lacks = np.zeros(len(ratios))
    names, first = np.unique(strata, return_index=True)
    for stratum in names[np.argsort(order[first], kind="stable")]:
        members = np.flatnonzero(strata == stratum)
        lacks += np.asarray(ratios) * sizes[members].sum()
        for unit in members[np.lexsort((order[members], -sizes[members]))].tolist():
            splits[unit] = chosen = int(lacks.argmax())
            lacks[chosen] -= sizes[unit]
    return splits


def split_by_place(places: NDArray[np.float64], ratios: Sequence[float]) -> Ints:
    """Give every unit the split in whose share of [0, 1) its place lies.

    What one unit gets does not depend on the others, so old units stay where they are when new
    ones come; the ratios hold on average only.
    """
    bounds = np.cumsum(ratios)[:-1]
    return np.searchsorted(bounds, places, side="right").astype(np.int64)
