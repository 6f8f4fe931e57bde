import json

import numpy as np
import pytest

from curate.copies.probability.classifier import (
    CLOSE_LOOK,
    CLOSE_NAMES,
    FIRST_LOOK,
    find_threshold,
    fit_map,
    load_classifier,
)
from curate.copies.verification.evidence import NAMES


def examples(n, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(0.4, 0.3, (n, len(NAMES))).astype(np.float32)


def test_pairs_without_evidence_are_no_copies():
    evidence = examples(3)
    evidence[1, 4] = np.nan
    assert FIRST_LOOK.predict(evidence)[1] == 0


def test_without_examples_the_built_in_classifier_stays():
    none = np.zeros(0)
    classifier = fit_map(FIRST_LOOK, examples(0), none, none, prior_spread=0.5)
    assert np.allclose(classifier.weights, FIRST_LOOK.weights)


def test_examples_pull_the_classifier_towards_what_they_say():
    evidence = examples(200)
    target = (evidence[:, 0] > 0.4).astype(np.float64)
    before = FIRST_LOOK.predict(evidence)
    classifier = fit_map(FIRST_LOOK, evidence, target, np.ones(200), prior_spread=1.0)
    after = classifier.predict(evidence)
    assert ((after - target) ** 2).mean() < ((before - target) ** 2).mean()


def test_a_narrow_prior_moves_less_than_a_wide_one():
    evidence, ones = examples(50), np.ones(50)
    narrow, wide = (
        fit_map(FIRST_LOOK, evidence, ones, ones, prior_spread=spread).weights
        for spread in (0.05, 1.0)
    )
    moved = [np.abs(weights - FIRST_LOOK.weights).sum() for weights in (narrow, wide)]
    assert moved[0] < moved[1]


def test_the_threshold_meets_the_expected_precision():
    probabilities = np.array([1.0, 1.0, 0.96, 0.92, 0.91])
    assert find_threshold(probabilities, 0.98) == 0.96
    assert find_threshold(probabilities, 0.99) == 1.0
    assert find_threshold(probabilities, 0.95) == pytest.approx(0.75)


def test_doubtful_pairs_do_not_hide_behind_sure_ones():
    probabilities = np.concatenate([np.ones(10_000), [0.6]])
    assert find_threshold(probabilities, 0.99) == pytest.approx(0.95)


def test_a_threshold_is_given_even_without_candidates():
    assert find_threshold(np.zeros(0), 0.99) == pytest.approx(0.95)
    assert find_threshold(np.array([0.2]), 0.5) == pytest.approx(0.5)


def test_weights_for_other_kinds_of_evidence_are_refused(tmp_path):
    path = tmp_path / "weights.json"
    row = {"evidence": "smell", "centre": 0, "spread": 1, "weight": 1}
    path.write_text(json.dumps({"first": {"evidence": [row], "bias": 0}}))
    with pytest.raises(ValueError, match="other kinds of evidence"):
        load_classifier(path, ["first"], NAMES)


def test_the_odds_lie_between_those_of_pictures_that_show_much_and_little():
    rng = np.random.default_rng(0)
    rows = rng.normal(0.4, 0.3, (50, len(CLOSE_NAMES))).astype(np.float32)
    odds = []
    for little in (0.0, 0.25, 1.0):
        rows[:, CLOSE_LOOK.littleness] = little
        odds.append(CLOSE_LOOK.measure_odds(rows))
    # what the column itself weighs is the same in both models: nothing
    assert np.allclose(odds[1], 0.75 * odds[0] + 0.25 * odds[2])
    assert not np.allclose(odds[0], odds[2])


@pytest.mark.parametrize("look", [FIRST_LOOK, CLOSE_LOOK])
def test_a_bias_moves_all_odds_alike(look):
    rows = np.random.default_rng(0).uniform(0, 1, (20, look.centre.shape[1])).astype(np.float32)
    moved = look.add_bias(1.5).measure_odds(rows) - look.measure_odds(rows)
    assert np.allclose(moved, 1.5)
