import numpy as np

from curate.algorithms.farthest_first import farthest_first


def test_the_first_rows_cover_every_bunch():
    rng = np.random.default_rng(0)
    cluster_of = rng.integers(0, 5, 200)
    vectors = np.eye(5, 8)[cluster_of] + 0.05 * rng.normal(size=(200, 8))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    assert len(set(cluster_of[farthest_first(vectors, 5)[:5]].tolist())) == 5


def test_the_order_is_a_permutation_that_begins_at_the_middle():
    vectors = np.array([[1, 0], [0.8, 0.6], [0, 1]], np.float32)
    assert farthest_first(vectors, 3).tolist()[0] == 1
    assert sorted(farthest_first(vectors, 2).tolist()) == [0, 1, 2]


def test_equal_rows_are_each_taken_once():
    assert sorted(farthest_first(np.ones((6, 3), np.float32), 4).tolist()) == list(range(6))
