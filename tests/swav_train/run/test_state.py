from dataclasses import replace

import pytest
import torch

from swav_train.networks.backbone import build_backbone
from swav_train.run.state import load_backbone_weights, new_state
from tests.swav_train.swav_samples import SHORT, TINY

CPU = torch.device("cpu")


def test_equal_seeds_give_equal_models():
    one, two = new_state(SHORT, CPU), new_state(SHORT, CPU)
    other = new_state(replace(SHORT, seed=1), CPU)
    assert torch.equal(one.model.prototypes, two.model.prototypes)
    assert not torch.equal(one.model.prototypes, other.model.prototypes)


def test_making_a_state_leaves_the_global_random_state_alone():
    torch.manual_seed(5)
    wanted = torch.rand(1)
    torch.manual_seed(5)
    new_state(SHORT, CPU)
    assert torch.equal(torch.rand(1), wanted)


def test_a_backbone_starts_from_given_weights_and_so_does_its_average():
    weights = build_backbone(SHORT.backbone, SHORT.stem).state_dict()
    state = new_state(SHORT, CPU)
    load_backbone_weights(state, weights, origin="plain weights")
    assert state.started_from == "plain weights"
    for name, tensor in state.model.backbone.state_dict().items():
        assert torch.equal(tensor, weights[name])
        average = state.average.get(f"backbone.{name}")
        assert average is None or torch.equal(average, tensor)


def test_weights_of_another_network_are_refused():
    weights = build_backbone("test_vit").state_dict()
    with pytest.raises(ValueError, match="do not fit backbone test_resnet"):
        load_backbone_weights(new_state(TINY, CPU), weights, origin="some weights")
