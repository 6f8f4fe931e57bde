import cv2
import numpy as np
import pytest

from curate.images.true_detail import measure_true_detail


def picture(seed, side=256):
    """Return a picture with smooth places and edges, (side, side, 3) uint8."""
    rng = np.random.default_rng(seed)
    pixels = np.full((side, side, 3), 120, np.uint8)
    for _ in range(40):
        x, y, radius = rng.integers(0, side, 3)
        colour = rng.integers(30, 220, 3).tolist()
        cv2.circle(pixels, (int(x), int(y)), int(radius) // 6 + 3, colour, -1, cv2.LINE_AA)
    return pixels


def noisy(pixels, deviation, seed=0):
    noise = np.random.default_rng(seed).normal(0, deviation, pixels.shape)
    return np.clip(pixels + noise, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("deviation", [10, 20])
def test_noise_is_no_detail(seed, deviation):
    clean = picture(seed)
    soft = cv2.GaussianBlur(clean, (0, 0), 3)
    one, other = measure_true_detail(soft), measure_true_detail(noisy(soft, deviation))
    assert one.resolution < 0.5
    assert other.resolution < one.resolution * 1.25
    # three channels of equal noise make less of it in grey
    assert 0.5 * deviation < other.noise < deviation
    assert one.noise < 1


@pytest.mark.parametrize("seed", range(4))
def test_an_enlarged_picture_has_the_detail_of_the_small_one(seed):
    rough = np.random.default_rng(seed).normal(0, 1, (256, 256)).astype(np.float32)
    detail = sum(cv2.GaussianBlur(rough, (0, 0), width) * width for width in (0.7, 2, 5))
    small = np.repeat(np.clip(128 + 30 * detail, 0, 255).astype(np.uint8)[:, :, None], 3, axis=2)
    large = cv2.resize(small, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    one, other = measure_true_detail(small), measure_true_detail(large)
    assert other.resolution < 0.8 * one.resolution


def test_noise_gives_a_grey_picture_no_colour():
    grey = np.repeat(picture(0)[:, :, :1], 3, axis=2)
    assert measure_true_detail(noisy(grey, 20)).colour < 0.015
    assert measure_true_detail(picture(0)).colour > 0.1


@pytest.mark.parametrize("shape", [(1, 1, 3), (3, 200, 3), (16, 16, 3), (20, 20, 3)])
def test_tiny_pictures_are_measured(shape):
    found = measure_true_detail(np.full(shape, 100, np.uint8))
    assert (found.noise, found.colour) == pytest.approx((0, 0), abs=1e-3)
