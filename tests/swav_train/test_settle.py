import torch
from torch.nn.functional import normalize

from swav_train.metrics import usage_entropy
from swav_train.settle import settled_prototypes


def clumps(n_each, n_clumps=8, dim=16):
    """Return unit rows around some directions, and which direction each is of."""
    generator = torch.Generator().manual_seed(0)
    middles = normalize(torch.randn(n_clumps, dim, generator=generator), dim=1)
    noise = torch.randn(n_clumps * n_each, dim, generator=generator)
    rows = middles.repeat_interleave(n_each, dim=0) + 0.05 * noise
    return normalize(rows, dim=1), torch.arange(n_clumps).repeat_interleave(n_each), middles


def usage(rows, prototypes):
    nearest = (rows @ prototypes.t()).argmax(dim=1)
    return usage_entropy(torch.bincount(nearest, minlength=len(prototypes)))


def test_a_prototype_that_nobody_used_takes_its_share():
    rows, _, middles = clumps(50)
    trained = middles.clone()
    trained[0] = trained[1] + 0.01  # clump 0 has no prototype of its own, clump 1 has two
    settled = settled_prototypes(rows, normalize(trained, dim=1), epsilon=0.03)
    assert usage(rows, settled) > usage(rows, trained) + 0.03
    torch.testing.assert_close(settled.norm(dim=1), torch.ones(8))


def test_prototypes_in_the_middle_of_their_images_stay():
    rows, _, middles = clumps(50)
    settled = settled_prototypes(rows, middles, epsilon=0.03)
    assert ((settled * middles).sum(dim=1) > 0.99).all()


def test_prototypes_stay_where_images_are_few():
    rows, _, middles = clumps(7)
    assert settled_prototypes(rows, middles, epsilon=0.03) is middles
