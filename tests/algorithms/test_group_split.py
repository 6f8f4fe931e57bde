import hashlib

import numpy as np
import pytest

from curate.algorithms.group_split import (
    chain_equal_values,
    hash_positions,
    join_units,
    keep_earlier_splits,
    split_by_position,
    split_evenly,
)

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


def test_a_position_depends_on_key_and_seed_alone_and_fills_the_shares():
    positions = hash_positions([str(i) for i in range(5000)], seed=1)
    assert hash_positions(["3"], seed=1) == positions[3] != hash_positions(["3"], seed=2)
    counts = np.bincount(split_by_position(positions, RATIOS), minlength=3) / 5000
    assert np.abs(counts - RATIOS).max() < 0.02


def test_a_position_is_a_hash_of_seed_and_key():
    keys = ["a", "0" * 64, "käse", ""]
    for key, position in zip(keys, hash_positions(keys, seed=7), strict=True):
        digest = hashlib.blake2b(f"7/{key}".encode(), digest_size=8).digest()
        assert position == int.from_bytes(digest, "big") / 2**64
    assert len(hash_positions([], seed=7)) == 0


def one_by_one(sizes, strata, ratios, order):
    """The rule, unit by unit."""
    splits, lacks = np.empty(len(sizes), int), np.zeros(len(ratios))
    names, first = np.unique(strata, return_index=True)
    for stratum in names[np.argsort(order[first], kind="stable")]:
        members = np.flatnonzero(strata == stratum)
        lacks += np.asarray(ratios) * sizes[members].sum()
        for unit in members[np.lexsort((order[members], -sizes[members]))]:
            splits[unit] = lacks.argmax()
            lacks[splits[unit]] -= sizes[unit]
    return splits


@pytest.mark.parametrize("ratios", [RATIOS, (1.0,), (1 / 3, 1 / 3, 1 / 3), (0.05, 0.9, 0.03, 0.02)])
@pytest.mark.parametrize(("n_strata", "most"), [(1, 2), (3, 6), (40, 60), (500, 4)])
def test_many_units_at_once_get_the_splits_that_they_get_one_by_one(ratios, n_strata, most):
    rng = np.random.default_rng(n_strata)
    sizes = np.minimum(rng.zipf(2, 3000), most)
    strata, order = rng.integers(0, n_strata, 3000), rng.random(3000)
    splits = split_evenly(sizes, strata, ratios, order)
    assert np.array_equal(splits, one_by_one(sizes, strata, ratios, order))


def test_no_units_need_no_splits():
    none = np.empty(0, int)
    assert len(split_evenly(none, none, RATIOS, np.empty(0))) == 0


def test_rows_of_equal_values_are_linked_in_a_chain():
    a, b = chain_equal_values(np.array([3, 1, 3, 2, 3, 1]), np.array([10, 11, 12, 13, 14, 15]))
    assert sorted(zip(a.tolist(), b.tolist(), strict=True)) == [(10, 12), (11, 15), (12, 14)]


def test_units_join_what_any_link_joins_and_are_numbered_by_their_first_image():
    links = [(np.array([5, 1]), np.array([3, 4])), (np.array([4]), np.array([5]))]
    units = join_units(6, links)
    assert units.first.tolist() == [0, 1, 2]
    assert units.unit_of.tolist() == [0, 1, 2, 1, 1, 1]


def test_no_images_make_no_units():
    none = np.empty(0, np.int64)
    units = join_units(0, [(none, none)])
    assert len(units.first) == len(units.unit_of) == 0
    assert keep_earlier_splits(none, none, none)[1] == 0


def test_new_images_join_the_earlier_split_of_their_unit():
    earlier = np.array([2, -1, -1, 0])
    splits, n_straddling = keep_earlier_splits(
        earlier, np.array([1, 1, 1, 1]), np.array([0, 0, 1, 2])
    )
    assert splits.tolist() == [2, 2, 1, 0]
    assert n_straddling == 0


def test_old_images_of_one_unit_stay_in_their_splits_and_are_counted():
    earlier = np.array([0, 1, -1, 1])
    splits, n_straddling = keep_earlier_splits(
        earlier, np.array([2, 2, 2, 2]), np.array([0, 0, 0, 1])
    )
    assert splits.tolist() == [0, 1, 0, 1]
    assert n_straddling == 1
