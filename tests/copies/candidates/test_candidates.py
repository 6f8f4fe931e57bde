import cv2
import numpy as np
import pytest

from curate.copies.candidates.from_hashes import from_hashes, of_further_hashes
from curate.copies.candidates.from_keypoints import PointIndex, from_points, of_further_points
from curate.copies.candidates.pairs import joined
from curate.copies.verification.keypoints import Features, working_copy
from curate.copies.verification.verifier import BY_FRAME, BY_MIRRORED_POINTS, BY_POINTS
from curate.images.perceptual_hash import perceptual_hash


def searched(*batches):
    """Return the candidates among pictures that come batch after batch."""
    features = Features.of([working_copy(pixels) for batch in batches for pixels in batch])
    rows = np.split(np.arange(len(features.counts)), np.cumsum([len(batch) for batch in batches]))
    index = PointIndex.trained(features, rows[0], seed=0)
    found = []
    for number in range(len(batches)):
        before = np.concatenate([np.zeros(0, np.int64), *rows[:number]])
        found.append(from_points(features, index, before, rows[number]))
    return joined(found).along(np.arange(len(features.counts)))


def pairs_of(found):
    return set(zip(found.a.tolist(), found.b.tolist(), found.way.tolist(), strict=True))


@pytest.fixture(scope="module")
def views(scene):
    """Twelve scenes, a turned piece of the fourth and a mirror image of the sixth."""
    pictures = [scene(seed) for seed in range(12)]
    matrix = cv2.getRotationMatrix2D((160, 120), 20, 1.3)
    return [*pictures, cv2.warpAffine(pictures[3], matrix, (320, 240)), pictures[5][:, ::-1].copy()]


def test_a_turned_piece_and_a_mirror_image_are_candidates(views):
    assert {(3, 12, BY_POINTS), (5, 13, BY_MIRRORED_POINTS)} <= pairs_of(searched(views))


def test_images_that_come_later_are_paired_with_those_before(views):
    found = pairs_of(searched(views[:8], views[8:13], views[13:]))
    assert {(3, 12, BY_POINTS), (5, 13, BY_MIRRORED_POINTS)} <= found


def test_a_further_image_has_the_candidates_it_would_have_if_it_came_later(views):
    features = Features.of([working_copy(pixels) for pixels in views])
    rows = np.arange(len(views))
    before, later = rows[:12], rows[12:]
    index = PointIndex.trained(features, before, seed=0)
    from_points(features, index, before[:0], before)
    further = Features.of([working_copy(pixels) for pixels in views[12:]])
    known = features.take(before)
    found = of_further_points(further, known, index, before)
    assert {(0, 3, BY_POINTS), (1, 5, BY_MIRRORED_POINTS)} <= pairs_of(found)
    came = pairs_of(from_points(features, index, before, later))
    of_before = {(a - 12, b, way) for a, b, way in came if a >= 12 > b}
    assert of_before <= pairs_of(found)  # once it is in the index, its own points take up places


def test_no_points_make_no_index():
    blank = [np.full((64, 64, 3), value, np.uint8) for value in (0, 100, 200)]
    features = Features.of([working_copy(pixels) for pixels in blank])
    assert PointIndex.trained(features, np.arange(3), seed=0) is None


@pytest.mark.parametrize("version", range(8))
@pytest.mark.parametrize("is_new", [[True, True, True], [False, False, True], [False, True, False]])
def test_turned_images_are_found_by_hash_whichever_comes_later(scene, version, is_new):
    pixels = scene(1)
    turned = pixels.transpose(1, 0, 2) if version & 4 else pixels
    turned = turned[::-1] if version & 2 else turned
    turned = turned[:, ::-1] if version & 1 else turned
    pictures = (scene(2), pixels, np.ascontiguousarray(turned))
    hashes = np.array([perceptual_hash(image) for image in pictures], np.uint64)
    found = from_hashes(hashes, np.array(is_new)).along(np.arange(3))
    assert (1, 2, BY_FRAME + version) in pairs_of(found)
    further = of_further_hashes(hashes[1:2], hashes[[2, 0]])
    assert (0, 0, BY_FRAME + version) in pairs_of(further)
    assert set(found.a.tolist()) == {1}


def test_many_equal_hashes_make_few_pairs():
    found = from_hashes(np.full(3000, 12345, np.uint64), np.ones(3000, bool))
    assert len(found.along(np.arange(3000))) <= 8 * 3000
