import pytest
import torch

from swav_train.config import Stem
from swav_train.networks.backbone import (
    build_backbone,
    count_features,
    find_timm_spec,
    pool_features,
)


@pytest.mark.parametrize("name", ["resnet10_w32", "test_resnet", "test_vit", "test_efficientnet"])
def test_backbones_are_made_by_name(name):
    network = build_backbone(name, Stem.SMALL)
    assert count_features(network, 32) > 0
    assert network.training


@pytest.mark.parametrize("name", ["resnet10_w32", "test_vit", "test_efficientnet"])
def test_spatial_features_tell_a_picture_from_its_shuffled_quarters(name):
    network = build_backbone(name, Stem.SMALL).eval()
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        stages = pool_features(network, images, n_stages=3)
        swapped = pool_features(network, images.roll(32, 3), n_stages=3)
    assert {stage.ndim for stage in stages} == {2}
    assert not torch.allclose(stages[0], swapped[0], atol=1e-3)


def test_an_unknown_backbone_offers_similar_names():
    with pytest.raises(ValueError, match="resnet18"):
        find_timm_spec("resnet81")


def test_the_small_stem_keeps_more_detail():
    image = torch.zeros(2, 3, 32, 32)
    sizes = [
        build_backbone("resnet18", stem).forward_features(image).shape[-1]
        for stem in (Stem.STANDARD, Stem.SMALL)
    ]
    assert sizes == [1, 2]
