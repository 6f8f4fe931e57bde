import numpy as np
import pytest

from curate.copies.probability.calibrate import estimate_share, shift_odds


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
