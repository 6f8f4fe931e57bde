import torch
from torch.nn.functional import normalize

from swav_train.method.refine_prototypes import refine_prototypes
from swav_train.run.metrics import compute_usage_entropy


def clumps(n_each, n_clumps=8, dim=16, spread=0.05):
    """Return unit rows around some directions, and which direction each is of."""
    generator = torch.Generator().manual_seed(0)
    middles = normalize(torch.randn(n_clumps, dim, generator=generator), dim=1)
    noise = torch.randn(n_clumps * n_each, dim, generator=generator)
    rows = middles.repeat_interleave(n_each, dim=0) + spread * noise
    return normalize(rows, dim=1), torch.arange(n_clumps).repeat_interleave(n_each), middles


def usage(rows, prototypes):
    nearest = (rows @ prototypes.t()).argmax(dim=1)
    return compute_usage_entropy(torch.bincount(nearest, minlength=len(prototypes)))


def test_every_prototype_gets_its_share():
    rows, _, _ = clumps(100, spread=0.15)
    generator = torch.Generator().manual_seed(1)
    trained = normalize(torch.randn(20, 16, generator=generator), dim=1)
    refined = refine_prototypes(rows, trained, epsilon=0.03)
    assert usage(rows, trained) < 0.91
    assert usage(rows, refined) > 0.97
    torch.testing.assert_close(refined.norm(dim=1), torch.ones(20))


def test_prototypes_in_the_middle_of_their_images_stay():
    rows, _, middles = clumps(50)
    refined = refine_prototypes(rows, middles, epsilon=0.03)
    assert ((refined * middles).sum(dim=1) > 0.99).all()


def test_prototypes_stay_where_images_are_few():
    rows, _, middles = clumps(7)
    assert refine_prototypes(rows, middles, epsilon=0.03) is middles
