import numpy as np
import pytest

from curate.algorithms.quotas import (
    even_quotas,
    expected_quotas,
    nested_quotas,
    proportional_quotas,
    round_quotas,
)


@pytest.mark.parametrize(
    ("available", "size", "quotas"),
    [
        ([50, 30, 20], 10, [5, 3, 2]),
        ([2, 4, 10], 8, [1, 2, 5]),
        ([3, 0, 3], 2, [1, 0, 1]),
        ([4, 9, 2], 15, [4, 9, 2]),
    ],
)
def test_proportional_shares_by_hand(available, size, quotas):
    rng = np.random.default_rng(0)
    assert proportional_quotas(np.array(available), size, rng).tolist() == quotas


def test_shares_that_are_no_whole_numbers_are_rounded_at_random_and_right_on_average():
    available = np.array([1, 5, 10, 0, 40, 3])
    share = available * 7 / available.sum()
    draws = np.array(
        [proportional_quotas(available, 7, np.random.default_rng(seed)) for seed in range(4000)]
    )
    assert (draws.sum(axis=1) == 7).all()
    assert ((draws >= np.floor(share)) & (draws <= np.ceil(share))).all()
    np.testing.assert_allclose(draws.mean(axis=0), share, atol=0.03)  # 4 standard errors


def test_more_than_there_is_cannot_be_shared_out():
    with pytest.raises(ValueError, match="cannot draw"):
        proportional_quotas(np.array([1, 2]), 4, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("available", "size", "quotas"),
    [
        ([10, 10, 10], 9, [3, 3, 3]),
        ([1, 5, 10], 9, [1, 4, 4]),
        ([1, 5, 10], 10, [1, 4, 5]),
        ([0, 2, 2], 4, [0, 2, 2]),
        ([5], 0, [0]),
        ([4, 9, 2], 15, [4, 9, 2]),
    ],
)
def test_even_quotas_by_hand(available, size, quotas):
    assert even_quotas(np.array(available), size).tolist() == quotas


def test_quotas_add_up_and_are_as_even_as_sizes_allow():
    rng = np.random.default_rng(0)
    for _ in range(200):
        available = rng.integers(0, 40, rng.integers(1, 30))
        size = int(rng.integers(0, available.sum() + 1))
        quotas = even_quotas(available, size)
        assert quotas.sum() == size
        assert (quotas <= available).all()
        is_cut = quotas < available
        if is_cut.any():  # nobody who could give more gives fewer than the largest but one
            assert quotas[is_cut].min() >= quotas.max() - 1


def test_more_than_there_is_cannot_be_drawn():
    with pytest.raises(ValueError, match="cannot draw"):
        even_quotas(np.array([1, 2]), 4)


def test_coarse_groups_are_even_first_and_finer_ones_within_them():
    coarse = np.repeat([0, 1], [90, 30])
    fine = np.repeat([0, 1, 2, 3, 4], [60, 20, 10, 25, 5])
    nested = nested_quotas(40, [coarse, fine])
    assert nested.quotas.tolist() == [7, 7, 6, 15, 5]
    assert np.array_equal(nested.group, fine)
    assert nested.odds.tolist() == [1] * 5
    np.testing.assert_allclose(nested.weights(), [60 / 7, 20 / 7, 10 / 6, 25 / 15, 1])


def test_strata_keep_their_shares_and_groups_are_even_within_each():
    strata = np.repeat([0, 1], [75, 25])
    groups = np.concatenate([np.repeat([0, 1], [70, 5]), np.repeat([0, 1], [5, 20])])
    nested = nested_quotas(20, [groups], strata=strata)
    assert nested.quotas.tolist() == [10, 5, 2, 3]
    assert nested.weights().tolist() == [7, 1, 2.5, 20 / 3]


def test_where_there_are_more_groups_than_draws_each_is_drawn_as_often():
    groups = np.repeat(np.arange(4), [60, 25, 4, 1])
    n_drawn = np.zeros(4)
    for seed in range(400):
        nested = nested_quotas(3, [groups], seed=seed)
        assert sorted(nested.quotas.tolist()) == [0, 1, 1, 1]
        np.testing.assert_allclose(nested.odds, 4 / 3)
        n_drawn += nested.quotas
    assert np.abs(n_drawn / 400 - 3 / 4).max() < 0.1


def test_weights_of_all_draws_add_up_to_the_rows():
    groups = np.repeat([0, 1, 2], [60, 25, 4])
    nested = nested_quotas(20, [groups])
    assert (nested.weights() * nested.quotas).sum() == pytest.approx(89)


def test_weighted_quotas_are_multiples_of_the_weights_within_bounds():
    rng = np.random.default_rng(0)
    for _ in range(100):
        n_groups = int(rng.integers(1, 20))
        available = rng.integers(1, 40, n_groups)
        taken = rng.integers(0, available + 1) * (rng.random(n_groups) < 0.3)
        weights = rng.random(n_groups)
        size = int(rng.integers(taken.sum(), available.sum() + 1))
        quotas = expected_quotas(weights, available, size, taken)
        assert quotas.sum() == pytest.approx(size)
        assert (quotas >= taken - 1e-9).all()
        assert (quotas <= available + 1e-9).all()
        factor = (quotas / weights)[(quotas > taken + 1e-6) & (quotas < available - 1e-6)]
        assert np.ptp(factor) < 1e-6 * factor.max() if len(factor) else True


def test_rounded_quotas_add_up_and_are_right_on_average():
    expected = np.array([0.3, 2.5, 4.0, 0.2, 3.0])
    rounded = np.array([round_quotas(expected, seed) for seed in range(2000)])
    assert (rounded.sum(axis=1) == 10).all()
    assert (np.abs(rounded - expected) < 1).all()
    np.testing.assert_allclose(rounded.mean(axis=0), expected, atol=0.05)


def test_groups_without_weight_cannot_be_made_to_give():
    with pytest.raises(ValueError, match="cannot draw 5 where 0 to 4"):
        expected_quotas(np.array([1.0, 0.0]), np.array([4, 9]), 5, np.array([0, 0]))
