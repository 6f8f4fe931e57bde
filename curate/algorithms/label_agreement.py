"""Label agreement: whether the nearest images predict the labels. Pure: arrays in, numbers out.

Only then is a label that they contradict worth a look.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curate.algorithms.classifiers import SUSPECT_FROM

LEAST_BEYOND_CHANCE = 0.5
"""Agreement beyond chance (Cohen's kappa) from which on suspects are told.

There a suspect is wrong twice as often as a label drawn by lot, measured by
`tests/benchmarks/label_suspects.py`, table in `docs/groups.md`. Whoever always guesses the
largest class stays below it.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelAgreement:
    """How well the nearest images predict the given labels.

    Attributes:
        agreement: Share of the labels that at least half of the nearest images' votes go to, in
            [0, 1]; no image votes for itself.
        chance: The same if votes fell by the labels' shares of the images, in [0, 1].
        n_suspects: Labels that most votes go against.
        are_told: Whether these are information: the agreement lies far enough beyond chance.
    """

    agreement: float
    chance: float
    n_suspects: int
    are_told: bool

    def describe(self) -> str:
        """Return what a person is told, a sentence without its full stop."""
        found = f"agreement {_percent(self.agreement)}, chance {_percent(self.chance)}"
        if self.are_told:
            return f"the features predict these labels ({found}): suspects are told"
        return (
            f"the features do not predict these labels well enough ({found}): no suspects are told"
        )


def measure_agreement(
    labels: NDArray[np.int64], suspicion: NDArray[np.floating]
) -> LabelAgreement | None:
    """Return how well neighbours predict labels.

    Args:
        labels: (N,) int64, classes.
        suspicion: (N,) float, share of the neighbours' votes for other classes, in [0, 1].

    Returns:
        None if N is 0.
    """
    if len(labels) == 0:
        return None
    shares = np.unique(labels, return_counts=True)[1] / len(labels)
    n_suspects = int((suspicion > SUSPECT_FROM).sum())
    agreement, chance = 1 - n_suspects / len(labels), float((shares**2).sum())
    beyond = (agreement - chance) / max(1 - chance, 1e-9)  # Cohen's kappa
    return LabelAgreement(
        agreement=agreement,
        chance=chance,
        n_suspects=n_suspects,
        are_told=chance == 1 or beyond >= LEAST_BEYOND_CHANCE,
    )


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
