import cv2
import numpy as np
import pytest

from curate.copies.looks import LOOKS_PARAMS
from curate.copies.verification.surroundings import measure_outside
from tests.conftest import picture

PARAMS = LOOKS_PARAMS


def grey(seed, *, width=160, height=128):
    pixels = cv2.cvtColor(picture(seed, width=width, height=height), cv2.COLOR_RGB2GRAY)
    return cv2.GaussianBlur(pixels.astype(np.float32), (0, 0), 1.0)


def cover(shape, width):
    """Return what the left columns of an image cover."""
    covered = np.zeros(shape, np.float32)
    covered[:, :width] = 1
    return covered


@pytest.mark.parametrize("seed", range(4))
def test_a_collage_begins_at_an_edge_and_shows_other_pictures(seed):
    whole = np.concatenate([grey(seed), 255 - grey(seed + 50)], axis=1)
    outside, seam, varied = measure_outside(whole, cover(whole.shape, 160))
    assert outside > PARAMS.least_part
    assert seam > PARAMS.seam
    assert varied > PARAMS.varied


@pytest.mark.parametrize("seed", range(4))
def test_a_source_goes_on_around_its_crop(seed):
    coarse = np.random.default_rng(seed).integers(0, 256, (9, 20)).astype(np.float32)
    whole = cv2.resize(coarse, (320, 128), interpolation=cv2.INTER_CUBIC)
    outside, seam, varied = measure_outside(whole, cover(whole.shape, 160))
    assert outside == pytest.approx(0.5)
    assert seam < PARAMS.seam
    assert varied > PARAMS.varied


def test_a_page_around_a_picture_is_plain_though_words_are_on_it():
    page = np.full((256, 320), 245, np.uint8)
    for line in range(6, 250, 14):
        cv2.putText(page, "some words here", (170, line), cv2.FONT_HERSHEY_PLAIN, 0.9, 20)
    page = page.astype(np.float32)
    page[:, :160] = cv2.resize(grey(1), (160, 256))
    _, seam, varied = measure_outside(page, cover(page.shape, 160))
    assert seam > PARAMS.seam
    assert varied < PARAMS.varied


def test_an_image_that_is_wholly_covered_has_no_surroundings():
    assert measure_outside(grey(1), np.ones((128, 160), np.float32)) == (0.0, 0.0, 0.0)
