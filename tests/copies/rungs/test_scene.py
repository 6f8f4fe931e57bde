from dataclasses import replace

import cv2
import numpy as np

from curate.choices import Level
from curate.copies.config import DedupConfig
from curate.copies.find import find_copies
from curate.copies.placement import pair_whole_images
from curate.copies.rungs.scene import _find_most_different, join_scenes


def moments(scene, n=4):
    """Return frames of one camera, another thing at another place in each."""
    street, frames = scene(50), {}
    for number in range(n):
        frame = street.copy()
        x, y = 30 + 60 * number, 40 + 45 * (number % 3)
        thing = scene(60 + number, 90, 80)
        mask = np.zeros((80, 90), np.uint8)
        cv2.ellipse(mask, (45, 40), (44, 39), 0, 0, 360, 255, -1)
        np.copyto(frame[y : y + 80, x : x + 90], thing, where=mask[..., None] > 0)
        frames[f"frame {number}"] = frame
    return frames


def test_frames_of_one_camera_are_one_scene_and_no_copies(folder, scene):
    made = folder(moments(scene) | {f"other {seed}": scene(seed) for seed in range(3)})
    copies = find_copies(made.images, made, DedupConfig())
    assert copies.keep.all()
    assert copies.scene.tolist() == [0, 0, 0, 0, -1, -1, -1]


def test_one_image_of_a_scene_stays_where_scenes_are_thinned(folder, scene):
    made = folder(moments(scene) | {"other": scene(1)})
    copies = find_copies(made.images, made, DedupConfig(level=Level.SCENE))
    assert copies.keep.sum() == 2
    assert copies.keep[4]
    assert {one for one in copies.match if one} == {"scene"}
    assert set(copies.pairs.match) == {"scene"}


def test_the_most_different_images_of_a_scene_stay_beside_the_best():
    scenes = replace(
        pair_whole_images(np.array([0, 0, 0, 1]), np.array([1, 2, 3, 2]), Level.SCENE),
        similarity=np.array([0.9, 0.8, 0.85, 0.99], np.float32),
    )
    dropped = {1: (0, 0.9), 2: (0, 0.8), 3: (0, 0.85)}
    rows, rank, scene = np.arange(4), np.arange(4), np.zeros(4, np.int64)

    def stay(per_scene):
        return _find_most_different(dropped, scenes, rows, rank, scene, per_scene=per_scene)

    assert stay(1) == []
    assert stay(2) == [2]
    # 1 is like 2, which stays; 3 was paired with the first only
    assert stay(3) == [2, 3]
    assert stay(9) == [2, 3, 1]


def test_no_more_of_a_chain_stay_than_are_asked_for_or_needed():
    a = np.array([0, 0, 1, 3, 3])  # 0 and 3 stay: 1 and 2 match the one, 4 and 5 the other
    scenes = pair_whole_images(a, np.array([1, 2, 3, 4, 5]), Level.SCENE)
    rows, scene = np.arange(6), np.zeros(6, np.int64)
    dropped = {1: (0, 1.0), 2: (0, 1.0), 4: (3, 1.0), 5: (3, 1.0)}
    for per_scene, n_more in ((1, 0), (2, 0), (3, 1), (4, 2), (9, 4)):
        stays = _find_most_different(dropped, scenes, rows, rows, scene, per_scene=per_scene)
        assert len(stays) == n_more


def test_two_images_of_a_scene_stay_if_asked(folder, scene):
    made = folder(moments(scene) | {"other": scene(1)})
    copies = find_copies(made.images, made, DedupConfig(level=Level.SCENE, per_scene=2))
    assert copies.keep.sum() == 3
    assert copies.keep[4]


def test_copies_and_pairs_of_one_scene_chain_into_one_scene():
    scenes = pair_whole_images(np.array([1]), np.array([3]), Level.SCENE)
    label = join_scenes(np.array([0, 0, 2, 3, 4]), scenes)
    assert label[0] == label[1] == label[3]
    assert len({int(label[2]), int(label[4]), int(label[0])}) == 3
