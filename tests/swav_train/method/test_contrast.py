import math

import pytest
import torch
from torch.nn.functional import normalize

from swav_train.method.contrast import instance_contrast


def test_each_crop_is_drawn_to_its_other_crop_and_pushed_from_those_of_other_images():
    generator = torch.Generator().manual_seed(0)
    crops = [normalize(torch.randn(5, 8, generator=generator).double(), dim=1) for _ in range(3)]
    terms = []
    for one, other in ((0, 1), (0, 2), (1, 2)):
        rows = [*crops[one], *crops[other]]
        for place, row in enumerate(rows):
            far = [math.exp(float(row @ r) / 0.5) for k, r in enumerate(rows) if (k - place) % 5]
            partner = math.exp(float(row @ rows[(place + 5) % 10]) / 0.5)
            terms.append(-math.log(partner / sum(far)))
    assert instance_contrast(crops, 0.5).item() == pytest.approx(sum(terms) / len(terms))


def test_alike_projections_cost_the_log_of_the_others_number():
    alike = torch.ones(4, 3) / math.sqrt(3)
    assert instance_contrast([alike, alike]).item() == pytest.approx(math.log(6))


def test_crops_are_drawn_together_however_near_they_are():
    """In a softmax with the other crop in it the pull fades: its gradient is near 0 here."""
    apart = torch.eye(4)
    turned = apart.clone().requires_grad_()
    loss = instance_contrast([apart, turned], 0.01)
    assert loss.item() == pytest.approx(math.log(6) - 100)
    loss.backward()
    assert turned.grad.diagonal().tolist() == pytest.approx([-25.0] * 4)


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="two crops"):
        instance_contrast([torch.eye(2)])
    with pytest.raises(ValueError, match="two images"):
        instance_contrast([torch.ones(1, 1), torch.ones(1, 1)])
    with pytest.raises(ValueError, match="temperature"):
        instance_contrast([torch.eye(2), torch.eye(2)], 0)
