import numpy as np
import pytest

from curate.algorithms.ward import merge_prototypes


def points():
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(4, 8)) * 10
    return (np.repeat(centres, 5, axis=0) + rng.normal(size=(20, 8))).astype(np.float32)


def test_prototypes_that_lie_together_merge():
    merged = merge_prototypes(points(), np.full(20, 10), 4)
    assert merged.tolist() == np.repeat([0, 1, 2, 3], 5).tolist()


def test_coarser_levels_are_nested_in_finer_ones():
    sizes = np.arange(20)
    fine, coarse = merge_prototypes(points(), sizes, 9), merge_prototypes(points(), sizes, 3)
    assert len(set(fine.tolist())) == 9
    assert len(set(zip(fine.tolist(), coarse.tolist(), strict=True))) == 9


def test_the_cheapest_union_by_wards_formula_comes_first():
    line = np.array([[0.0], [1.0], [10.0], [11.2]], np.float32)
    assert merge_prototypes(line, np.array([1, 1, 1, 1]), 3).tolist() == [0, 0, 1, 2]
    heavy = merge_prototypes(line, np.array([99, 99, 1, 1]), 3)  # 100*100/200*1 > 2*2/4*1.44
    assert heavy.tolist() == [0, 1, 2, 2]


def test_no_merge_and_one_cluster_are_the_ends():
    assert merge_prototypes(points(), np.ones(20, int), 20).tolist() == list(range(20))
    assert set(merge_prototypes(points(), np.ones(20, int), 1).tolist()) == {0}


def test_a_number_out_of_range_is_refused():
    with pytest.raises(ValueError, match="n_clusters"):
        merge_prototypes(points(), np.ones(20, int), 21)


def test_the_tree_is_that_of_the_cheapest_union_first():
    rng = np.random.default_rng(1)
    means, weights = rng.normal(size=(30, 4)), rng.integers(1, 50, 30).astype(float)
    left = {row: (means[row], weights[row], {row}) for row in range(30)}
    while len(left) > 7:
        costs = {
            (a, b): left[a][1] * left[b][1] / (left[a][1] + left[b][1])
            * ((left[a][0] - left[b][0]) ** 2).sum()
            for a in left for b in left if a < b
        }  # fmt: skip
        a, b = min(costs, key=costs.__getitem__)
        total = left[a][1] + left[b][1]
        mean = (left[a][0] * left[a][1] + left[b][0] * left[b][1]) / total
        left[a] = (mean, total, left[a][2] | left.pop(b)[2])
    merged = merge_prototypes(means, weights - 1, 7)
    groups = {frozenset(np.flatnonzero(merged == number).tolist()) for number in range(7)}
    assert groups == {frozenset(members) for _, _, members in left.values()}


def test_prototypes_of_different_wholes_never_merge():
    within = np.arange(20, dtype=np.int32) % 3
    merged = merge_prototypes(points(), np.full(20, 10), 5, within)
    assert len(set(merged.tolist())) == 5
    assert len(set(zip(merged.tolist(), within.tolist(), strict=True))) == 5
    with pytest.raises(ValueError, match="3 to 20"):
        merge_prototypes(points(), np.full(20, 10), 2, within)
