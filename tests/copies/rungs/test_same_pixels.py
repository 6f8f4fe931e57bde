import numpy as np

from curate.copies.rungs.same_pixels import find_same_pixels


def test_same_pixels_are_found_behind_different_bytes(folder, scene):
    made = folder({"a": scene(1), "b": scene(2), "c": scene(1)})
    assert find_same_pixels(made.images, made, np.arange(3)).tolist() == [0, 1, 0]


def test_one_changed_pixel_is_another_picture(folder, scene):
    changed = scene(1).copy()
    changed[5, 7, 1] ^= 1
    made = folder({"a": scene(1), "b": changed})
    assert find_same_pixels(made.images, made, np.arange(2)).tolist() == [0, 1]


def test_the_same_bytes_of_another_shape_are_another_picture(folder):
    made = folder({"a": np.zeros((4, 8, 3), np.uint8), "b": np.zeros((8, 4, 3), np.uint8)})
    assert find_same_pixels(made.images, made, np.arange(2)).tolist() == [0, 1]


def test_equal_plain_images_are_found_among_many_that_share_their_hash(folder):
    colours = {f"{value:03d}": np.full((16, 16, 3), value, np.uint8) for value in range(0, 250, 5)}
    twins = {"x": np.full((16, 16, 3), 100, np.uint8), "y": np.full((16, 16, 3), 5, np.uint8)}
    made = folder(colours | twins)
    found = find_same_pixels(made.images, made, np.arange(len(made.images)))
    assert found[-2:].tolist() == [20, 1]
    assert found[:-2].tolist() == list(range(50))


def test_only_suspects_are_decoded_in_full(folder, scene):
    made = folder({f"{seed}": scene(seed) for seed in range(8)} | {"x": scene(3)})
    asked = []
    digest = made.digest
    made.digest = lambda rows: asked.extend(rows) or digest(rows)
    find_same_pixels(made.images, made, np.arange(9))
    assert sorted(asked) == [3, 8]
