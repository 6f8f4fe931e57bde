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
    """Return the lowest cut, at least 0.5, above which the expected precision is as asked.

    Args:
        probabilities: (P,) of all candidates.
        precision: Wanted share of copies among the accepted, in (0, 1].
    """
    ranked = np.sort(probabilities[probabilities >= 0.5])[::-1]
    if ranked.size == 0:
        return 0.5
    expected = np.cumsum(ranked) / np.arange(1, ranked.size + 1)
    n_accepted = int(np.searchsorted(-expected, -precision, side="right"))
    if n_accepted == ranked.size:
        return 0.5
    return float(ranked[n_accepted - 1]) if n_accepted else 1.0


def _design(evidence: NDArray[np.float32]) -> Floats64:
    """Return standardised evidence with a column of ones."""
    standard = (evidence.astype(np.float64) - _CENTRE) / _SPREAD
    return np.concatenate([standard, np.ones((len(evidence), 1))], axis=1)


def _sigmoid(x: Floats64) -> Floats64:
    return 0.5 * (1 + np.tanh(0.5 * x))


_CENTRE: Floats64 = np.array(
    [
        0.4818,
        0.3596,
        0.306,
        0.2428,
        0.3274,
        0.6034,
        0.371,
        0.4984,
        3.7808,
        2.3016,
        0.3431,
        0.4274,
        0.648,
        0.8735,
        0.2851,
        0.225,
    ]
)
_SPREAD: Floats64 = np.array(
    [
        0.357,
        0.4062,
        0.2476,
        0.2322,
        0.2836,
        0.2517,
        0.3349,
        0.3144,
        1.225,
        0.9271,
        0.2675,
        0.2559,
        0.3698,
        0.1532,
        0.3293,
        0.2677,
    ]
)
BUILT_IN = Judge(
    weights=np.array(
        [
            -1.022,
            -0.105,
            -0.819,
            1.959,
            -1.59,
            0.304,
            1.825,
            1.809,
            4.346,
            0.294,
            0.529,
            2.479,
            1.914,
            1.713,
            -3.965,
            -0.417,
            -6.351,
        ]
    )
)
