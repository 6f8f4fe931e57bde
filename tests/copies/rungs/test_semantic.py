import numpy as np
import pytest

from curate.copies.records import Vectors
from curate.copies.rungs.semantic import alike, likely_pairs, neighbors_of


def vectors(*angles, prototype=None):
    turn = np.deg2rad(np.array(angles, np.float64))
    rows = np.stack([np.cos(turn), np.sin(turn)], axis=1).astype(np.float32)
    return Vectors(embeddings=rows, prototype=prototype)


def test_pairs_above_the_cosine_are_found_once():
    a, b, cosine = neighbors_of(vectors(0, 90, 5, 180), np.arange(4), least=0.9)
    assert (a.tolist(), b.tolist()) == ([0], [2])
    assert cosine[0] == pytest.approx(np.cos(np.deg2rad(5)), abs=1e-5)


def test_only_images_of_one_prototype_are_compared():
    split = vectors(0, 1, 2, prototype=np.array([0, 1, 0]))
    a, b, _ = neighbors_of(split, np.arange(3), least=0.9)
    assert (a.tolist(), b.tolist()) == ([0], [2])


def test_only_the_rows_asked_for_are_compared():
    a, b, _ = neighbors_of(vectors(0, 1, 2), np.array([0, 2]), least=0.9)
    assert (a.tolist(), b.tolist()) == ([0], [2])


def test_a_chain_of_neighbours_is_not_one_group():
    a, b, cosine = neighbors_of(vectors(0, 10, 20, 30), np.arange(4), least=0.98)
    went = alike(a, b, cosine, np.arange(4), most=4)
    assert {other: keeper for other, (keeper, _) in went.items()} == {1: 0, 3: 2}


def test_at_most_so_many_go_and_the_most_alike_go_first():
    a, b, cosine = neighbors_of(vectors(0, 8, 90, 91), np.arange(4), least=0.98)
    assert set(alike(a, b, cosine, np.arange(4), most=1)) == {3}


def test_large_cells_give_the_same_neighbours_as_small_ones(monkeypatch):
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(50, 3)).astype(np.float32)
    made = Vectors(embeddings=rows / np.linalg.norm(rows, axis=1, keepdims=True))
    whole = neighbors_of(made, np.arange(50), least=0.95)
    monkeypatch.setattr("curate.copies.rungs.semantic._TILE", 7)
    for one, other in zip(whole, neighbors_of(made, np.arange(50), least=0.95), strict=True):
        assert np.allclose(one, other)


def test_a_cell_too_large_to_compare_all_with_all_gives_the_nearest_too(monkeypatch):
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(60, 3)).astype(np.float32)
    made = Vectors(embeddings=rows / np.linalg.norm(rows, axis=1, keepdims=True))
    whole = neighbors_of(made, np.arange(60), least=0.97)
    monkeypatch.setattr("curate.copies.rungs.semantic._DENSE", 10)
    joined = neighbors_of(made, np.arange(60), least=0.97)
    for one, other in zip(whole, joined, strict=True):
        assert np.allclose(one, other)


def test_likely_pairs_do_not_stop_at_the_borders_of_prototypes():
    split = vectors(0, 2, 90, 180, prototype=np.array([0, 1, 1, 1]))
    a, b = likely_pairs(split, np.arange(4), least=0.9)
    assert (a.tolist(), b.tolist()) == ([0], [1])
