"""Calibration: the classifier fitted to the images at hand.

Which of their candidates are copies is not known; their own probability stands in for it, and
fitting and guessing take turns (expectation-maximisation), held by the prior and by copies made of
the images themselves.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curate.copies.probability.classifier import BUILT_IN, CopyClassifier, fit_map
from curate.copies.verification.findings import Findings, select_best

Evidence = NDArray[np.float32]
Targets = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class CalibrationParams:
    """How far the images at hand may move the classifier.

    Precision and copies found are measured by ``tests/benchmarks/dedup_quality.py``.

    Attributes:
        n_synthetic: Images of which copies are made, those of the lowest content hashes; more cost
            time and change little.
        synthetic_weight: How much a made copy counts beside a candidate: made copies are easier
            than those that people make.
        prior_spread: Standard deviation of the prior on each weight: how far it may be moved.
        n_candidates: Candidates that take part at most; bounds the time of the fit.
        n_rounds: Rounds of guessing which candidates are copies, then fitting.
    """

    n_synthetic: int = 96
    synthetic_weight: float = 0.25
    prior_spread: float = 0.4
    n_candidates: int = 4000
    n_rounds: int = 3


CALIBRATION_PARAMS = CalibrationParams()


def calibrate(
    synthetic: Evidence, candidates: Evidence, judged: tuple[Evidence, Targets] | None = None
) -> CopyClassifier:
    """Return the built-in classifier fitted to evidence.

    Args:
        synthetic: (M, 20) float32, on made copies.
        candidates: (E, 20) float32, on candidates.
        judged: (J, 20) float32, on pairs that a person judged, each as weighty as a candidate, and
            (J,) float64, 1 for copies, 0 for others.
    """
    seen, said = judged or (candidates[:0], np.zeros(0))
    params = CALIBRATION_PARAMS
    evidence = np.concatenate([synthetic, candidates, seen])
    classifier = BUILT_IN
    for _ in range(params.n_rounds):
        guess = classifier.predict(candidates)
        target = np.concatenate([np.ones(len(synthetic)), guess, said])
        weight = np.concatenate(
            [
                np.full(len(synthetic), params.synthetic_weight),
                np.ones(len(candidates) + len(said)),
            ]
        )
        classifier = fit_map(BUILT_IN, evidence, target, weight, prior_spread=params.prior_spread)
    return classifier


def select_candidates(findings: Findings, fingerprints: NDArray[np.uint64]) -> Evidence:
    """Return evidence on candidates, (E, 20).

    Of many, those are taken of the lowest sums of content hashes: a folder that grows a little
    keeps nearly the same ones.

    Args:
        findings: On all candidates.
        fingerprints: (R,) uint64, of the content hash of each image.
    """
    best = select_best(findings, BUILT_IN).findings
    lot = fingerprints[best.a] + fingerprints[best.b]  # wraps around
    drawn = np.sort(np.argsort(lot, kind="stable")[: CALIBRATION_PARAMS.n_candidates])
    return best.evidence[drawn]
