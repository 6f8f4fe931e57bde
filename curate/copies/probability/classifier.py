"""From evidence to the probability that a pair is a copy.

A logistic model. Its built-in weights were fitted on copies made by `curate.copies.probability.augment` of photos
and of clothes, and on the closest different pictures of the same folders. On the user's own folder
it is fitted again, on copies made of the user's images and on the folder's own candidates, with
the built-in weights as the mean of a Gaussian prior: a folder of two images moves them by nothing,
a large one as far as its data say.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats64 = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Judge:
    """A logistic model of copies.

    Attributes:
        weights: (K + 1,) float64, one per kind of evidence (in units of its spread), then the bias.
    """

    weights: Floats64

    def probability(self, evidence: NDArray[np.float32]) -> Floats64:
        """Return the probability of each row of evidence, (P, K), to be a copy, in [0, 1].

        Rows of NaN, pairs that could not be laid over each other, get 0.
        """
        known = np.isfinite(evidence).all(axis=1)
        out = np.zeros(len(evidence), np.float64)
        out[known] = _sigmoid(_design(evidence[known]) @ self.weights)
        return out


def fitted(
    prior: Judge,
    evidence: NDArray[np.float32],
    target: Floats64,
    weight: Floats64,
    *,
    spread: float,
) -> Judge:
    """Return the most probable judge, given examples and a prior.

    Args:
        prior: Mean of the Gaussian prior.
        evidence: (P, K) float32, finite.
        target: (P,) float64 in [0, 1], probability of being a copy.
        weight: (P,) float64 >= 0, how much each example counts.
        spread: Standard deviation of the prior on each weight, > 0.
    """
    x = _design(evidence)
    theta = prior.weights.copy()
    precision = np.eye(x.shape[1]) / spread**2
    for _ in range(30):  # Newton; strictly convex, a dozen steps reach the floor
        p = _sigmoid(x @ theta)
        gradient = x.T @ (weight * (p - target)) + precision @ (theta - prior.weights)
        curvature = (x * (weight * np.maximum(p * (1 - p), 1e-6))[:, None]).T @ x + precision
        step = np.linalg.solve(curvature, gradient)
        theta = theta - step / max(1.0, float(np.abs(step).max()))
        if np.abs(step).max() < 1e-6:
            break
    return Judge(weights=theta)


def threshold_for(probabilities: Floats64, precision: float) -> float:
    """Return the lowest cut above which the expected precision is as asked.

    No pair that is five times likelier to be wrong than asked on average is accepted, however many
    sure ones make up for it: one wrong pair may join two groups.

    Args:
        probabilities: (P,) of all candidates.
        precision: Wanted share of copies among the accepted, in (0, 1].
    """
    least = max(0.5, 1 - 5 * (1 - precision))
    ranked = np.sort(probabilities[probabilities >= least])[::-1]
    if ranked.size == 0:
        return least
    expected = np.cumsum(ranked) / np.arange(1, ranked.size + 1)
    n_accepted = int(np.searchsorted(-expected, -precision, side="right"))
    if n_accepted == ranked.size:
        return least
    return float(ranked[n_accepted - 1]) if n_accepted else 1.0


def _design(evidence: NDArray[np.float32]) -> Floats64:
    """Return standardised evidence with a column of ones."""
    standard = (evidence.astype(np.float64) - _CENTRE) / _SPREAD
    return np.concatenate([standard, np.ones((len(evidence), 1))], axis=1)


def _sigmoid(x: Floats64) -> Floats64:
    return 0.5 * (1 + np.tanh(0.5 * x))


_CENTRE: Floats64 = np.array(
    [
        0.719,
        0.6028,
        0.148,
        0.0904,
        0.2073,
        0.6815,
        0.5532,
        0.705,
        4.809,
        2.904,
        0.0961,
        0.6167,
        0.8775,
        0.9566,
        0.0751,
        0.0953,
        0.067,
        0.1338,
        0.0671,
        0.592,
    ]
)
_SPREAD: Floats64 = np.array(
    [
        0.2929,
        0.387,
        0.1788,
        0.1318,
        0.2795,
        0.3059,
        0.3461,
        0.2663,
        0.6536,
        0.8452,
        0.1744,
        0.2201,
        0.2107,
        0.0782,
        0.1059,
        0.1453,
        0.0938,
        0.1516,
        0.1781,
        0.31,
    ]
)
BUILT_IN = Judge(
    weights=np.array(
        [
            -1.642,
            0.089,
            -0.954,
            1.925,
            -3.156,
            1.557,
            2.443,
            0.333,
            0.885,
            -1.527,
            -0.435,
            1.56,
            0.716,
            1.265,
            -0.168,
            -0.412,
            -0.542,
            -0.925,
            -0.485,
            0.88,
            1.302,
        ]
    )
)
