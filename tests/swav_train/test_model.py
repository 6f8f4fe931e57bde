from dataclasses import replace

import pytest
import torch
from conftest import noise_images

from swav_train.config import Optimizer, Stem, TrainConfig, parse_crops
from swav_train.method.multicrop import normalise
from swav_train.networks.backbone import (
    build_backbone,
    feature_dim,
    pooled_and_spatial,
    timm_recipe,
)
from swav_train.networks.swav_model import SwavModel, batch_norms, calibrate_batch_norm
from swav_train.run.optim import Lars, build_optimizer, set_learning_rate

TINY = TrainConfig(
    backbone="test_resnet",
    image_size=16,
    crops=parse_crops("2x16"),
    n_prototypes=10,
    projection_dim=8,
    projection_hidden=16,
)


@pytest.mark.parametrize("name", ["resnet10_w32", "test_resnet", "test_vit", "test_efficientnet"])
def test_backbones_are_made_by_name(name):
    network = build_backbone(name, Stem.SMALL)
    assert feature_dim(network, 32) > 0
    assert network.training


@pytest.mark.parametrize("name", ["resnet10_w32", "test_vit", "test_efficientnet"])
def test_spatial_features_tell_a_picture_from_its_shuffled_quarters(name):
    network = build_backbone(name, Stem.SMALL).eval()
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        pooled, stages = pooled_and_spatial(network, images, n_stages=3)
        _, swapped = pooled_and_spatial(network, images.roll(32, 3), n_stages=3)
        torch.testing.assert_close(pooled, network(images))
    assert {stage.ndim for stage in stages} == {2}
    assert not torch.allclose(stages[0], swapped[0], atol=1e-3)


def test_an_unknown_backbone_offers_similar_names():
    with pytest.raises(ValueError, match="resnet18"):
        timm_recipe("resnet81")


def test_the_small_stem_keeps_more_detail():
    image = torch.zeros(2, 3, 32, 32)
    sizes = [
        build_backbone("resnet18", stem).forward_features(image).shape[-1]
        for stem in (Stem.STANDARD, Stem.SMALL)
    ]
    assert sizes == [1, 2]


def test_projections_and_prototypes_are_on_the_unit_sphere():
    model = SwavModel(TINY)
    projections, scores = model([torch.randn(4, 3, 16, 16), torch.randn(4, 3, 16, 16)])
    ones = torch.ones(4)
    torch.testing.assert_close(projections[0].norm(dim=1), ones)
    torch.testing.assert_close(model.prototypes.norm(dim=1), torch.ones(10))
    torch.testing.assert_close(scores[1], projections[1] @ model.prototypes.t())
    assert scores[0].abs().max() <= 1 + 1e-5


def test_scores_are_float32_under_autocast():
    model = SwavModel(TINY)
    with torch.autocast("cpu", torch.bfloat16):
        projections, scores = model([torch.randn(4, 3, 16, 16)])
    assert projections[0].dtype == scores[0].dtype == torch.float32


def test_crops_of_one_size_share_a_pass_and_keep_their_order():
    model = SwavModel(TINY).eval()
    crops = [torch.randn(3, 3, size, size) for size in (16, 16, 12)]
    together, _ = model(crops)
    alone = [model([crop])[0][0] for crop in crops]
    for one, other in zip(together, alone, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)


def test_calibration_makes_evaluation_mode_agree_with_training_mode():
    model = SwavModel(TINY)
    images = normalise(torch.from_numpy(noise_images(64)))
    for _ in range(3):
        model([torch.randn(8, 3, 12, 12) * 5])
    calibrate_batch_norm(model, [images])
    assert model.training
    assert all(norm.momentum is not None for norm in batch_norms(model))
    with torch.no_grad():
        wanted = model.project(model.backbone(images))
        found = model.eval().project(model.backbone(images))
    torch.testing.assert_close(found, wanted, atol=0.05, rtol=0)


@pytest.mark.parametrize("name", list(Optimizer))
def test_every_optimizer_lowers_a_loss(name):
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(8, 8), torch.nn.Linear(8, 2))
    rate = {"adamw": 0.01, "sgd": 0.05, "lars": 1.0}[name]
    config = TrainConfig(optimizer=name, learning_rate=rate, weight_decay=1e-4)
    optimizer = build_optimizer(model, config)
    samples, targets = torch.randn(64, 8), torch.randn(64, 8)[:, :2]
    losses = []
    for _ in range(60):
        loss = (model(samples) - samples[:, :2] * 2 - 0.1 * targets).square().mean()
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert losses[-1] < 0.6 * losses[0]


def test_lars_steps_are_in_proportion_to_the_weights():
    parameter = torch.nn.Parameter(torch.full((3, 4), 2.0))
    optimizer = Lars([parameter], lr=0.1, momentum=0.0, trust=0.01)
    parameter.grad = torch.full((3, 4), 123.0)
    optimizer.step()
    # lr * trust * |w| / |g| * g is 0.1 * 0.01 * 2 for every entry.
    torch.testing.assert_close(parameter.detach(), torch.full((3, 4), 2.0 - 0.002))
    with pytest.raises(ValueError, match="closure"):
        optimizer.step(lambda: 0.0)


def test_norms_biases_and_prototypes_do_not_decay():
    model = SwavModel(TINY)
    optimizer = build_optimizer(model, TINY)
    groups = optimizer.param_groups
    decayed = [p for g in groups if g["weight_decay"] > 0 for p in g["params"]]
    others = [p for g in groups if g["weight_decay"] == 0 for p in g["params"]]
    assert len(decayed) + len(others) == len(list(model.parameters()))
    assert all(parameter.ndim > 1 for parameter in decayed)
    assert any(parameter is model.prototypes for parameter in others)
    set_learning_rate(optimizer, 0.5)
    assert {group["lr"] for group in optimizer.param_groups} == {0.5}


def test_frozen_batch_norms_keep_their_statistics():
    model = SwavModel(replace(TINY, freeze_batch_norm=True)).train()
    before = {n: b.clone() for n, b in model.backbone.named_buffers()}
    model([torch.randn(4, 3, 16, 16), torch.randn(4, 3, 16, 16)])
    calibrate_batch_norm(model, [torch.randn(8, 3, 16, 16)])
    for name, buffer in model.backbone.named_buffers():
        assert torch.equal(buffer, before[name]), name
    assert model.projector.training
