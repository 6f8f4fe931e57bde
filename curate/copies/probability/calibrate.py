"""Calibration: the classifier fitted to the images at hand, above all how rare copies are there.

The built-in classifier says how much likelier a copy is to look like this than another pair: it was
fitted at even odds. Among the pairs of a folder that are worth a close look copies may be all or
none. Their share is estimated by expectation-maximisation (Saerens, Latinne and Decaestecker 2002,
section 2.2), and the odds of every pair follow from it. Copies made of the images themselves say
how well copies agree here.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from curate.copies.probability.classifier import CLOSE_LOOK, CopyClassifier, fit_map
from curate.copies.verification.findings import Findings

Evidence = NDArray[np.float32]
Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class CalibrationParams:
    """How far the images at hand may move the classifier.

    Precision and copies found are measured by ``tests/benchmarks/base_rates.py``.

    Attributes:
        n_synthetic: Images of which copies are made, those of the lowest content hashes; more cost
            time and change little.
        synthetic_weight: How much a made copy counts: made copies are easier than those that
            people make.
        prior_spread: Standard deviation of the prior on each weight: how far it may be moved.
        n_candidates: Candidates that take part at most; bounds the time of the fit.
        n_rounds: Rounds of the estimate of the share; it settles within twenty.
        pseudo: Pairs of either kind that the estimate begins with: a folder of two images keeps
            even odds, nearly.
    """

    n_synthetic: int = 96
    synthetic_weight: float = 0.25
    prior_spread: float = 0.2
    n_candidates: int = 4000
    n_rounds: int = 50
    pseudo: float = 1.0


CALIBRATION_PARAMS = CalibrationParams()


def calibrate(
    synthetic: Evidence, candidates: Evidence, judged: tuple[Evidence, Floats] | None = None
) -> CopyClassifier:
    """Return the built-in classifier fitted to evidence.

    Args:
        synthetic: (M, 60) float32, on made copies.
        candidates: (E, 60) float32, on candidates that were looked at closely.
        judged: (J, 60) float32, on pairs that a person judged, each as weighty as a candidate, and
            (J,) float64, 1 for copies, 0 for others.
    """
    seen, said = judged or (candidates[:0], np.zeros(0))
    params = CALIBRATION_PARAMS
    share = estimate_share(CLOSE_LOOK.measure_odds(candidates))
    guess = shift_odds(CLOSE_LOOK.measure_odds(candidates), share)
    evidence = np.concatenate([synthetic, candidates, seen])
    target = np.concatenate([np.ones(len(synthetic)), guess, said])
    weight = np.concatenate(
        [np.full(len(synthetic), params.synthetic_weight), np.ones(len(candidates) + len(said))]
    )
    prior = add_bias(CLOSE_LOOK, share)
    return fit_map(prior, evidence, target, weight, prior_spread=params.prior_spread)


def estimate_share(log_odds: Floats) -> float:
    """Return the share of copies among pairs, in (0, 1).

    Args:
        log_odds: (E,) float64, of each pair, where copies are half of all.
    """
    params = CALIBRATION_PARAMS
    share = 0.5
    for _ in range(params.n_rounds):
        expected = float(shift_odds(log_odds, share).sum())
        share = (expected + params.pseudo) / (len(log_odds) + 2 * params.pseudo)
    return share


def shift_odds(log_odds: Floats, share: float) -> Floats:
    """Return probabilities, (E,), from log odds at even share, where copies have another share."""
    return np.asarray(0.5 * (1 + np.tanh(0.5 * (log_odds + np.log(share / (1 - share))))))


def add_bias(classifier: CopyClassifier, share: float) -> CopyClassifier:
    """Return a classifier of even odds as one for a share of copies."""
    weights = classifier.weights.copy()
    weights[-1] += np.log(share / (1 - share))
    return replace(classifier, weights=weights)


def select_candidates(
    findings: Findings, evidence: Evidence, fingerprints: NDArray[np.uint64]
) -> Evidence:
    """Return evidence on candidates that were looked at closely, (E, 60).

    Of many, those are taken of the lowest sums of content hashes: a folder that grows a little
    keeps nearly the same ones.

    Args:
        findings: On all candidates, each pair once.
        evidence: (P, 60) float32, on the same.
        fingerprints: (R,) uint64, of the content hash of each image.
    """
    lot = fingerprints[findings.a] + fingerprints[findings.b]  # wraps around
    is_known = np.isfinite(evidence).all(axis=1)
    drawn = np.argsort(lot[is_known], kind="stable")[: CALIBRATION_PARAMS.n_candidates]
    return evidence[is_known][np.sort(drawn)]
