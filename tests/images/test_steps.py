"""Steps between the lines of an image."""

import numpy as np
import pytest

from curate.images.steps import measure_steps


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("order", [1, 2])
def test_they_are_mean_differences_of_which_large_ones_count_as_the_most(axis, order):
    grey = np.random.default_rng(0).uniform(0, 255, (30, 50)).astype(np.float32)
    wanted = np.minimum(np.abs(np.diff(grey, n=order, axis=axis)), 20).mean(axis=1 - axis)
    steps = measure_steps(grey, axis, most=20.0, order=order)
    assert steps.dtype == np.float64
    assert np.allclose(steps, wanted, atol=1e-4)


def test_one_line_has_no_step():
    assert measure_steps(np.zeros((1, 9), np.float32), 1, most=20.0).tolist() == [0.0] * 8
