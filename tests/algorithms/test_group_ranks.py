import numpy as np

from curate.algorithms.farthest_first import farthest_first
from curate.algorithms.group_ranks import rank_farthest_first, rank_in_groups


def test_ranks_follow_the_order_within_each_group_and_ties_the_rows():
    order = np.array([0.5, 0.1, 0.5, 0.9, 0.2])
    group = np.array([1, 1, 1, 0, 0])
    assert rank_in_groups(order, group).tolist() == [1, 0, 2, 1, 0]


def test_each_group_is_ordered_farthest_first_on_its_own():
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(30, 4)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    group = rng.integers(0, 3, 30)
    for number, (members, ranks) in enumerate(rank_farthest_first(vectors, group, 4)):
        assert np.array_equal(members, np.flatnonzero(group == number))
        assert np.array_equal(np.argsort(ranks), farthest_first(vectors[members], 4))
