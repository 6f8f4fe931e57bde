from dataclasses import replace

import numpy as np
import pytest

from curate.copies.probability.calibrate import (
    calibrate,
    count_copied,
    estimate_share,
    guess_copies,
    select_refused,
    shift_odds,
)
from curate.copies.probability.classifier import CLOSE_LOOK
from curate.copies.verification.detail import CLOSE_NAMES
from curate.copies.verification.findings import Findings


def pairs(share, n=20_000, seed=0):
    """Return log odds at even share of pairs of which some are copies, and which are."""
    rng = np.random.default_rng(seed)
    is_copy = rng.random(n) < share
    # two normal classes 16 apart of variance 16: the log odds of x are 16 * x / 16
    return rng.normal(np.where(is_copy, 8, -8), 4), is_copy


@pytest.mark.parametrize("share", [0.005, 0.02, 0.1, 0.5, 0.9])
def test_the_share_of_copies_is_learned_from_the_pairs(share):
    log_odds, is_copy = pairs(share)
    assert estimate_share(log_odds) == pytest.approx(is_copy.mean(), rel=0.2)


@pytest.mark.parametrize("share", [0.02, 0.1, 0.5])
def test_what_is_told_is_what_is_found_at_any_share(share):
    log_odds, is_copy = pairs(share)
    told = shift_odds(log_odds, estimate_share(log_odds))
    likely = told > 0.8
    assert is_copy[likely].mean() == pytest.approx(told[likely].mean(), abs=0.03)


def test_two_images_keep_even_odds_nearly():
    assert 0.4 < estimate_share(np.array([0.5])) < 0.6


def test_without_pairs_the_odds_are_even():
    assert estimate_share(np.zeros(0)) == 0.5


def find_doubtful(n):
    """Return evidence of which the built-in classifier is in doubt, (n, F)."""
    rng = np.random.default_rng(0)
    centre, spread = CLOSE_LOOK.centre[0], CLOSE_LOOK.spread[0]
    drawn = rng.normal(0, 1, (20_000, len(centre)))
    evidence = (centre + spread * drawn).astype(np.float32)
    evidence[:, CLOSE_LOOK.littleness] = 0
    probability = CLOSE_LOOK.predict(evidence)
    return evidence[(probability > 0.3) & (probability < 0.7)][:n]


def fit(made, candidates, judged=None):
    return calibrate(made, candidates, judged, share=0.5)


def no_pairs(evidence):
    return evidence[:0], np.zeros(0, np.bool_)


def test_what_a_person_said_moves_the_probability_of_pairs_like_it():
    doubtful = find_doubtful(40)
    judged, others = doubtful[:20], doubtful[20:]
    said = {
        word: fit(no_pairs(judged), others, (judged, np.full(20, word))).predict(judged).mean()
        for word in (0.0, 1.0)
    }
    assert said[0.0] < fit(no_pairs(judged), others).predict(judged).mean() < said[1.0]


def test_made_pairs_move_the_probability_of_pairs_like_them():
    doubtful = find_doubtful(40)
    made, others = doubtful[:20], doubtful[20:]
    told = {
        kind: fit((made, np.full(20, kind)), others).predict(made).mean() for kind in (False, True)
    }
    assert told[False] < fit(no_pairs(made), others).predict(made).mean() < told[True]


def test_without_decisions_the_fit_is_as_before():
    doubtful = find_doubtful(40)
    made = (doubtful[:10], np.ones(10, np.bool_))
    before = fit(made, doubtful[10:])
    nobody = (doubtful[:0], np.zeros(0))
    assert np.array_equal(before.weights, fit(made, doubtful[10:], nobody).weights)


def test_where_rules_refuse_many_pairs_copies_among_the_others_are_fewer():
    log_odds, _ = pairs(0.5, n=20)
    assert estimate_share(log_odds, 20) < 0.7 * estimate_share(log_odds)


def test_of_refused_pairs_some_are_drawn_and_no_copies():
    evidence = np.concatenate([find_doubtful(3), np.full((2, CLOSE_LOOK.centre.shape[1]), np.nan)])
    findings = replace(Findings.unaligned(5), close=np.zeros((5, len(CLOSE_NAMES)), np.float32))
    findings.close[4] = np.nan  # never looked at
    fingerprints = np.arange(5, dtype=np.uint64)
    _, guess = guess_copies(findings, evidence.astype(np.float32))
    rows = select_refused(findings, guess, fingerprints)
    assert rows.tolist() == [3]


@pytest.mark.parametrize(("n_looked_at", "n_copied"), [(0, 0), (3, 12), (60, 96)])
def test_no_more_images_are_copied_than_the_pairs_are_worth(n_looked_at, n_copied):
    findings = replace(Findings.unaligned(80), close=np.full((80, len(CLOSE_NAMES)), np.nan))
    findings.close[:n_looked_at] = 0
    assert count_copied(findings, 1000) == n_copied
    assert count_copied(findings, 10) == min(10, n_copied)


def test_where_rules_refuse_pictures_of_little_more_of_the_others_are_no_copies():
    evidence = np.concatenate(
        [find_doubtful(20), np.full((20, CLOSE_LOOK.centre.shape[1]), np.nan)]
    )
    findings = replace(Findings.unaligned(40), close=np.zeros((40, len(CLOSE_NAMES)), np.float32))
    share = {}
    for small in (0.0, 1.0):
        evidence[20:, CLOSE_LOOK.littleness] = small
        share[small], _ = guess_copies(findings, evidence.astype(np.float32))
    assert share[1.0] < 0.8 * share[0.0]
