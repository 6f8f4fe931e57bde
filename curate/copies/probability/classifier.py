"""The classifier: from evidence to the probability that a pair is a copy.

Logistic models. One judges the first look, at 128 px: which pairs are worth a close one, and which
show the same scene. Two others judge what both looks show: which pairs are copies. The second of
them is for pictures that show little, where other things tell, such as how many more look alike.
The weights lie in ``weights.json``, with a note of what made them. What copies are worth among the
user's own images, where they may be rare, is learned by `curate.copies.probability.calibrate`.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from curate.copies.probability.context import CONTEXT_NAMES
from curate.copies.verification.detail import DETAIL_NAMES
from curate.copies.verification.evidence import NAMES

Floats64 = NDArray[np.float64]

_WEIGHTS = Path(__file__).with_name("weights.json")
_N_STEPS = 30  # of Newton's method; strictly convex, a dozen steps reach the floor


@dataclass(frozen=True, kw_only=True, slots=True)
class ThresholdParams:
    """Where the least probability that counts may lie.

    Precision is measured by ``tests/benchmarks/dedup_quality.py``.

    Attributes:
        least: No threshold is lower: a copy is at least as likely as not.
        most_times_wrong: No pair counts that is this many times likelier to be wrong than wanted
            on average, however many sure ones make up for it: one wrong pair may join two groups.
    """

    least: float = 0.5
    most_times_wrong: float = 5


THRESHOLD_PARAMS = ThresholdParams()


@dataclass(frozen=True, kw_only=True, slots=True)
class CopyClassifier:
    """A logistic model of copies, or one for pictures that show much and one for those of little.

    The log odds of a pair between the two lie between what both models say.

    Attributes:
        centre: (M, K) float64, taken from each kind of evidence, by each of the M models.
        spread: (M, K) float64 > 0, unit of each kind of evidence.
        weights: (M (K + 1),) float64: for each model one per kind of evidence, then the bias.
        littleness: Column of the evidence that says how much the second model counts, in [0, 1];
            None where there is one model.
    """

    centre: Floats64
    spread: Floats64
    weights: Floats64
    littleness: int | None = None

    def predict(self, evidence: NDArray[np.float32]) -> Floats64:
        """Return the probability of each row of evidence, (P, K), to be a copy, in [0, 1].

        Rows of NaN, pairs that could not be aligned, get 0.
        """
        known = np.isfinite(evidence).all(axis=1)
        probability = np.zeros(len(evidence), np.float64)
        probability[known] = _sigmoid(self.measure_odds(evidence[known]))
        return probability

    def measure_odds(self, evidence: NDArray[np.float32]) -> Floats64:
        """Return the log odds of each row of evidence, (P, K), finite, to be a copy."""
        return self.standardize(evidence) @ self.weights

    def standardize(self, evidence: NDArray[np.float32]) -> Floats64:
        """Return what each weight is to be multiplied with, (P, M (K + 1)).

        Evidence, (P, K), in units of its spread, with a column of ones, once for each model, times
        how much it counts.
        """
        raw = evidence.astype(np.float64)
        counts = [np.ones((len(raw), 1))]
        if self.littleness is not None:
            little = raw[:, self.littleness, None]
            counts = [1 - little, little]
        models = zip(self.centre, self.spread, counts, strict=True)
        parts = [
            np.concatenate([(raw - centre) / spread, np.ones((len(raw), 1))], axis=1) * count
            for centre, spread, count in models
        ]
        return np.concatenate(parts, axis=1)

    def add_bias(self, bias: float) -> "CopyClassifier":
        """Return a classifier whose log odds are higher by as much for every pair."""
        weights = self.weights.reshape(len(self.centre), -1).copy()
        weights[:, -1] += bias
        return replace(self, weights=weights.ravel())


def load_classifier(path: Path, looks: Sequence[str], names: Sequence[str]) -> CopyClassifier:
    """Return a classifier of a file of weights.

    Args:
        path: The file.
        looks: The models that it consists of: ``first``, or ``close`` and ``close_little``.
        names: The kinds of evidence that it is to judge.

    Raises:
        ValueError: The file is for other kinds of evidence.
    """
    content = json.loads(path.read_text())
    models = [content[look] for look in looks]
    for model in models:
        if [row["evidence"] for row in model["evidence"]] != list(names):
            raise ValueError(f"{path} is for other kinds of evidence than {', '.join(names)}")

    def read(column: str) -> Floats64:
        return np.array([[row[column] for row in model["evidence"]] for model in models])

    biases = np.array([[model["bias"]] for model in models])
    return CopyClassifier(
        centre=read("centre"),
        spread=read("spread"),
        weights=np.concatenate([read("weight"), biases], axis=1).ravel(),
        littleness=list(names).index("little") if len(models) > 1 else None,
    )


FIRST_LOOK = load_classifier(_WEIGHTS, ["first"], NAMES)
CLOSE_NAMES = (*NAMES, *DETAIL_NAMES, *CONTEXT_NAMES)
"""The kinds of evidence that the close look is judged by."""
CLOSE_LOOK = load_classifier(_WEIGHTS, ["close", "close_little"], CLOSE_NAMES)


def fit_map(
    prior: CopyClassifier,
    evidence: NDArray[np.float32],
    target: Floats64,
    weight: Floats64,
    *,
    prior_spread: float | Floats64,
) -> CopyClassifier:
    """Return the most probable classifier, given examples and a prior (maximum a posteriori).

    Args:
        prior: Mean of the Gaussian prior.
        evidence: (P, K) float32, finite.
        target: (P,) float64 in [0, 1], probability of being a copy.
        weight: (P,) float64 >= 0, how much each example counts.
        prior_spread: Standard deviation of the prior on all weights, > 0, or on each.
    """
    x = prior.standardize(evidence)
    theta = prior.weights.copy()
    precision = np.eye(x.shape[1]) / np.square(prior_spread)
    for _ in range(_N_STEPS):
        p = _sigmoid(x @ theta)
        gradient = x.T @ (weight * (p - target)) + precision @ (theta - prior.weights)
        curvature = (x * (weight * np.maximum(p * (1 - p), 1e-6))[:, None]).T @ x + precision
        step = np.linalg.solve(curvature, gradient)
        theta = theta - step / max(1.0, float(np.abs(step).max()))
        if np.abs(step).max() < 1e-6:
            break
    return replace(prior, weights=theta)


def find_threshold(probabilities: Floats64, precision: float) -> float:
    """Return the lowest threshold above which the expected precision is as wanted.

    Args:
        probabilities: (P,) of all candidates.
        precision: Wanted share of copies among the accepted, in (0, 1].
    """
    params = THRESHOLD_PARAMS
    least = max(params.least, 1 - params.most_times_wrong * (1 - precision))
    ranked = np.sort(probabilities[probabilities >= least])[::-1]
    if ranked.size == 0:
        return least
    expected = np.cumsum(ranked) / np.arange(1, ranked.size + 1)
    n_accepted = int(np.searchsorted(-expected, -precision, side="right"))
    if n_accepted == ranked.size:
        return least
    return float(ranked[n_accepted - 1]) if n_accepted else 1.0


def _sigmoid(x: Floats64) -> Floats64:
    return 0.5 * (1 + np.tanh(0.5 * x))
