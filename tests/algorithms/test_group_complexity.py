import numpy as np
import pytest

from curate.algorithms.group_complexity import ComplexityParams, weigh_by_complexity


def rows_around(direction, spread, n, seed):
    noise = np.random.default_rng(seed).normal(0, spread, (n, len(direction)))
    rows = direction + noise
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def test_spread_groups_and_lonely_ones_weigh_more():
    east, near_east, north = np.eye(8)[0], np.eye(8)[0] + 0.2 * np.eye(8)[2], np.eye(8)[1]
    groups = [(east, 0.02), (near_east, 0.02), (north, 0.02), (north + east, 0.2)]
    vectors = np.concatenate([rows_around(d, s, 50, i) for i, (d, s) in enumerate(groups)])
    weights = weigh_by_complexity(
        vectors, np.repeat(np.arange(4), 50), params=ComplexityParams(n_near=1, temperature=0.01)
    )
    assert weights.sum() == pytest.approx(1)
    assert weights[3] == weights.max()
    assert weights[2] > weights[0]


def test_two_groups_by_hand():
    vectors = np.array([[1, 0], [0, 1], [-1, 0]], np.float32)
    weights = weigh_by_complexity(vectors, np.array([0, 0, 1]))
    diagonal = np.sqrt(0.5)
    spread, apart = 1 - diagonal, 1 + diagonal
    assert weights[0] / weights[1] == pytest.approx(np.exp(spread * apart / 0.1))


def test_one_group_gets_all():
    assert weigh_by_complexity(np.eye(3, dtype=np.float32), np.zeros(3, np.int64)).tolist() == [1]
