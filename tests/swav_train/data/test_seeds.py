import torch

from swav_train.data.seeds import derive_seed, make_generator


def test_a_seed_depends_on_every_part():
    seeds = {derive_seed(*parts) for parts in [(0, "a", 1), (1, "a", 1), (0, "b", 1), (0, "a", 2)]}
    assert len(seeds) == 4
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_equal_parts_give_equal_randomness():
    draws = [torch.rand(3, generator=make_generator(7, "crops")) for _ in range(2)]
    assert torch.equal(*draws)
