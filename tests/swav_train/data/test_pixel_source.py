import numpy as np
import pytest
import torch

from swav_train.data.pixel_source import PixelSource
from tests.swav_train.swav_samples import noise_images

IMAGES = noise_images(60)


@pytest.mark.parametrize(
    ("images", "aspects", "message"),
    [
        (IMAGES[:1], None, "at least 2"),
        (IMAGES.astype(np.float32), None, "uint8"),
        (IMAGES[:, :1], None, "uint8"),
        (IMAGES, np.ones(3), "aspects"),
        (IMAGES, np.zeros(60), "aspects"),
    ],
)
def test_images_that_do_not_fit_are_refused(images, aspects, message):
    with pytest.raises(ValueError, match=message):
        PixelSource(images, size=16, aspects=aspects)


def test_an_array_is_read_as_it_is():
    source = PixelSource(IMAGES, size=16)
    assert torch.equal(source.read(torch.tensor([3, 1])), torch.from_numpy(IMAGES[[3, 1]]))
    assert source.aspects.tolist() == [1.0] * 60


def test_images_of_any_shape_become_squares_and_keep_their_aspects():
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (3, 20, width), dtype=np.uint8) for width in (10, 20, 40)]
    source = PixelSource(images, size=16)
    assert source.read(torch.tensor([0, 2])).shape == (2, 3, 16, 16)
    assert source.aspects.tolist() == [0.5, 1.0, 2.0]


def test_images_are_known_by_their_pixels_order_and_aspects():
    def digest(images=IMAGES, aspects=None):
        return PixelSource(images, size=16, aspects=aspects).digest()

    changed = IMAGES.copy()
    changed[-1, -1, -1, -1] ^= 1
    others = [digest(changed), digest(IMAGES[::-1]), digest(aspects=np.full(60, 2.0)), digest()]
    assert len(set(others)) == 4
    assert digest(list(IMAGES)) == digest()
    assert digest([torch.from_numpy(image) for image in IMAGES]) == digest()
