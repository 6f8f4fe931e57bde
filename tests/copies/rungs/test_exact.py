import numpy as np

from curate.copies.rungs.exact import protected, same_bytes, same_pixels


def test_same_bytes_are_named_by_the_first_of_them(folder, scene):
    made = folder(
        {"a": scene(1), "b": scene(2), "c": scene(1), "d": scene(2)},
        raw={"a": b"1", "b": b"2", "c": b"1", "d": b"other"},
    )
    assert same_bytes(made.images).tolist() == [0, 1, 0, 3]


def test_same_pixels_are_found_behind_different_bytes(folder, scene):
    made = folder({"a": scene(1), "b": scene(2), "c": scene(1)})
    assert same_pixels(made.images, made, np.arange(3)).tolist() == [0, 1, 0]


def test_one_changed_pixel_is_another_picture(folder, scene):
    changed = scene(1).copy()
    changed[5, 7, 1] ^= 1
    made = folder({"a": scene(1), "b": changed})
    assert same_pixels(made.images, made, np.arange(2)).tolist() == [0, 1]


def test_the_same_bytes_of_another_shape_are_another_picture(folder):
    made = folder({"a": np.zeros((4, 8, 3), np.uint8), "b": np.zeros((8, 4, 3), np.uint8)})
    assert same_pixels(made.images, made, np.arange(2)).tolist() == [0, 1]


def test_equal_plain_images_are_found_among_many_that_share_their_hash(folder):
    colours = {f"{value:03d}": np.full((16, 16, 3), value, np.uint8) for value in range(0, 250, 5)}
    twins = {"x": np.full((16, 16, 3), 100, np.uint8), "y": np.full((16, 16, 3), 5, np.uint8)}
    made = folder(colours | twins)
    found = same_pixels(made.images, made, np.arange(len(made.images)))
    assert found[-2:].tolist() == [20, 1]
    assert found[:-2].tolist() == list(range(50))


def test_only_suspects_are_decoded_in_full(folder, scene):
    made = folder({f"{seed}": scene(seed) for seed in range(8)} | {"x": scene(3)})
    asked = []
    exact = made.exact
    made.exact = lambda indices: asked.extend(indices) or exact(indices)
    same_pixels(made.images, made, np.arange(9))
    assert sorted(asked) == [3, 8]


def test_a_folder_protects_what_lies_below_it_and_not_its_namesakes():
    paths = ["keep", "keep/a", "keeper/a", "b/keep/a", "one.jpg"]
    assert protected(paths, ("keep/", "one.jpg")).tolist() == [True, True, False, False, True]
