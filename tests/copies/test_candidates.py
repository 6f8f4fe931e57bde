import cv2
import numpy as np

from curate.copies.candidates import from_hashes, from_points
from curate.copies.features import Features, working_copy
from curate.fingerprint import orientations, perceptual_hash


def table(pictures):
    features = Features.empty(len(pictures), max_bytes=1 << 30)
    for row, pixels in enumerate(pictures):
        features.fill(row, working_copy(pixels))
    return features


def test_a_turned_piece_and_a_mirror_image_are_candidates(scene):
    pictures = [scene(seed) for seed in range(12)]
    matrix = cv2.getRotationMatrix2D((160, 120), 20, 1.3)
    pictures += [cv2.warpAffine(pictures[3], matrix, (320, 240)), pictures[5][:, ::-1].copy()]
    found = from_points(table(pictures), seed=0)
    best = np.argsort(-found.votes, kind="stable")[:2]
    pairs = set(zip(found.a[best].tolist(), found.b[best].tolist(), strict=True))
    assert pairs == {(3, 12), (5, 13)}
    assert sorted(found.mirror[best].tolist()) == [False, True]


def test_no_points_make_no_candidates():
    blank = [np.full((64, 64, 3), value, np.uint8) for value in (0, 100, 200)]
    assert len(from_points(table(blank), seed=0).a) == 0


def test_turned_images_are_found_by_hash(scene):
    pixels = scene(1)
    turned = np.ascontiguousarray(np.rot90(pixels))
    hashes = np.array([perceptual_hash(image) for image in (scene(2), pixels, turned)], np.uint64)
    found, orientation = from_hashes(hashes)
    assert found.a.tolist() == [1]
    assert found.b.tolist() == [2]
    near = int(orientations(hashes[1:2])[0, orientation[0]]) ^ int(hashes[2])
    assert near.bit_count() <= 2
    assert not found.mirror[0]


def test_many_equal_hashes_make_few_pairs():
    found, _ = from_hashes(np.full(3000, 12345, np.uint64))
    assert len(found.a) <= 4 * 3000
    assert (found.a < found.b).all()
