import math

import pytest
import torch
from torch.nn.functional import normalize

from swav_train.method.contrast import instance_contrast


def test_it_is_nt_xent_of_each_pair_of_crops():
    generator = torch.Generator().manual_seed(0)
    crops = [normalize(torch.randn(5, 8, generator=generator).double(), dim=1) for _ in range(3)]
    terms = []
    for one, other in ((0, 1), (0, 2), (1, 2)):
        rows = [*crops[one], *crops[other]]
        for place, row in enumerate(rows):
            near = [math.exp(float(row @ r) / 0.5) for k, r in enumerate(rows) if k != place]
            partner = math.exp(float(row @ rows[(place + 5) % 10]) / 0.5)
            terms.append(-math.log(partner / sum(near)))
    assert instance_contrast(crops, 0.5).item() == pytest.approx(sum(terms) / len(terms))


def test_alike_projections_cost_the_log_of_their_number_and_apart_ones_nothing():
    alike = torch.ones(4, 3) / math.sqrt(3)
    assert instance_contrast([alike, alike]).item() == pytest.approx(math.log(7))
    apart = torch.eye(4)
    assert instance_contrast([apart, apart], 0.01).item() == pytest.approx(0, abs=1e-6)


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="two crops"):
        instance_contrast([torch.eye(2)])
    with pytest.raises(ValueError, match="temperature"):
        instance_contrast([torch.eye(2), torch.eye(2)], 0)
