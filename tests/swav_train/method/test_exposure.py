from dataclasses import replace

import numpy as np
import pytest
import torch

from swav_train.config import TrainConfig
from swav_train.method.exposure import EXPOSURE, Exposure, measure_exposure, standardise
from swav_train.method.multicrop import MultiCrop


def photos(n=40, side=24):
    """Return uint8 images that have texture and leave room to be dimmed without loss."""
    values = np.random.default_rng(0).normal(size=(n, 3, side, side))
    return torch.from_numpy((120 + 40 * values.clip(-2, 2)).round().astype(np.uint8))


def dim(pixels, gains, offset=10):
    return (pixels.float() * gains[:, None, None, None] + offset).round().to(torch.uint8)


def test_each_image_gets_one_mean_and_deviation():
    evened = standardise(photos()).float()
    torch.testing.assert_close(
        evened.mean(dim=(1, 2, 3)), torch.full((40,), EXPOSURE.mean), atol=2, rtol=0
    )
    torch.testing.assert_close(
        evened.std(dim=(1, 2, 3)), torch.full((40,), EXPOSURE.deviation), atol=2, rtol=0
    )


def test_a_dim_image_becomes_what_the_bright_one_becomes():
    pixels = photos()
    dimmed = dim(pixels, torch.full((40,), 0.4))
    apart = (standardise(pixels).int() - standardise(dimmed).int()).abs()
    assert apart.max() <= 3


@pytest.mark.parametrize("value", [0, 128, 255])
def test_an_image_of_one_colour_is_no_division_by_zero(value):
    flat = torch.full((1, 3, 8, 8), value, dtype=torch.uint8)
    assert standardise(flat).float().sub(EXPOSURE.mean).abs().max() <= 0.5


def test_noise_of_a_dark_image_is_not_stretched_to_a_picture():
    noise = torch.randint(0, 3, (1, 3, 16, 16), dtype=torch.uint8)
    assert standardise(noise).float().std() < EXPOSURE.deviation / 3


def test_differing_light_is_measured_in_stops():
    gains = torch.logspace(-2.5, 0, 40, base=2)
    found = measure_exposure(dim(photos(), gains, offset=0))
    assert found.stops == pytest.approx(gains.log2().std().item(), abs=0.1)
    assert found.differs
    even = measure_exposure(photos())
    assert even.stops < 0.1
    assert not even.differs


@pytest.mark.parametrize("scale", ["contrast", "brightness"])
def test_what_is_shown_may_differ_in_contrast_or_brightness_alone(scale):
    values = photos().float()
    factors = torch.linspace(0.1, 1, 40)[torch.randperm(40, generator=torch.Generator())]
    if scale == "contrast":
        pixels = (values - 120) * factors[:, None, None, None] + 120
    else:
        pixels = (values - 120) / 4 + 220 * factors[:, None, None, None] + 15
    found = measure_exposure(pixels.round().clamp(0, 255).to(torch.uint8))
    assert not found.differs


def test_it_is_told_in_words():
    assert Exposure(stops=0.94).describe() == (
        "it differs by 0.9 stops between the images, which is much, so it is evened out"
    )
    assert "by 0.1 stops" in Exposure(stops=0.1).describe()
    assert "is little" in Exposure(stops=0.1).describe()


def test_crops_of_a_dim_image_are_those_of_the_bright_one():
    pixels = photos(8)
    dimmed = dim(pixels, torch.full((8,), 0.4))
    config = TrainConfig.from_dict({"crops": "2x16", "color_strength": 0.0})

    def cut(images, *, evened):
        crops = MultiCrop(replace(config, standardise=evened))
        return torch.stack(crops(images, torch.ones(8), torch.Generator().manual_seed(0)))

    assert (cut(pixels, evened=True) - cut(dimmed, evened=True)).abs().max() < 0.1
    assert (cut(pixels, evened=False) - cut(dimmed, evened=False)).abs().max() > 0.5
