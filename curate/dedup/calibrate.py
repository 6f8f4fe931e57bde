"""From evidence to the probability that a pair is a copy.

A logistic model. Its built-in weights were fitted on copies made by `curate.dedup.alter` of photos
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

    No pair that is ten times likelier to be wrong than asked on average is accepted, however many
    sure ones make up for it: one wrong pair may join two groups.

    Args:
        probabilities: (P,) of all candidates.
        precision: Wanted share of copies among the accepted, in (0, 1].
    """
    least = max(0.5, 1 - 10 * (1 - precision))
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
        0.4402,
        0.2963,
        0.3349,
        0.2497,
        0.4271,
        0.501,
        0.3005,
        0.4608,
        3.9336,
        2.234,
        0.317,
        0.3863,
        0.6949,
        0.8956,
        0.215,
        0.1776,
        0.0908,
        0.2171,
        0.1945,
        0.3605,
    ]
)
_SPREAD: Floats64 = np.array(
    [
        0.3202,
        0.3626,
        0.2312,
        0.2223,
        0.3097,
        0.2897,
        0.3158,
        0.2851,
        1.1126,
        0.8378,
        0.2547,
        0.2349,
        0.3441,
        0.1449,
        0.268,
        0.2314,
        0.1014,
        0.1661,
        0.2667,
        0.305,
    ]
)
BUILT_IN = Judge(
    weights=np.array(
        [
            -2.235,
            1.257,
            -1.857,
            3.129,
            -3.586,
            1.593,
            3.08,
            -1.341,
            0.785,
            -1.72,
            -0.802,
            2.211,
            1.162,
            2.439,
            -1.156,
            -1.101,
            -0.844,
            -1.073,
            -1.065,
            0.881,
            -8.625,
        ]
    )
)
