from dataclasses import replace

import torch

from swav_train.method.multicrop import normalise
from swav_train.networks.swav_model import SwavModel, calibrate_batch_norm, find_batch_norms
from tests.swav_train.swav_samples import TINY, noise_images


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
    assert all(norm.momentum is not None for norm in find_batch_norms(model))
    with torch.no_grad():
        wanted = model.project(model.backbone(images))
        evaluated = model.eval().project(model.backbone(images))
    torch.testing.assert_close(evaluated, wanted, atol=0.05, rtol=0)


def test_frozen_batch_norms_keep_their_statistics():
    model = SwavModel(replace(TINY, freeze_batch_norm=True)).train()
    before = {n: b.clone() for n, b in model.backbone.named_buffers()}
    model([torch.randn(4, 3, 16, 16), torch.randn(4, 3, 16, 16)])
    calibrate_batch_norm(model, [torch.randn(8, 3, 16, 16)])
    for name, buffer in model.backbone.named_buffers():
        assert torch.equal(buffer, before[name]), name
    assert model.projector.training
