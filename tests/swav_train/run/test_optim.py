import pytest
import torch

from swav_train.config import Optimizer, TrainConfig
from swav_train.networks.swav_model import SwavModel
from swav_train.run.optim import Lars, build_optimizer, set_learning_rate
from tests.swav_train.swav_samples import TINY


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


def test_lars_makes_the_steps_of_its_algorithm_while_the_rate_changes():
    parameter = torch.nn.Parameter(torch.tensor([[3.0, 4.0]]))
    optimizer = Lars([parameter], lr=0.1, momentum=0.9, weight_decay=0.5, trust=0.01)
    weight, velocity = torch.tensor([[3.0, 4.0]]), torch.zeros(1, 2)
    for rate, gradient in ((0.1, [[6.0, 8.0]]), (0.4, [[-1.0, 2.0]])):
        gradient = torch.tensor(gradient)
        local_rate = 0.01 * weight.norm() / (gradient.norm() + 0.5 * weight.norm())
        velocity = 0.9 * velocity + rate * local_rate * (gradient + 0.5 * weight)
        weight = weight - velocity
        set_rate(optimizer, rate)
        parameter.grad = gradient
        optimizer.step()
        torch.testing.assert_close(parameter.detach(), weight)


def set_rate(optimizer, rate):
    for group in optimizer.param_groups:
        group["lr"] = rate


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
