import numpy as np
import pytest

from curate.partition import place, split_by_place, split_evenly

RATIOS = (0.8, 0.1, 0.1)


def shares(splits, sizes):
    return np.bincount(splits, weights=sizes, minlength=3) / sizes.sum()


@pytest.mark.parametrize("n_strata", [1, 7, 300])
def test_ratios_hold_within_the_largest_unit_whatever_the_strata(n_strata):
    rng = np.random.default_rng(0)
    sizes = rng.integers(1, 6, 900)
    strata = rng.integers(0, n_strata, 900)
    splits = split_evenly(sizes, strata, RATIOS, rng.random(900))
    assert (np.abs(shares(splits, sizes) - RATIOS) * sizes.sum() <= sizes.max()).all()


def test_each_stratum_is_divided_alike():
    strata = np.repeat(np.arange(5), 200)
    splits = split_evenly(np.ones(1000, int), strata, RATIOS, np.random.default_rng(0).random(1000))
    for stratum in range(5):
        counts = np.bincount(splits[strata == stratum], minlength=3)
        assert np.abs(counts - [160, 20, 20]).max() <= 1


def test_another_order_gives_another_split_of_the_same_shares():
    rng = np.random.default_rng(0)
    sizes, strata = np.ones(100, int), np.zeros(100, int)
    one, two = (split_evenly(sizes, strata, RATIOS, rng.random(100)) for _ in range(2))
    assert not np.array_equal(one, two)
    assert np.bincount(one).tolist() == np.bincount(two).tolist() == [80, 10, 10]


def test_a_place_depends_on_key_and_seed_alone_and_fills_the_shares():
    places = np.array([place(str(i), seed=1) for i in range(5000)])
    assert place("3", seed=1) == places[3] != place("3", seed=2)
    counts = np.bincount(split_by_place(places, RATIOS), minlength=3) / 5000
    assert np.abs(counts - RATIOS).max() < 0.02
