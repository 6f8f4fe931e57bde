import numpy as np
import pytest

from curate.copies.probability.classifier import BUILT_IN, fitted, threshold_for
from curate.copies.verification.evidence import NAMES


def examples(n, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(0.4, 0.3, (n, len(NAMES))).astype(np.float32)


def test_pairs_without_evidence_are_no_copies():
    evidence = examples(3)
    evidence[1, 4] = np.nan
    assert BUILT_IN.probability(evidence)[1] == 0


def test_without_examples_the_built_in_judge_stays():
    none = np.zeros(0)
    judge = fitted(BUILT_IN, examples(0), none, none, spread=0.5)
    assert np.allclose(judge.weights, BUILT_IN.weights)


def test_examples_pull_the_judge_towards_what_they_say():
    evidence = examples(200)
    target = (evidence[:, 0] > 0.4).astype(np.float64)
    before = BUILT_IN.probability(evidence)
    judge = fitted(BUILT_IN, evidence, target, np.ones(200), spread=1.0)
    after = judge.probability(evidence)
    assert ((after - target) ** 2).mean() < ((before - target) ** 2).mean()


def test_a_narrow_prior_moves_less_than_a_wide_one():
    evidence, ones = examples(50), np.ones(50)
    narrow, wide = (
        fitted(BUILT_IN, evidence, ones, ones, spread=spread).weights for spread in (0.05, 1.0)
    )
    moved = [np.abs(weights - BUILT_IN.weights).sum() for weights in (narrow, wide)]
    assert moved[0] < moved[1]


def test_the_cut_meets_the_expected_precision():
    probabilities = np.array([1.0, 1.0, 0.96, 0.92, 0.91])
    assert threshold_for(probabilities, 0.98) == 0.96
    assert threshold_for(probabilities, 0.99) == 1.0
    assert threshold_for(probabilities, 0.95) == pytest.approx(0.75)


def test_doubtful_pairs_do_not_hide_behind_sure_ones():
    probabilities = np.concatenate([np.ones(10_000), [0.6]])
    assert threshold_for(probabilities, 0.99) == pytest.approx(0.95)


def test_a_cut_is_given_even_without_candidates():
    assert threshold_for(np.zeros(0), 0.99) == pytest.approx(0.95)
    assert threshold_for(np.array([0.2]), 0.5) == pytest.approx(0.5)
