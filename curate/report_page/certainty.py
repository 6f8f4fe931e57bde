"""Certainty: how sure the copies are, and whether what a person decided bears it out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_EDGES = (0.0, 0.5, 0.8, 0.9, 0.95, 0.99, 1.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Bin:
    """The judged pairs whose probability lies between two edges.

    Attributes:
        stated: Their mean probability.
        observed: Share of them that a person called copies.
        n_pairs: How many.
    """

    stated: float
    observed: float
    n_pairs: int


def compare_with_judged(probability: Sequence[float], is_copy: Sequence[bool]) -> list[Bin]:
    """Return stated probability beside the share that a person called copies, by bins.

    Args:
        probability: Of each judged pair, in [0, 1].
        is_copy: What the person said.
    """
    stated, observed = np.array(probability, float), np.array(is_copy, float)
    place = np.clip(np.searchsorted(_EDGES, stated, side="right") - 1, 0, len(_EDGES) - 2)
    bins = []
    for number in np.unique(place).tolist():
        chosen = place == number
        bins.append(
            Bin(
                stated=float(stated[chosen].mean()),
                observed=float(observed[chosen].mean()),
                n_pairs=int(chosen.sum()),
            )
        )
    return bins


def expect_precision(probability: Floats) -> tuple[list[float], list[float]]:
    """Return how many copies are accepted and the share expected to be right, surest first.

    Args:
        probability: (P,) of all accepted pairs.

    Returns:
        At most 200 points: number accepted; mean probability of these.
    """
    ranked = np.sort(probability)[::-1]
    n_accepted = np.arange(1, len(ranked) + 1)
    expected = np.cumsum(ranked) / n_accepted
    steps = np.unique(np.linspace(0, len(ranked) - 1, min(200, len(ranked))).round().astype(int))
    return n_accepted[steps].astype(float).tolist(), expected[steps].tolist()
