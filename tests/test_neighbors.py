import numpy as np
import pytest

import curate.neighbors
from curate.neighbors import list_centroids, nearest


def unit(n_rows, width=16, *, seed=0):
    values = np.random.default_rng(seed).normal(size=(n_rows, width)).astype(np.float32)
    return values / np.linalg.norm(values, axis=1, keepdims=True)


def brute_force(vectors, k):
    scores = vectors @ vectors.T
    np.fill_diagonal(scores, -2)
    index = np.argsort(-scores, axis=1)[:, :k]
    return np.take_along_axis(scores, index, axis=1), index


def test_small_sets_are_searched_exactly_without_the_query_itself():
    vectors = unit(300)
    found = nearest(vectors, 5)
    similarity, index = brute_force(vectors, 5)
    assert np.array_equal(found.index, index)
    np.testing.assert_allclose(found.similarity, similarity, atol=1e-5)


def test_equal_vectors_are_each_others_neighbours_and_never_their_own():
    vectors = np.repeat(unit(4), 3, axis=0)
    found = nearest(vectors, 2)
    assert not (found.index == np.arange(12)[:, None]).any()
    assert np.array_equal(
        np.sort(found.index // 3, axis=1), np.repeat(np.arange(12) // 3, 2).reshape(12, 2)
    )


def test_fewer_neighbours_come_where_there_are_fewer_images():
    assert nearest(unit(3), 10).index.shape == (3, 2)
    assert nearest(unit(1), 10).index.shape == (1, 0)


@pytest.mark.parametrize("has_centroids", [True, False])
def test_inverted_lists_find_nearly_all_neighbours(monkeypatch, has_centroids):
    monkeypatch.setattr(curate.neighbors, "EXACT_BELOW", 1000)
    monkeypatch.setattr(curate.neighbors, "QUERY_ROWS", 700)
    rng = np.random.default_rng(0)
    centres = unit(40, seed=1)
    own = rng.integers(0, 40, 4000)
    vectors = centres[own] + 0.15 * rng.normal(size=(4000, 16)).astype(np.float32)
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    lists = list_centroids(vectors, own.astype(np.int32), 40) if has_centroids else None
    found = nearest(vectors, 5, centroids=lists)
    _, wanted = brute_force(vectors, 5)
    shared = [
        len(set(a) & set(b)) for a, b in zip(found.index.tolist(), wanted.tolist(), strict=True)
    ]
    assert np.mean(shared) / 5 > 0.9
    assert not (found.index == np.arange(4000)[:, None]).any()


def test_empty_prototypes_make_no_list():
    vectors = unit(10)
    lists = list_centroids(vectors, np.array([0, 0, 2, 2, 2, 0, 0, 0, 2, 2], np.int32), 5)
    assert lists.shape == (2, 16)
    np.testing.assert_allclose(np.linalg.norm(lists, axis=1), 1, atol=1e-6)
