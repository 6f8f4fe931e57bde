import pytest
import torch

from swav_train.networks.whitening import WhiteningParams, fit_whitening

EXACT = WhiteningParams(shrinkage=1e-6)


def test_whitened_features_have_no_mean_and_equal_spread():
    generator = torch.Generator().manual_seed(0)
    features = (
        torch.randn(4000, 6, generator=generator) @ torch.randn(6, 6, generator=generator) + 3
    )
    whitening = fit_whitening([features], max_dim=6, power=0.5, params=EXACT)
    white = (features - whitening.mean) @ whitening.matrix
    torch.testing.assert_close(white.mean(dim=0), torch.zeros(6), atol=1e-3, rtol=0)
    torch.testing.assert_close(torch.cov(white.t()), torch.eye(6), atol=1e-2, rtol=0)


def test_a_part_counts_as_much_as_a_larger_one():
    generator = torch.Generator().manual_seed(0)
    small = torch.randn(4000, 2, generator=generator)
    large = 100 * torch.randn(4000, 50, generator=generator)
    white = fit_whitening([small, large], max_dim=52, power=0.0, params=EXACT)
    energy = white.matrix.square().sum(dim=1) * torch.cat([small, large], dim=1).var(dim=0)
    torch.testing.assert_close(energy[:2].sum(), energy[2:].sum(), rtol=0.05, atol=0)


def test_few_images_limit_the_dimensions():
    whitening = fit_whitening([torch.randn(5, 30), torch.randn(5, 10)], max_dim=30, power=0.5)
    assert whitening.matrix.shape == (40, 4)
    assert whitening.matrix.isfinite().all()


@pytest.mark.parametrize(("power", "kept"), [(0.5, 20), (0.4, 57), (0.3, 159), (0.0, 159)])
def test_the_more_it_is_whitened_the_more_images_a_dimension_needs(power, kept):
    whitening = fit_whitening([torch.randn(160, 200)], max_dim=256, power=power)
    assert whitening.matrix.shape == (200, kept)


def test_equal_features_do_not_blow_up():
    whitening = fit_whitening([torch.ones(9, 7)], max_dim=7, power=0.5)
    assert whitening(torch.ones(2, 7)).isfinite().all()


def test_fewer_images_than_features_give_the_directions_of_the_covariance():
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(40, 60, generator=generator).double() * torch.linspace(1, 3, 60)
    _, directions = torch.linalg.eigh(torch.cov(features.t()))
    white = fit_whitening([features.float()], max_dim=5, power=0.0).matrix.double()
    alignment = torch.nn.functional.normalize(white, dim=0).t() @ directions[:, -5:].flip(1)
    torch.testing.assert_close(alignment.abs(), torch.eye(5).double(), atol=1e-4, rtol=0)
