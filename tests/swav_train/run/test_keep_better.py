import pytest
import torch
from torch.nn.functional import normalize

from swav_train.run.keep_better import Comparison, measure_features


def views(noise, n=200, dim=16):
    generator = torch.Generator().manual_seed(0)
    rows = normalize(torch.randn(n, dim, generator=generator), dim=1)
    return [
        normalize(rows + noise * torch.randn(n, dim, generator=generator), dim=1) for _ in range(2)
    ]


def test_the_further_apart_views_of_an_image_are_the_worse_the_features():
    figures = [measure_features(*views(noise)) for noise in (0.05, 0.3, 1.0)]
    assert figures == sorted(figures, reverse=True)
    assert figures[0] > 0.9
    assert figures[2] < 0.3


def test_which_view_comes_first_does_not_matter():
    first, second = views(0.3)
    assert measure_features(first, second) == measure_features(second, first)


def test_features_that_give_all_images_one_vector_are_the_worst():
    same = normalize(torch.ones(50, 8), dim=1)
    assert measure_features(same, same) <= 1 / 50 + 1e-6


@pytest.mark.parametrize(
    ("trained", "said"),
    [
        (0.3, "the published features are as good or better; kept"),
        (0.4, "the published features are as good or better; kept"),
        (0.5, "the trained features are better"),
    ],
)
def test_what_was_kept_is_told_with_its_figures(trained, said):
    comparison = Comparison(trained=trained, published=0.4)
    assert comparison.keeps_published == (trained <= 0.4)
    assert said in comparison.describe()
    assert "0.400 published" in comparison.describe()
