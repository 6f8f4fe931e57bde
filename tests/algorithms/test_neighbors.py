import numpy as np
import pytest

import curate.algorithms.neighbors
from curate.algorithms.neighbors import list_centroids, nearest, pairs_above


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
    monkeypatch.setattr(curate.algorithms.neighbors, "EXACT_BELOW", 1000)
    monkeypatch.setattr(curate.algorithms.neighbors, "QUERY_ROWS", 700)
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


def clustered(n_rows, width=32, *, seed=0):
    """Return unit rows in clusters; every fifth is a near duplicate of the one before."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(n_rows // 50, width))
    rows = centres[rng.integers(0, len(centres), n_rows)] + rng.normal(0, 0.5, (n_rows, width))
    rows[4::5] = rows[3::5] + rng.normal(0, 0.2, rows[3::5].shape)
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def joined(parts):
    a, b, cosine = (np.concatenate(side) for side in zip(*parts, strict=True))
    pairs = list(zip(a.tolist(), b.tolist(), strict=True))
    assert len(set(pairs)) == len(pairs)
    return dict(zip(pairs, cosine.tolist(), strict=True))


def test_a_small_join_is_exact_and_has_each_pair_once():
    vectors = clustered(700)
    scores = np.triu(vectors @ vectors.T, 1)
    a, b = np.nonzero(scores >= 0.9)
    found = joined(pairs_above(vectors, 0.9))
    assert sorted(found) == list(zip(a.tolist(), b.tolist(), strict=True))
    assert all(found[pair] == pytest.approx(scores[pair], abs=1e-5) for pair in found)


@pytest.mark.parametrize("has_model", [False, True])
def test_a_large_join_misses_less_than_one_pair_in_a_hundred(monkeypatch, has_model):
    monkeypatch.setattr(curate.algorithms.neighbors, "_JOIN_EXACT_BELOW", 100)
    monkeypatch.setattr(curate.algorithms.neighbors, "_JOIN_TILE", 64)
    vectors = clustered(3000)
    truth = {tuple(pair) for pair in np.argwhere(np.triu(vectors @ vectors.T, 1) >= 0.9).tolist()}
    centroids = vectors[::60] if has_model else None
    found = joined(pairs_above(vectors, 0.9, centroids=centroids))
    assert len(truth) > 300
    assert set(found) <= truth
    assert len(found) >= 0.99 * len(truth)


def test_a_join_without_near_pairs_is_empty():
    parts = list(pairs_above(np.eye(8, dtype=np.float32), 0.5))
    assert sum(len(part[0]) for part in parts) == 0
    assert list(pairs_above(np.zeros((0, 4), np.float32), 0.5)) == []
