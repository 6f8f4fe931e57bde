import math

import pytest
import torch
from torch.nn.functional import normalize

from swav_train.method.loss import swapped_prediction
from swav_train.method.sinkhorn import sinkhorn


@pytest.mark.parametrize("case", ["plain", "queue"])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 1e-5)])
def test_loss_codes_and_gradients_agree_with_the_oracle(oracle, case, dtype, tolerance):
    arrays = oracle("swapped_prediction")

    def array(name):
        return torch.from_numpy(arrays[f"{case}_{name}"]).to(dtype)

    features = array("features").requires_grad_()
    prototypes = array("prototypes").requires_grad_()
    n_crops, n = 6, 32
    scores = list((normalize(features, dim=1) @ prototypes.t()).split(n))
    assert len(scores) == n_crops
    past = array("queue") @ prototypes.detach().t() if case == "queue" else [None, None]
    codes = []
    for crop_scores, past_scores in zip(scores[:2], past, strict=True):
        joint = crop_scores.detach()
        if past_scores is not None:
            joint = torch.cat([past_scores, joint])
        codes.append(sinkhorn(joint)[-n:])
    loss = swapped_prediction(scores, codes)
    loss.backward()

    def check(value, name):
        torch.testing.assert_close(value, array(name), atol=tolerance, rtol=tolerance)

    check(torch.stack(codes), "codes")
    check(loss.detach(), "loss")
    check(features.grad, "grad_features")
    check(prototypes.grad, "grad_prototypes")


def test_hand_computed_case():
    # One sample, two prototypes, two crops: H(q0, p1) and H(q1, p0) averaged.
    scores = [torch.tensor([[0.1, 0.0]]), torch.tensor([[0.0, 0.1]])]
    codes = [torch.tensor([[1.0, 0.0]]), torch.tensor([[0.5, 0.5]])]
    first = -math.log(1 / (1 + math.e))  # p1 of prototype 0
    second = 0.5 * (math.log(1 + 1 / math.e) + math.log(1 + math.e))
    loss = swapped_prediction(scores, codes, temperature=0.1)
    assert loss.item() == pytest.approx((first + second) / 2)


def test_nothing_predicted_costs_log_k():
    scores = [torch.zeros(4, 10)] * 3
    codes = [torch.full((4, 10), 0.1)] * 2
    assert swapped_prediction(scores, codes).item() == pytest.approx(math.log(10))


def test_a_crop_does_not_predict_its_own_code():
    codes = [torch.eye(3)]
    scores = [torch.eye(3), torch.zeros(3, 3)]
    changed = [5 * torch.eye(3), torch.zeros(3, 3)]
    assert swapped_prediction(scores, codes) == swapped_prediction(changed, codes)


def test_codes_get_no_gradient():
    codes = [torch.full((2, 3), 1 / 3, requires_grad=True)]
    scores = [torch.zeros(2, 3, requires_grad=True), torch.ones(2, 3, requires_grad=True)]
    swapped_prediction(scores, codes).backward()
    assert codes[0].grad is None
    assert scores[1].grad is not None


def test_half_precision_scores_give_a_float32_loss():
    scores = [torch.ones(2, 3, dtype=torch.bfloat16)] * 2
    assert swapped_prediction(scores, [torch.full((2, 3), 1 / 3)]).dtype == torch.float32


@pytest.mark.parametrize(
    ("n_scores", "n_codes", "temperature"), [(1, 1, 0.1), (2, 0, 0.1), (2, 3, 0.1), (2, 2, 0.0)]
)
def test_wrong_arguments_are_refused(n_scores, n_codes, temperature):
    with pytest.raises(ValueError, match=r"codes|temperature"):
        swapped_prediction(
            [torch.zeros(2, 3)] * n_scores, [torch.zeros(2, 3)] * n_codes, temperature
        )
