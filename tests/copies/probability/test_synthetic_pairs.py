import numpy as np
import pytest

from curate.copies.probability.synthetic_pairs import PairSources, load_made_findings

FINGERPRINTS = np.arange(10, 14, dtype=np.uint64)


@pytest.fixture
def frames(scene):
    """Three frames of one camera, each with an object of its own, and another picture."""
    pictures = [scene(1).copy() for _ in range(3)]
    for row, picture in enumerate(pictures):
        picture[60:110, 40 + 80 * row : 90 + 80 * row] = scene(row + 5)[:50, :50]
    return [*pictures, scene(2)]


@pytest.fixture
def load(frames, tmp_path):
    def load(sources, read=lambda rows: [frames[row] for row in rows]):
        return load_made_findings(tmp_path, sources, FINGERPRINTS, read, seed=0)

    return load


def rows(*numbers):
    return np.array(numbers, np.int64)


def test_pairs_of_one_image_are_copies():
    sources = PairSources.of(rows(0, 3), rows(0, 1), rows(1, 2))
    assert sources.is_copy.tolist() == [True, True, False, False]


def test_made_pairs_know_which_images_they_were_made_of(load):
    found = load(PairSources.of(rows(0, 1, 2, 3), rows(0, 0, 1), rows(1, 2, 2)))
    made = set(zip(found.a.tolist(), found.b.tolist(), strict=True))
    assert made <= {(0, 0), (1, 1), (2, 2), (3, 3), (0, 1), (0, 2), (1, 2)}
    assert sum(a == b for a, b in made) >= 3, "some alterations may be too strong, not most"
    assert any(a != b for a, b in made)
    assert np.isfinite(found.evidence).all()


def test_images_that_look_like_nothing_else_make_no_pair(load):
    found = load(PairSources.of(rows(2), rows(0, 1), rows(3, 3)))
    assert set(found.a.tolist()) <= {2}


def refuse(rows):
    assert not rows, "what was made before is not made again"
    return []


def test_what_was_made_before_is_known(load):
    sources = PairSources.of(rows(0, 3), rows(0), rows(1))
    first = load(sources)
    again = load(sources, refuse)
    assert np.array_equal(first.evidence, again.evidence)
    assert np.array_equal(first.close, again.close, equal_nan=True)


def test_new_pairs_are_made_beside_those_that_are_known(load):
    load(PairSources.of(rows(0), rows(0), rows(1)))
    grown = PairSources.of(rows(0, 3), rows(0, 0), rows(1, 2))
    asked = []
    load(grown, lambda some: asked.extend(some) or [np.zeros((32, 32, 3), np.uint8)] * len(some))
    assert 1 not in asked, "the pair of 0 and 1 is known"
