import torch
from torch.nn.functional import normalize

from swav_train.method.neighbor_prediction import find_neighbors, learn_prototypes
from swav_train.run.metrics import compute_usage_entropy


def clumps(n_each, n_clumps=8, dim=16, spread=0.05):
    """Return unit rows around some directions, and which direction each is of."""
    generator = torch.Generator().manual_seed(0)
    middles = normalize(torch.randn(n_clumps, dim, generator=generator), dim=1)
    noise = torch.randn(n_clumps * n_each, dim, generator=generator)
    rows = middles.repeat_interleave(n_each, dim=0) + spread * noise
    return normalize(rows, dim=1), torch.arange(n_clumps).repeat_interleave(n_each)


def learn(rows, n_prototypes, *, seed=0, **options):
    generator = torch.Generator().manual_seed(seed)
    return learn_prototypes(rows, n_prototypes=n_prototypes, dim=32, generator=generator, **options)


def test_neighbors_are_the_nearest_others_nearest_first():
    rows = normalize(torch.randn(2500, 6, generator=torch.Generator().manual_seed(0)), dim=1)
    scores = (rows @ rows.t()).fill_diagonal_(-2)
    assert torch.equal(find_neighbors(rows, 5), scores.topk(5).indices)
    assert find_neighbors(rows[:3], 5).shape == (3, 2)


def test_images_of_one_prototype_are_of_one_clump():
    rows, clump = clumps(60)
    nearest = learn(rows, 32).find_nearest(rows)
    usual = torch.stack([clump[nearest == each].mode().values for each in nearest.unique()])
    is_usual = usual[torch.unique(nearest, return_inverse=True)[1]] == clump
    assert is_usual.float().mean() > 0.99


def test_every_prototype_gets_its_share_of_uneven_clumps():
    rows, clump = clumps(200, spread=0.15)
    rows = rows[(clump == 0) | (torch.arange(len(rows)) % 8 == 0)]
    head = learn(rows, 10)
    usage = torch.bincount(head.find_nearest(rows), minlength=10)
    assert compute_usage_entropy(usage) > 0.95
    torch.testing.assert_close(head.prototypes.norm(dim=1), torch.ones(10))


def test_the_same_seed_gives_the_same_prototypes():
    rows, _ = clumps(20)
    one, same, other = learn(rows, 4), learn(rows, 4), learn(rows, 4, seed=1)
    assert torch.equal(one.prototypes, same.prototypes)
    assert not torch.equal(one.prototypes, other.prototypes)


def test_it_ends_when_its_time_is_spent():
    rows, _ = clumps(20)
    looks = iter([0.0, 0.4, 1.2])
    head = learn(rows, 4, spent_share=lambda: next(looks))
    assert head.matrix.shape == (16, 32)
    assert next(looks, None) is None


def test_two_images_are_enough():
    assert learn(torch.eye(2), 2).find_nearest(torch.eye(2)).shape == (2,)
