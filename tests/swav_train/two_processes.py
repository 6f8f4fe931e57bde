"""Run by two processes at once; each compares its share of a joint batch with the whole."""

import sys
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from swav_train.distributed import process_group, rank, world_size
from swav_train.method.sinkhorn import sinkhorn
from swav_train.networks.encoder import load_encoder
from swav_train.run.state import new_state
from swav_train.run.step import train_step
from swav_train.run.train import train
from swav_train.sync_batch_norm import GlobalBatchNorm
from tests.swav_train.swav_samples import SHORT, noise_images

STEP = replace(
    SHORT,
    queue_size=0,
    optimizer="sgd",
    precision="float32",
    freeze_prototypes_steps=0,
    average_decay=0.0,
)


def local(rows):
    return rows.chunk(world_size())[rank()]


def close(value, wanted, tolerance=1e-5):
    torch.testing.assert_close(value, wanted, atol=tolerance, rtol=tolerance)


def check_codes():
    scores = torch.rand(24, 5, generator=torch.Generator().manual_seed(0)) * 2 - 1
    plan = (scores.double() / 0.05).exp()
    for _ in range(3):
        plan = plan / plan.sum(dim=0)
        plan = plan / plan.sum(dim=1, keepdim=True)
    close(sinkhorn(local(scores)), local(plan).float())


def check_batch_norm():
    generator = torch.Generator().manual_seed(1)
    values = torch.randn(12, 4, 3, 3, generator=generator)
    slopes = torch.randn(12, 4, 3, 3, generator=generator)
    plain, joint = nn.BatchNorm2d(4), nn.BatchNorm2d(4)
    GlobalBatchNorm.adopt(joint)
    whole = values.clone().requires_grad_()
    (plain(whole) * slopes).sum().backward()
    part = local(values).clone().requires_grad_()
    (joint(part) * local(slopes)).sum().backward()
    close(part.grad, local(whole.grad))
    close(joint.running_mean, plain.running_mean)
    close(joint.running_var, plain.running_var)
    close(joint.eval()(values), plain.eval()(values))


def parameters_after_a_step():
    generator = torch.Generator().manual_seed(2)
    crops = [torch.randn(16, 3, size, size, generator=generator) for size in (16, 16, 12)]
    state = new_state(STEP, torch.device("cpu"))
    train_step(state, [local(crop) for crop in crops], learning_rate=0.05)
    return {name: p.detach().clone() for name, p in state.model.named_parameters()}


def check_training(out):
    images = noise_images(64)
    result = train(images, replace(SHORT, epochs=2), out)
    assert result.epochs == 2
    assert result.steps == 8
    if rank() == 0:
        assert load_encoder(out, device="cpu").encode(images).embeddings.isfinite().all()


def main(out):
    torch.set_num_threads(1)
    alone = parameters_after_a_step()
    with process_group("cpu"):
        assert world_size() == 2
        check_codes()
        check_batch_norm()
        for name, parameter in parameters_after_a_step().items():
            close(parameter, alone[name], 1e-4)
        check_training(out)
    assert world_size() == 1


if __name__ == "__main__":
    main(Path(sys.argv[1]))
