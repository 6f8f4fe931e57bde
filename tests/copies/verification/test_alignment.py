import cv2
import numpy as np
import pytest

from curate.copies.verification.alignment import align_pairs, map_frames
from curate.copies.verification.keypoints import (
    MIRROR,
    N_KEYPOINTS,
    Keypoints,
    extract_keypoints,
    make_working_copy,
)


def aligned(first, second, *, mirror=False):
    keypoints = Keypoints.of([first, second])
    found = align_pairs(keypoints, np.array([0]), np.array([1]), np.array([mirror]))
    return found.maps[0], int(found.inliers[0])


@pytest.mark.parametrize(
    "matrix",
    [
        [[1, 0, 12], [0, 1, -9]],
        [[0.94, -0.34, 30], [0.34, 0.94, -20]],
        [[0.7, 0, 5], [0, 0.7, 4]],
        [[1, 0, 0], [0, 0.8, 3]],
        [[0, -1, 127], [1, 0, 0]],
    ],
)
def test_the_map_between_two_views_is_found(scene, matrix):
    grey = make_working_copy(scene(1))
    truth = np.array(matrix, np.float32)
    view = cv2.warpAffine(grey, truth, (170, 150))
    found, inliers = aligned(grey, view)
    corners = np.array([[30, 30, 1], [140, 30, 1], [140, 100, 1], [30, 100, 1]], np.float32)
    assert np.abs(corners @ found.T - corners @ truth.T).max() < 2.5
    assert inliers >= 12


def test_a_mirrored_view_is_found_without_a_second_extraction(scene):
    grey = make_working_copy(scene(2))
    found, inliers = aligned(grey, np.ascontiguousarray(grey[:, ::-1]), mirror=True)
    expected = [[-1, 0, grey.shape[1] - 1], [0, 1, 0]]
    assert np.abs(found - np.array(expected)).max() < 0.1
    assert inliers > 40


def test_two_scenes_share_few_keypoints(scene):
    _, inliers = aligned(make_working_copy(scene(3)), make_working_copy(scene(4)))
    assert inliers < 8


def test_mirroring_twice_gives_the_descriptor_back():
    assert MIRROR[MIRROR].tolist() == list(range(128))


def test_images_without_keypoints_are_aligned_to_nothing():
    blank = np.full((128, 170), 90, np.uint8)
    _, inliers = aligned(blank, blank)
    assert inliers == 0


def test_keypoints_come_in_the_same_order_every_time(scene):
    grey = make_working_copy(scene(5))
    keypoints = extract_keypoints(grey)
    assert np.array_equal(keypoints, extract_keypoints(grey))
    assert 0 < len(keypoints) <= N_KEYPOINTS


@pytest.mark.parametrize("version", range(8))
def test_maps_of_frames_take_pixels_where_the_turned_image_has_them(version):
    pixels = np.arange(6 * 10, dtype=np.uint8).reshape(6, 10)
    turned = pixels.T if version & 4 else pixels
    turned = turned[::-1] if version & 2 else turned
    turned = turned[:, ::-1] if version & 1 else turned
    shapes = [np.array([image.shape], np.int32) for image in (pixels, turned)]
    found = map_frames(*shapes, np.array([version]))[0]
    for y in range(6):
        for x in range(10):
            right, down = found @ np.array([x, y, 1], np.float32)
            assert turned[round(float(down)), round(float(right))] == pixels[y, x]
