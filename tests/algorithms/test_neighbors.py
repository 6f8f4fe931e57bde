import faiss
import numpy as np
import pytest

from curate.algorithms import gpu_index
from curate.algorithms.neighbors import (
    JoinParams,
    SearchParams,
    build_index,
    list_centroids,
    nearest,
    nearest_prototype,
    pairs_above,
    search,
)


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
    neighbors = nearest(vectors, 5)
    similarity, index = brute_force(vectors, 5)
    assert np.array_equal(neighbors.index, index)
    np.testing.assert_allclose(neighbors.similarity, similarity, atol=1e-5)


def test_equal_vectors_are_each_others_neighbours_and_never_their_own():
    vectors = np.repeat(unit(4), 3, axis=0)
    neighbors = nearest(vectors, 2)
    assert not (neighbors.index == np.arange(12)[:, None]).any()
    assert np.array_equal(
        np.sort(neighbors.index // 3, axis=1), np.repeat(np.arange(12) // 3, 2).reshape(12, 2)
    )


def test_fewer_neighbours_come_where_there_are_fewer_images():
    assert nearest(unit(3), 10).index.shape == (3, 2)
    assert nearest(unit(1), 10).index.shape == (1, 0)


@pytest.mark.parametrize("has_centroids", [True, False])
def test_inverted_lists_find_nearly_all_neighbours(has_centroids):
    rng = np.random.default_rng(0)
    centres = unit(80, seed=1)
    cluster_of = rng.integers(0, 80, 4000)
    vectors = centres[cluster_of] + 0.15 * rng.normal(size=(4000, 16)).astype(np.float32)
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    lists = list_centroids(vectors, cluster_of.astype(np.int32), 80) if has_centroids else None
    neighbors = nearest(
        vectors, 5, centroids=lists, params=SearchParams(exact_below=1000, query_rows=700)
    )
    _, wanted = brute_force(vectors, 5)
    shared = [
        len(set(a) & set(b)) for a, b in zip(neighbors.index.tolist(), wanted.tolist(), strict=True)
    ]
    assert np.mean(shared) / 5 > 0.9
    assert not (neighbors.index == np.arange(4000)[:, None]).any()


@pytest.mark.parametrize(("n_given", "n_lists"), [(40, 40), (20, 4 * 32)])
def test_given_lists_are_used_unless_they_are_long(n_given, n_lists):
    vectors = unit(1024)
    params = SearchParams(exact_below=1000)
    assert build_index(vectors, 5, centroids=vectors[:n_given], params=params).nlist == n_lists


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


def join_parts(parts):
    a, b, cosine = (np.concatenate(side) for side in zip(*parts, strict=True))
    pairs = list(zip(a.tolist(), b.tolist(), strict=True))
    assert len(set(pairs)) == len(pairs)
    return dict(zip(pairs, cosine.tolist(), strict=True))


def test_a_small_join_is_exact_and_has_each_pair_once():
    vectors = clustered(700)
    scores = np.triu(vectors @ vectors.T, 1)
    a, b = np.nonzero(scores >= 0.9)
    pairs = join_parts(pairs_above(vectors, 0.9))
    assert sorted(pairs) == list(zip(a.tolist(), b.tolist(), strict=True))
    assert all(pairs[pair] == pytest.approx(scores[pair], abs=1e-5) for pair in pairs)


@pytest.mark.parametrize("has_model", [False, True])
def test_a_large_join_misses_less_than_one_pair_in_a_hundred(has_model):
    vectors = clustered(3000)
    truth = {tuple(pair) for pair in np.argwhere(np.triu(vectors @ vectors.T, 1) >= 0.9).tolist()}
    centroids = vectors[::60] if has_model else None
    params = JoinParams(exact_below=100, tile_rows=64)
    pairs = join_parts(pairs_above(vectors, 0.9, centroids=centroids, params=params))
    assert len(truth) > 300
    assert set(pairs) <= truth
    assert len(pairs) >= 0.99 * len(truth)


def test_a_join_without_near_pairs_is_empty():
    parts = list(pairs_above(np.eye(8, dtype=np.float32), 0.5))
    assert sum(len(part[0]) for part in parts) == 0
    assert list(pairs_above(np.zeros((0, 4), np.float32), 0.5)) == []


def test_a_sample_with_enough_near_pairs_is_read_no_further():
    vectors = clustered(2000)
    params = JoinParams(exact_below=100, sample_tile=64, sample_pairs=20)
    exact = join_parts(pairs_above(vectors, 0.9))
    pairs = join_parts(pairs_above(vectors, 0.9, params=params))
    assert set(pairs) <= set(exact)
    assert len(pairs) >= 0.9 * len(exact)


def test_a_large_join_without_near_pairs_reads_one_list_and_is_empty():
    params = JoinParams(exact_below=10)
    parts = list(pairs_above(unit(200, 64), 0.99, params=params))
    assert sum(len(part[0]) for part in parts) == 0


def test_queries_find_their_nearest_rows():
    vectors, queries = unit(50), unit(8, seed=1)
    similarity, rows = search(vectors, queries, 3)
    scores = queries @ vectors.T
    assert np.array_equal(rows, np.argsort(-scores, axis=1)[:, :3])
    np.testing.assert_allclose(similarity, -np.sort(-scores, axis=1)[:, :3], atol=1e-5)


def test_the_nearest_prototype_is_that_of_the_highest_cosine():
    vectors, prototypes = unit(50), unit(7, seed=1)
    assert np.array_equal(
        nearest_prototype(vectors, prototypes), (vectors @ prototypes.T).argmax(axis=1)
    )


FEW = SearchParams(gpu_from=1, gpu_most_neighbors=50)


class FakeGpu:
    """A machine on which FAISS sees a GPU; counts how often it was asked to use it.

    What a trial does there is given; the GPU's memory is full.
    """

    def __init__(self, monkeypatch, trial=""):
        self.n_asked = 0
        gpu_index._is_usable.cache_clear()
        monkeypatch.setattr(gpu_index, "_TRIAL", trial)
        monkeypatch.setattr(faiss, "get_num_gpus", lambda: 1)
        monkeypatch.setattr(faiss, "StandardGpuResources", lambda: None, raising=False)
        monkeypatch.setattr(faiss, "index_cpu_to_gpu", self.refuse, raising=False)

    def refuse(self, *_):
        self.n_asked += 1
        raise RuntimeError("Failed to cudaMalloc 77 GB")


@pytest.fixture(autouse=True)
def trials_are_forgotten():
    yield
    gpu_index._is_usable.cache_clear()


@pytest.mark.parametrize(
    ("trial", "n_asked"),
    [("", 1), ("import os; os.abort()", 0), ("raise SystemExit(1)", 0)],
    ids=["memory is full", "no code for it", "fails"],
)
def test_a_gpu_that_is_of_no_use_leaves_the_search_to_the_cpu(monkeypatch, trial, n_asked):
    gpu = FakeGpu(monkeypatch, trial)
    neighbors = nearest(unit(300), 5, params=FEW)
    assert gpu.n_asked == n_asked
    assert np.array_equal(neighbors.index, brute_force(unit(300), 5)[1])


def test_a_gpu_that_works_is_asked_and_answers(monkeypatch):
    FakeGpu(monkeypatch)
    made = []

    def copy_there(_resources, number, index):
        made.append((number, faiss.clone_index(index)))
        return made[-1][1]

    monkeypatch.setattr(faiss, "index_cpu_to_gpu", copy_there)
    neighbors = nearest(unit(300), 5, device="cuda:0", params=FEW)
    ((number, copy),) = made
    assert (number, copy.ntotal) == (0, 300)
    assert np.array_equal(neighbors.index, brute_force(unit(300), 5)[1])


def test_a_gpu_that_does_not_answer_is_not_waited_for_for_ever(monkeypatch):
    gpu = FakeGpu(monkeypatch, "import time; time.sleep(60)")
    monkeypatch.setattr(gpu_index, "_TRIAL_SECONDS", 1)
    assert nearest(unit(30), 5, params=FEW).index.shape == (30, 5)
    assert gpu.n_asked == 0


@pytest.mark.parametrize(
    ("device", "k", "params"),
    [
        ("cpu", 5, FEW),
        ("cuda:1", 5, FEW),
        ("auto", 60, FEW),
        ("auto", 5, SearchParams()),
    ],
    ids=["unwanted", "absent", "too many neighbours", "few rows"],
)
def test_no_gpu_is_asked_for_what_is_not_its(monkeypatch, device, k, params):
    gpu = FakeGpu(monkeypatch)
    nearest(unit(300), k, device=device, params=params)
    assert gpu.n_asked == 0


@pytest.mark.gpu
@pytest.mark.skipif(
    getattr(faiss, "get_num_gpus", lambda: 0)() == 0, reason="FAISS sees no CUDA device"
)
@pytest.mark.parametrize("exact_below", [1000, 100_000], ids=["inverted lists", "exact"])
def test_a_gpu_finds_what_a_cpu_finds(exact_below):
    rng = np.random.default_rng(0)
    near = unit(200, 64)[rng.integers(0, 200, 20_000)] + 0.05 * rng.normal(size=(20_000, 64))
    vectors = (near / np.linalg.norm(near, axis=1, keepdims=True)).astype(np.float32)
    params = SearchParams(exact_below=exact_below, gpu_from=1)
    assert type(build_index(vectors, 5, device="cuda", params=params)).__name__.startswith("Gpu")
    there, here = (nearest(vectors, 5, device=name, params=params) for name in ("cuda", "cpu"))
    np.testing.assert_allclose(there.similarity, here.similarity, atol=1e-5)
    assert (there.index == here.index).mean() > 0.99
