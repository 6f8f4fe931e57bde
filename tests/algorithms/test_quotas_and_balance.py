import numpy as np
import pytest

from curate.algorithms.balanced_assignment import balanced_assignment
from curate.algorithms.quotas import proportional, water_fill


def unit(rng, *shape):
    values = rng.normal(size=shape).astype(np.float32)
    return values / np.linalg.norm(values, axis=-1, keepdims=True)


@pytest.mark.parametrize(
    ("available", "size", "quotas"),
    [
        ([50, 30, 20], 10, [5, 3, 2]),
        ([1, 5, 10], 8, [1, 2, 5]),
        ([3, 0, 3], 3, [2, 0, 1]),
        ([4, 9, 2], 15, [4, 9, 2]),
    ],
)
def test_proportional_shares_by_hand(available, size, quotas):
    assert proportional(np.array(available), size).tolist() == quotas


def test_more_than_there_is_cannot_be_shared_out():
    with pytest.raises(ValueError, match="cannot draw"):
        proportional(np.array([1, 2]), 4)


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
def test_water_fills_by_hand(available, size, quotas):
    assert water_fill(np.array(available), size).tolist() == quotas


def test_quotas_add_up_and_are_as_even_as_sizes_allow():
    rng = np.random.default_rng(0)
    for _ in range(200):
        available = rng.integers(0, 40, rng.integers(1, 30))
        size = int(rng.integers(0, available.sum() + 1))
        quotas = water_fill(available, size)
        assert quotas.sum() == size
        assert (quotas <= available).all()
        is_cut = quotas < available
        if is_cut.any():  # nobody who could give more gives fewer than the largest but one
            assert quotas[is_cut].min() >= quotas.max() - 1


def test_more_than_there_is_cannot_be_drawn():
    with pytest.raises(ValueError, match="cannot draw"):
        water_fill(np.array([1, 2]), 4)


@pytest.mark.parametrize(("n_images", "n_groups"), [(100, 7), (101, 10), (5, 8), (3000, 50)])
def test_balanced_sizes_are_within_one_of_each_other(n_images, n_groups):
    rng = np.random.default_rng(1)
    centre = unit(rng, 1, 16)
    vectors = unit(rng, n_images, 16) * 0.5 + centre  # a crowd on one side
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    sizes = np.bincount(balanced_assignment(vectors, unit(rng, n_groups, 16)), minlength=n_groups)
    assert sizes.sum() == n_images
    assert sizes.max() - sizes.min() <= 1


def test_groups_that_are_even_already_are_left_as_they_are():
    rng = np.random.default_rng(2)
    prototypes = np.eye(8, 16, dtype=np.float32)
    own = np.repeat(np.arange(8), 20)
    vectors = prototypes[own] + 0.05 * rng.normal(size=(160, 16)).astype(np.float32)
    assert np.array_equal(balanced_assignment(vectors, prototypes), own)


def test_balance_costs_little_fit():
    rng = np.random.default_rng(3)
    vectors, prototypes = unit(rng, 2000, 16), unit(rng, 40, 16)
    scores = vectors @ prototypes.T
    balanced = scores[np.arange(2000), balanced_assignment(vectors, prototypes)].mean()
    even = rng.permutation(2000) % 40
    assert balanced > 0.9 * scores.max(axis=1).mean()
    assert balanced > 5 * abs(scores[np.arange(2000), even].mean())
