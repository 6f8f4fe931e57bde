import numpy as np
import pytest

from curate.images.perceptual_hash import orientations, perceptual_hash


def scene(seed, height=120, width=160):
    import cv2

    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (12, 16, 3)).astype(np.float32)
    return (
        cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
        .clip(0, 255)
        .astype(np.uint8)
    )


def turned(pixels, version):
    if version & 4:
        pixels = pixels.transpose(1, 0, 2)
    if version & 2:
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels[:, ::-1] if version & 1 else pixels)


def bits_apart(a, b):
    return (int(a) ^ int(b)).bit_count()


@pytest.mark.parametrize("version", range(8))
def test_orientations_foretell_the_hash_of_turned_pixels(version):
    for seed in range(10):
        pixels = scene(seed)
        stored = np.array([perceptual_hash(pixels)], np.uint64)
        foretold = orientations(stored)[0, version]
        assert bits_apart(foretold, perceptual_hash(turned(pixels, version))) <= 2


def test_the_first_orientation_is_the_hash_itself():
    hashes = np.array([0, 1 << 20, 0x0123456789ABCDEF & ~(1 << 63)], np.uint64)
    assert orientations(hashes)[:, 0].tolist() == hashes.tolist()


def test_a_hash_is_a_64_bit_number_whose_mean_bit_is_unused():
    for seed in range(10):
        assert 0 <= perceptual_hash(scene(seed)) < 1 << 63


def test_different_scenes_differ_in_many_bits():
    assert bits_apart(perceptual_hash(scene(1)), perceptual_hash(scene(2))) > 15


def test_shrinking_hardly_changes_the_hash():
    import cv2

    pixels = scene(3)
    small = cv2.resize(pixels, (53, 40), interpolation=cv2.INTER_AREA)
    assert bits_apart(perceptual_hash(pixels), perceptual_hash(small)) <= 4


def test_tiny_and_flat_images_have_a_hash_too():
    assert perceptual_hash(np.full((1, 1, 3), 7, np.uint8)) == 0
    assert perceptual_hash(np.zeros((5, 400, 3), np.uint8)) == 0


@pytest.mark.parametrize("shape", [(4, 4), (4, 4, 4), (0, 4, 3)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(ValueError, match="shape"):
        perceptual_hash(np.zeros(shape, np.uint8))
