import pytest
import torch

from swav_train.data.pixel_source import PixelSource
from swav_train.networks.swav_model import SwavModel
from swav_train.run.view_agreement import (
    HeldOutViews,
    choose_interval,
    compute_view_agreement,
    split_held_out,
)
from tests.swav_train.swav_samples import TINY, noise_images


@pytest.mark.parametrize("n_images", [400, 3000, 100_000])
def test_held_out_images_are_not_trained_on(n_images):
    train, held = split_held_out(n_images, seed=0)
    assert len(held) == min(256, n_images // 20)
    assert sorted([*train.tolist(), *held.tolist()]) == list(range(n_images))


def test_small_folders_spare_none():
    train, held = split_held_out(100, seed=0)
    assert train.tolist() == list(range(100))
    assert len(held) == 100


@pytest.mark.parametrize("n_images", [8, 100, 399, 400, 1000, 100_000])
def test_measuring_costs_a_fiftieth_of_the_training(n_images):
    train, held = split_held_out(n_images, seed=0)
    interval = choose_interval(len(train), len(held), n_crops=2)
    work = interval * 3 * 2 * len(train)
    assert 2 * len(held) <= 0.02 * work
    assert interval <= 20


def test_agreement_counts_rows_that_find_themselves():
    first = torch.eye(4)
    assert compute_view_agreement(first, first) == 1.0
    assert compute_view_agreement(first, first[[1, 0, 2, 3]]) == 0.5
    assert compute_view_agreement(first, first.roll(1, 0)) == 0.0


def test_measuring_changes_nothing():
    model = SwavModel(TINY)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    source = PixelSource(noise_images(20), size=16)
    held_out = HeldOutViews(source, torch.arange(10), TINY, torch.device("cpu"))
    assert 0 <= held_out.measure(model) == held_out.measure(model) <= 1
    assert model.training
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name])
