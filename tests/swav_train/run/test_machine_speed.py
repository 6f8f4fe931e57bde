import itertools

import pytest
import torch

from swav_train.run.machine_speed import N_IMAGES, measure_images_per_second


def test_speed_is_images_over_the_time_of_a_step():
    ticks = itertools.count()
    speed = measure_images_per_second(read_clock=lambda: 0.5 * next(ticks))
    assert speed == pytest.approx(N_IMAGES / 0.5)


def test_measuring_leaves_threads_and_randomness_as_they_were():
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    before = torch.get_num_threads()
    assert measure_images_per_second() > 0
    assert torch.get_num_threads() == before
    assert torch.equal(torch.rand(1), expected)
