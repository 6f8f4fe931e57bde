"""Calibration: the classifier fitted to the images at hand, above all how rare copies are there.

The built-in classifier says how much likelier a copy is to look like this than another pair: it was
fitted at even odds. Among the pairs of a folder that are worth a close look copies may be all or
none; where rules refuse many, some of the others are none either. Their share is estimated by
expectation-maximisation (Saerens, Latinne and Decaestecker 2002, section 2.2), and the odds of
every pair follow from it. Copies and non-copies made of the images themselves say how well copies
agree here, and what else does.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curate.copies.probability.classifier import CLOSE_LOOK, CopyClassifier, fit_map
from curate.copies.verification.findings import Findings

Evidence = NDArray[np.float32]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, slots=True)
class CalibrationParams:
    """How far the images at hand may move the classifier.

    Precision and copies found are measured by ``tests/benchmarks/base_rates.py``.

    Attributes:
        n_copied: Images of which copies are made, those of the lowest content hashes; more cost
            time and change little.
        copied_per_pair: For each pair that was looked at closely so many images are copied at most:
            where there is little to be judged the built-in weights serve.
        n_refused: Refused pairs of which non-copies are made, at most.
        slipped: Pairs that are no copies and pass the rules, for each that a rule refuses, of
            pictures that show much and of such that show little. Of frames of a fixed camera,
            re-encoded or altered, 0.01 to 0.05; with 1.0 faces lose copies. Of such frames of 32 to
            64 px 0.5 to 2.4.
        overlooked: The same for each pair that the first look refuses, where pictures show little.
            Of 500 photos of clothes of 28 to 80 px it refused 117 pairs, and 29 that are no copies
            passed it (``tests/benchmarks/little_quality.py``).
        surely_none: A pair that looks alike and is less probable than this is no copy.
        made_weight: How much a made pair counts: made copies are easier than those that people
            make.
        prior_spread: Standard deviation of the prior on each weight, how far it may be moved, of
            pictures that show much and of such that show little.
        n_candidates: Candidates that take part at most; bounds the time of the fit.
        n_rounds: Rounds of the estimate of the share; it settles within twenty.
        pseudo: Pairs of either kind that the estimate begins with: a folder of two images keeps
            even odds, nearly.
    """

    n_copied: int = 96
    copied_per_pair: int = 4
    n_refused: int = 96
    slipped: tuple[float, float] = (0.1, 1.0)
    overlooked: float = 0.2
    surely_none: float = 0.02
    made_weight: float = 0.25
    prior_spread: tuple[float, float] = (0.2, 0.05)
    n_candidates: int = 4000
    n_rounds: int = 50
    pseudo: float = 1.0


CALIBRATION_PARAMS = CalibrationParams()


def calibrate(
    made: tuple[Evidence, NDArray[np.bool_]],
    candidates: Evidence,
    judged: tuple[Evidence, Floats] | None = None,
    *,
    share: float,
) -> CopyClassifier:
    """Return the built-in classifier fitted to evidence.

    Args:
        made: (M, 61) float32, on made pairs, and (M,) bool, which are copies.
        candidates: (E, 61) float32, on candidates that were looked at closely.
        judged: (J, 61) float32, on pairs that a person judged, each as weighty as a candidate, and
            (J,) float64, 1 for copies, 0 for others.
        share: Of copies among pairs that were looked at closely, in (0, 1).
    """
    seen, said = judged or (candidates[:0], np.zeros(0))
    params = CALIBRATION_PARAMS
    guess = shift_odds(CLOSE_LOOK.measure_odds(candidates), share)
    evidence = np.concatenate([made[0], candidates, seen])
    target = np.concatenate([made[1], guess, said])
    weight = np.ones(len(evidence))
    weight[: len(made[0])] = params.made_weight
    prior = CLOSE_LOOK.add_bias(measure_bias(share))
    spread = np.repeat(params.prior_spread, len(prior.weights) // len(params.prior_spread))
    return fit_map(prior, evidence, target, weight, prior_spread=spread)


def estimate_share(log_odds: Floats, n_none: float = 0) -> float:
    """Return the share of copies among pairs, in (0, 1).

    Args:
        log_odds: (E,) float64, of each pair, where copies are half of all.
        n_none: Pairs that are no copies, with which the estimate begins.
    """
    params = CALIBRATION_PARAMS
    share = 0.5
    for _ in range(params.n_rounds):
        expected = float(shift_odds(log_odds, share).sum())
        share = (expected + params.pseudo) / (len(log_odds) + n_none + 2 * params.pseudo)
    return share


def shift_odds(log_odds: Floats, share: float) -> Floats:
    """Return probabilities, (E,), from log odds at even share, where copies have another share."""
    return np.asarray(0.5 * (1 + np.tanh(0.5 * (log_odds + measure_bias(share)))))


def measure_bias(share: float) -> float:
    """Return by how much log odds at even share change where copies have another share."""
    return float(np.log(share / (1 - share)))


def select_candidates(
    findings: Findings, evidence: Evidence, fingerprints: NDArray[np.uint64]
) -> Evidence:
    """Return evidence on candidates that were looked at closely, (E, 61).

    Args:
        findings: On all candidates, each pair once.
        evidence: (P, 61) float32, on the same.
        fingerprints: (R,) uint64, of the content hash of each image.
    """
    known = np.flatnonzero(np.isfinite(evidence).all(axis=1))
    return evidence[_draw(known, findings, fingerprints, CALIBRATION_PARAMS.n_candidates)]


def guess_copies(findings: Findings, evidence: Evidence) -> tuple[float, Floats]:
    """Return the share of copies among the pairs that were looked at closely, and a first guess.

    Args:
        findings: On all candidates, each pair once.
        evidence: (P, 61) float32, on the same.

    Returns:
        The share, in (0, 1), and how probable each pair is at that share, (P,) float64; 0 where
        there is no evidence.
    """
    is_known = np.isfinite(evidence).all(axis=1)
    log_odds = CLOSE_LOOK.measure_odds(evidence[is_known])
    share = estimate_share(log_odds, _count_slipped(findings, evidence))
    guess = np.zeros(len(findings))
    guess[is_known] = shift_odds(log_odds, share)
    return share, guess


def _count_slipped(findings: Findings, evidence: Evidence) -> float:
    """Return how many pairs that are no copies pass all rules, as those that did not tell."""
    params = CALIBRATION_PARAMS
    is_looked_at = np.isfinite(findings.close).all(axis=1)
    little = evidence[is_looked_at, CLOSE_LOOK.littleness].astype(np.float64)
    if len(little) == 0:
        return 0.0
    n_overlooked = params.overlooked * float((~is_looked_at).sum() * little.mean())
    refused = little[~np.isfinite(evidence[is_looked_at]).all(axis=1)]
    return n_overlooked + float(np.interp(refused, (0, 1), params.slipped).sum())


def count_copied(findings: Findings, n_images: int) -> int:
    """Return of how many images copies are made.

    Args:
        findings: On all candidates, each pair once.
        n_images: How many there are.
    """
    params = CALIBRATION_PARAMS
    n_looked_at = int(np.isfinite(findings.close).all(axis=1).sum())
    return min(n_images, params.n_copied, params.copied_per_pair * n_looked_at)


def select_refused(findings: Findings, guess: Floats, fingerprints: NDArray[np.uint64]) -> Ints:
    """Return pairs that were looked at closely, for they look alike, and are no copies.

    Args:
        findings: On all candidates, each pair once.
        guess: (P,) how probable each is, from `guess_copies`.
        fingerprints: (R,) uint64, of the content hash of each image.

    Returns:
        (M,) int64, rows.
    """
    params = CALIBRATION_PARAMS
    is_looked_at = np.isfinite(findings.close).all(axis=1)
    refused = np.flatnonzero(is_looked_at & (guess < params.surely_none))
    return _draw(refused, findings, fingerprints, params.n_refused)


def _draw(rows: Ints, findings: Findings, fingerprints: NDArray[np.uint64], most: int) -> Ints:
    """Return some of the rows, in order: those of the lowest sums of content hashes.

    A folder that grows a little keeps nearly the same ones.
    """
    lot = fingerprints[findings.a[rows]] + fingerprints[findings.b[rows]]  # wraps around
    return np.sort(rows[np.argsort(lot, kind="stable")[:most]])
