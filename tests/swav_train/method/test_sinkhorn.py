import math

import pytest
import torch

from swav_train.method.sinkhorn import sinkhorn


def cosine_scores(n, k, *, seed=0):
    generator = torch.Generator().manual_seed(seed)
    samples = torch.randn(n, 8, generator=generator, dtype=torch.float64)
    prototypes = torch.randn(k, 8, generator=generator, dtype=torch.float64)
    return (
        torch.nn.functional.normalize(samples, dim=1)
        @ torch.nn.functional.normalize(prototypes, dim=1).t()
    )


def test_codes_agree_with_the_oracle(oracle):
    arrays = oracle("sinkhorn")
    names = [name for name in arrays.files if name.startswith("codes_")]
    assert names
    for name in names:
        _, shape, epsilon, iterations = name.split("_")
        scores = torch.from_numpy(arrays[f"scores_{shape}"])
        epsilon, iterations = float(epsilon.removeprefix("eps")), int(iterations[2:])
        wanted = torch.from_numpy(arrays[name])
        torch.testing.assert_close(
            sinkhorn(scores, epsilon, iterations), wanted, atol=1e-10, rtol=0
        )
        torch.testing.assert_close(
            sinkhorn(scores.float(), epsilon, iterations), wanted.float(), atol=1e-5, rtol=0
        )


def test_matches_plain_alternating_normalisation():
    scores = cosine_scores(16, 4)
    plan = (scores / 0.05).exp()
    for _ in range(3):
        plan = plan / plan.sum(dim=0, keepdim=True)
        plan = plan / plan.sum(dim=1, keepdim=True)
    torch.testing.assert_close(sinkhorn(scores), plan)


def test_two_samples_that_want_one_prototype_share_by_preference():
    # After the columns are levelled sample 0 keeps prototype 0 and sample 1 gets prototype 1.
    codes = sinkhorn(torch.tensor([[1.0, 0.0], [1.0, 0.9]]), epsilon=0.05, iterations=50)
    assert codes[0, 0] > 0.99
    assert codes[1, 1] > 0.99


def test_prototypes_are_used_equally_after_many_rounds():
    codes = sinkhorn(cosine_scores(60, 12), epsilon=0.1, iterations=200)
    torch.testing.assert_close(codes.sum(dim=0), torch.full((12,), 5.0, dtype=torch.float64))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
@pytest.mark.parametrize("epsilon", [0.01, 0.001])
def test_small_epsilon_never_overflows(dtype, epsilon):
    scores = torch.cat([cosine_scores(30, 7), torch.ones(2, 7), -torch.ones(2, 7)]).to(dtype)
    codes = sinkhorn(scores, epsilon)
    assert codes.dtype == torch.float32
    assert codes.isfinite().all()
    torch.testing.assert_close(codes.sum(dim=1), torch.ones(34))


def test_autocast_does_not_lower_the_precision():
    scores = cosine_scores(16, 4).float()
    with torch.autocast("cpu", torch.bfloat16):
        codes = sinkhorn(scores)
    assert torch.equal(codes, sinkhorn(scores))


def test_equal_scores_give_uniform_codes():
    codes = sinkhorn(torch.zeros(5, 3))
    torch.testing.assert_close(codes, torch.full((5, 3), 1 / 3))


def test_order_of_the_samples_does_not_matter():
    scores = cosine_scores(20, 5)
    order = torch.randperm(20, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(sinkhorn(scores)[order], sinkhorn(scores[order]))


def test_smaller_epsilon_gives_harder_codes():
    scores = cosine_scores(40, 6)
    entropies = [
        -(codes * codes.clamp_min(1e-30).log()).sum(dim=1).mean()
        for codes in (sinkhorn(scores, epsilon) for epsilon in (0.02, 0.1, 0.5))
    ]
    assert entropies[0] < entropies[1] < entropies[2] < math.log(6)


def test_codes_carry_no_gradient():
    scores = cosine_scores(8, 3).requires_grad_()
    assert not sinkhorn(scores).requires_grad


@pytest.mark.parametrize(
    ("shape", "options"),
    [((4,), {}), ((4, 3), {"epsilon": 0.0}), ((4, 3), {"iterations": 0}), ((1, 4, 3), {})],
)
def test_wrong_arguments_are_refused(shape, options):
    with pytest.raises(ValueError, match=r"shape|epsilon"):
        sinkhorn(torch.zeros(shape), **options)
