from dataclasses import replace

import pytest
import torch
from conftest import noise_images
from safetensors.torch import save_file
from test_model import TINY

from swav_train.errors import WeightsUnavailable
from swav_train.networks import pretrained
from swav_train.networks.backbone import build_backbone
from swav_train.networks.pretrained import pretrained_weights
from swav_train.run.checkpoint import load_initial_weights, read_initial_weights
from swav_train.run.loop import train
from swav_train.run.state import new_state

CPU = torch.device("cpu")


def test_the_wheel_carries_weights_that_fit():
    pytest.importorskip(pretrained.WHEEL_MODULE)
    weights, origin = pretrained_weights(pretrained.WHEEL_BACKBONE)
    network = build_backbone(pretrained.WHEEL_BACKBONE)
    network.load_state_dict(weights)
    assert "ImageNet" in origin


def test_a_network_of_our_own_has_no_published_weights():
    with pytest.raises(WeightsUnavailable, match="no pretrained weights") as caught:
        pretrained_weights("resnet10_w32")
    assert pretrained.WHEEL_BACKBONE in caught.value.advice


def test_without_a_network_the_reason_is_said(monkeypatch):
    def offline(*_, **__):
        raise OSError("no route")

    monkeypatch.setattr(pretrained.timm, "create_model", offline)
    with pytest.raises(WeightsUnavailable, match="cannot be downloaded"):
        pretrained_weights("resnet18")


def test_training_says_what_it_started_from(monkeypatch, tmp_path):
    weights = build_backbone(TINY.backbone, TINY.stem).state_dict()
    monkeypatch.setattr("swav_train.run.loop.pretrained_weights", lambda _: (weights, "a test"))
    config = replace(TINY, pretrained=True, cache_size=16, batch_size=8, epochs=1, device="cpu")
    assert train(noise_images(16), config, tmp_path).started_from == "a test"


def test_weights_of_plain_timm_are_taken(tmp_path):
    network = build_backbone(TINY.backbone, TINY.stem)
    save_file(network.state_dict(), tmp_path / "plain.safetensors")
    state = new_state(TINY, CPU)
    load_initial_weights(
        state, read_initial_weights(tmp_path / "plain.safetensors"), origin="plain weights"
    )
    for name, tensor in state.model.backbone.state_dict().items():
        assert torch.equal(tensor, network.state_dict()[name])


def test_a_file_that_is_no_safetensors_file_is_refused(tmp_path):
    path = tmp_path / "weights.safetensors"
    with pytest.raises(ValueError, match="no file"):
        read_initial_weights(path)
    path.write_bytes(b"something else")
    with pytest.raises(ValueError, match="not a safetensors file"):
        read_initial_weights(path)
