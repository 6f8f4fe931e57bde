import io

import cv2
import numpy as np
import pytest
from PIL import Image

from curate.images.jpeg_trace import NO_TRACE, measure_jpeg_trace


def picture(seed, *, size=(330, 250)):
    """Return a picture with detail of every size, grey."""
    rng = np.random.default_rng(seed)
    layers = [
        cv2.resize(
            rng.normal(0, 1, (max(2, size[1] // k), max(2, size[0] // k))).astype(np.float32),
            size,
            interpolation=cv2.INTER_CUBIC,
        )
        * k**0.8
        for k in (2, 4, 8, 16, 32)
    ]
    return Image.fromarray(np.clip(128 + 8 * sum(layers), 0, 255).astype(np.uint8))


def saved(image, quality):
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return Image.open(file)


def trace(image):
    return measure_jpeg_trace(np.asarray(image, np.float32))


@pytest.mark.parametrize("seed", range(4))
def test_a_picture_that_was_never_a_jpeg_has_no_trace(seed):
    assert trace(picture(seed)) == NO_TRACE


@pytest.mark.parametrize(("quality", "step"), [(50, 12), (70, 7), (80, 5)])
@pytest.mark.parametrize("seed", range(3))
def test_the_steps_of_a_jpeg_are_found(seed, quality, step):
    found = trace(saved(picture(seed), quality))
    assert abs(found.step - step) <= 2
    assert found.purity > 0.6


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    "turn", [None, Image.Transpose.FLIP_LEFT_RIGHT, Image.Transpose.ROTATE_180]
)
def test_saved_again_at_a_higher_quality_the_trace_is_less_pure(seed, turn):
    first = saved(picture(seed), 60)
    again = saved(first if turn is None else first.transpose(turn), 93)
    one, other = trace(first), trace(again)
    assert abs(one.step - other.step) <= 1
    assert other.purity < one.purity - 0.05


@pytest.mark.parametrize("seed", range(3))
def test_resized_it_has_lost_the_trace(seed):
    first = saved(picture(seed), 60)
    assert trace(first.resize((400, 300), Image.Resampling.BICUBIC)) == NO_TRACE


@pytest.mark.parametrize("size", [(1, 1), (7, 40), (8, 8), (40, 9)])
def test_tiny_pictures_have_none(size):
    assert trace(Image.new("L", size, 90)) == NO_TRACE
