from dataclasses import replace

import numpy as np
import torch

from swav_train.data.pixel_source import PixelSource
from swav_train.networks.encoder import describe_images
from swav_train.run.orientation import (
    ORIENTATION,
    Orientation,
    tell_orientation,
    tell_versions_apart,
)
from swav_train.run.state import new_state
from tests.swav_train.swav_samples import SHORT

N_IMAGES = 128


def ask(pixels):
    weights = new_state(SHORT, torch.device("cpu")).model.backbone.state_dict()
    return tell_orientation(
        PixelSource(pixels, size=16),
        replace(SHORT, pretrained=True),
        read_published=lambda name: (weights, f"published {name}"),
    )


def noise():
    return np.random.default_rng(0).integers(0, 128, (N_IMAGES, 3, 16, 16), dtype=np.uint8)


def test_images_with_a_sky_have_an_up():
    pixels = noise()
    pixels[:, :, :6] += 100
    found = ask(pixels)
    assert found.told_rightly > 0.95
    assert found.has_up
    assert found.describe().startswith("the images have an up")


def test_images_that_are_turned_at_random_have_no_up():
    pixels = noise()
    pixels[:, :, :6] += 100
    pixels[::2] = pixels[::2, :, ::-1]
    found = ask(pixels)
    assert found.told_rightly <= ORIENTATION.chance
    assert not found.has_up
    assert "0.5 by chance" in found.describe()


def test_an_image_that_was_not_learned_from_is_asked():
    """Noise can be told apart where it was learned from; what is told is of other images."""
    generator = torch.Generator().manual_seed(0)
    first, second = torch.randn(2, 200, 500, generator=generator)
    assert 0.35 < tell_versions_apart([first], [second]) < 0.65
    assert tell_versions_apart([first], [second + 0.5]) > 0.95


def test_the_share_decides():
    assert not Orientation(told_rightly=ORIENTATION.chance).has_up
    assert Orientation(told_rightly=ORIENTATION.chance + 0.01).has_up


def test_an_image_without_an_up_is_described_like_itself_turned():
    backbone = new_state(SHORT, torch.device("cpu")).model.backbone.eval()
    images = torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))

    def describe(some, *, vertical_flip):
        with torch.no_grad():
            stages = describe_images(backbone, some, n_stages=2, vertical_flip=vertical_flip)
        return torch.cat(stages, dim=1)

    both = describe(images, vertical_flip=True)
    assert torch.allclose(both, describe(images.flip(2), vertical_flip=True), atol=1e-5)
    upright = describe(images, vertical_flip=False)
    assert not torch.allclose(upright, describe(images.flip(2), vertical_flip=False), atol=1e-3)
