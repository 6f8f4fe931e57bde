import pytest
import torch
from safetensors.torch import save_file

from swav_train.errors import WeightsUnavailable
from swav_train.networks.backbone import build_backbone
from swav_train.networks.pretrained import (
    WHEEL_BACKBONE,
    WHEEL_MODULE,
    read_backbone_weights,
    read_published_weights,
)
from tests.swav_train.swav_samples import TINY


def test_the_wheel_carries_weights_that_fit():
    pytest.importorskip(WHEEL_MODULE)
    weights, origin = read_published_weights(WHEEL_BACKBONE)
    network = build_backbone(WHEEL_BACKBONE)
    network.load_state_dict(weights)
    assert "ImageNet" in origin


def test_a_network_of_our_own_has_no_published_weights():
    with pytest.raises(WeightsUnavailable, match="no pretrained weights") as caught:
        read_published_weights("resnet10_w32")
    assert WHEEL_BACKBONE in caught.value.advice


def test_without_a_network_the_reason_is_said():
    def offline(*_, **__):
        raise OSError("no route")

    with pytest.raises(WeightsUnavailable, match="cannot be downloaded"):
        read_published_weights("resnet18", create_model=offline)


def test_weights_of_plain_timm_are_read(tmp_path):
    network = build_backbone(TINY.backbone, TINY.stem)
    save_file(network.state_dict(), tmp_path / "plain.safetensors")
    weights = read_backbone_weights(tmp_path / "plain.safetensors")
    assert weights.keys() == network.state_dict().keys()
    for name, tensor in network.state_dict().items():
        assert torch.equal(weights[name], tensor)


def test_a_file_that_is_no_safetensors_file_is_refused(tmp_path):
    path = tmp_path / "weights.safetensors"
    with pytest.raises(ValueError, match="no file"):
        read_backbone_weights(path)
    path.write_bytes(b"something else")
    with pytest.raises(ValueError, match="not a safetensors file"):
        read_backbone_weights(path)
