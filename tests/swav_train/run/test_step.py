from dataclasses import replace

import torch

from swav_train.method.sinkhorn import sinkhorn
from swav_train.run.state import new_state
from swav_train.run.step import assign_codes, train_step
from tests.swav_train.swav_samples import TINY

CPU = torch.device("cpu")
CONFIG = replace(
    TINY, queue_size=12, queue_start_epoch=1, freeze_prototypes_steps=1, precision="float32"
)


def crops(seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(6, 3, 16, 16, generator=generator) for _ in range(2)]


def test_past_embeddings_take_part_and_their_codes_are_dropped():
    state = new_state(CONFIG, CPU)
    past = torch.nn.functional.normalize(torch.randn(5, 8), dim=1)
    state.queues[0].push(past)
    scores = torch.rand(6, 10)
    codes = assign_codes(state, scores, state.queues[0], uses_queue=True)
    joint = torch.cat([past @ state.model.prototypes.detach().t(), scores])
    torch.testing.assert_close(codes, sinkhorn(joint, CONFIG.epsilon)[-6:])
    alone = assign_codes(state, scores, state.queues[0], uses_queue=False)
    torch.testing.assert_close(alone, sinkhorn(scores, CONFIG.epsilon))


def test_a_step_fills_the_queues_and_counts():
    state = new_state(CONFIG, CPU)
    train_step(state, crops(), learning_rate=0.01)
    assert [queue.filled for queue in state.queues] == [6, 6]
    assert state.step == state.tally.steps == 1
    assert state.tally.usage.sum() == 12


def test_prototypes_stay_frozen_then_move_on_the_sphere():
    state = new_state(CONFIG, CPU)
    before = state.model.prototypes.detach().clone()
    train_step(state, crops(), learning_rate=0.01)
    torch.testing.assert_close(state.model.prototypes.detach(), before)
    train_step(state, crops(1), learning_rate=0.01)
    assert not torch.allclose(state.model.prototypes.detach(), before)
    torch.testing.assert_close(state.model.prototypes.norm(dim=1), torch.ones(10))


def test_instance_contrast_moves_the_network_and_is_not_counted_in_the_loss():
    weights = {}
    for weight in (0.0, 1.0):
        state = new_state(replace(CONFIG, contrast_weight=weight), CPU)
        train_step(state, crops(), learning_rate=0.01)
        weights[weight] = state.tally.loss.item(), state.model.projector[0].weight.detach()
    assert weights[0.0][0] == weights[1.0][0]
    assert not torch.equal(weights[0.0][1], weights[1.0][1])


def test_a_process_whose_share_of_the_batch_is_one_image_has_nothing_to_contrast():
    weights = {}
    for weight in (0.0, 1.0):
        state = new_state(replace(CONFIG, contrast_weight=weight), CPU)
        train_step(state, [crop[:1] for crop in crops()], learning_rate=0.01)
        weights[weight] = state.model.projector[0].weight.detach()
    assert torch.equal(weights[0.0], weights[1.0])


def test_a_still_backbone_does_not_move_and_the_head_does():
    state = new_state(CONFIG, CPU)
    before = {n: p.clone() for n, p in state.model.named_parameters()}
    for _ in range(3):
        train_step(state, crops(), learning_rate=0.01, moves_backbone=False)
    for name, parameter in state.model.named_parameters():
        if name.startswith("backbone."):
            assert torch.equal(parameter, before[name]), name
    assert not torch.equal(state.model.projector[0].weight, before["projector.0.weight"])


def test_the_backbone_gets_its_share_of_the_learning_rate():
    state = new_state(replace(CONFIG, backbone_rate=0.01), CPU)
    train_step(state, crops(), learning_rate=0.5)
    rates = {group["is_backbone"]: group["lr"] for group in state.optimizer.param_groups}
    assert rates == {True: 0.005, False: 0.5}


def test_the_average_lags_behind():
    state = new_state(replace(CONFIG, average_decay=0.9), CPU)
    start = {n: p.detach().clone() for n, p in state.model.named_parameters()}
    for seed in range(3):
        train_step(state, crops(seed), learning_rate=0.01)
    name = "projector.0.weight"
    now = state.model.get_parameter(name)
    assert (state.average[name] - start[name]).norm() < (now - start[name]).norm()
    assert (state.average[name] - start[name]).norm() > 0
