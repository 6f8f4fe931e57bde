from dataclasses import replace

import pytest
import torch

from swav_train.data.pixel_source import PixelSource
from swav_train.run.choose_start import StartComparison, compare_starts
from swav_train.run.state import new_state
from tests.swav_train.swav_samples import SHORT, noise_images

PUBLISHED = replace(SHORT, pretrained=True)


def compare(weights):
    source = PixelSource(noise_images(40), size=16)
    return compare_starts(
        source,
        random=SHORT,
        published=PUBLISHED,
        read_published=lambda name: (weights, f"published {name}"),
    )


def random_weights():
    return new_state(SHORT, torch.device("cpu")).model.backbone.state_dict()


def test_a_draw_goes_to_random_weights():
    found = compare(random_weights())
    assert found.published == found.untrained
    assert not found.prefers_published


def test_weights_that_know_nothing_of_the_images_are_not_taken():
    found = compare({name: torch.zeros_like(value) for name, value in random_weights().items()})
    assert found.published < found.untrained
    assert not found.prefers_published
    assert found.describe().startswith("random weights")


@pytest.mark.parametrize("untrained", [0.1, 0.69])
def test_weights_that_tell_the_images_apart_better_are_taken(untrained):
    found = StartComparison(untrained=untrained, published=0.7)
    assert found.prefers_published
    assert f"(view agreement 0.70 published, {untrained:.2f} untrained)" in found.describe()
