import numpy as np
import pytest

from curate.copies.grouping import choose_dropped
from curate.copies.records import Vectors
from curate.copies.rungs.semantic import SemanticParams, pair_alike


def vectors(*angles, prototype=None):
    turn = np.deg2rad(np.array(angles, np.float64))
    rows = np.stack([np.cos(turn), np.sin(turn)], axis=1).astype(np.float32)
    return Vectors(embeddings=rows, prototype=prototype)


def test_pairs_above_the_cosine_are_found_once():
    a, b, cosine = pair_alike(vectors(0, 90, 5, 180), np.arange(4), least=0.9)
    assert (a.tolist(), b.tolist()) == ([0], [2])
    assert cosine[0] == pytest.approx(np.cos(np.deg2rad(5)), abs=1e-5)


def test_only_images_of_one_prototype_are_compared():
    split = vectors(0, 1, 2, prototype=np.array([0, 1, 0]))
    a, b, _ = pair_alike(split, np.arange(3), least=0.9)
    assert (a.tolist(), b.tolist()) == ([0], [2])


def test_only_the_rows_asked_for_are_compared():
    a, b, _ = pair_alike(vectors(0, 1, 2), np.array([0, 2]), least=0.9)
    assert (a.tolist(), b.tolist()) == ([0], [2])


def test_a_chain_of_neighbours_is_not_one_group():
    a, b, cosine = pair_alike(vectors(0, 10, 20, 30), np.arange(4), least=0.98)
    dropped = choose_dropped(a, b, cosine, np.arange(4))
    assert {other: keeper for other, (keeper, _) in dropped.items()} == {1: 0, 3: 2}


def test_the_most_alike_come_first():
    a, b, cosine = pair_alike(vectors(0, 8, 90, 91), np.arange(4), least=0.98)
    assert list(choose_dropped(a, b, cosine, np.arange(4))) == [3, 1]


def test_large_cells_give_the_same_neighbours_as_small_ones():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(50, 3)).astype(np.float32)
    made = Vectors(embeddings=rows / np.linalg.norm(rows, axis=1, keepdims=True))
    whole = pair_alike(made, np.arange(50), least=0.95)
    tiled = pair_alike(made, np.arange(50), least=0.95, params=SemanticParams(n_tile=7))
    for one, other in zip(whole, tiled, strict=True):
        assert np.allclose(one, other)


def test_a_cell_too_large_to_compare_all_with_all_gives_the_nearest_too():
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(60, 3)).astype(np.float32)
    made = Vectors(embeddings=rows / np.linalg.norm(rows, axis=1, keepdims=True))
    whole = pair_alike(made, np.arange(60), least=0.97)
    indexed = pair_alike(made, np.arange(60), least=0.97, params=SemanticParams(n_dense=10))
    for one, other in zip(whole, indexed, strict=True):
        assert np.allclose(one, other)
