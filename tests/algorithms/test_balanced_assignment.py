import numpy as np
import pytest

from curate.algorithms.balanced_assignment import balanced_assignment


def unit(rng, *shape):
    values = rng.normal(size=shape).astype(np.float32)
    return values / np.linalg.norm(values, axis=-1, keepdims=True)


@pytest.mark.parametrize(("n_images", "n_clusters"), [(100, 7), (101, 10), (5, 8), (3000, 50)])
def test_balanced_sizes_are_within_one_of_each_other(n_images, n_clusters):
    rng = np.random.default_rng(1)
    centre = unit(rng, 1, 16)
    vectors = unit(rng, n_images, 16) * 0.5 + centre  # a crowd on one side
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    sizes = np.bincount(
        balanced_assignment(vectors, unit(rng, n_clusters, 16)), minlength=n_clusters
    )
    assert sizes.sum() == n_images
    assert sizes.max() - sizes.min() <= 1


def test_clusters_that_are_even_already_are_left_as_they_are():
    rng = np.random.default_rng(2)
    prototypes = np.eye(8, 16, dtype=np.float32)
    truth = np.repeat(np.arange(8), 20)
    vectors = prototypes[truth] + 0.05 * rng.normal(size=(160, 16)).astype(np.float32)
    assert np.array_equal(balanced_assignment(vectors, prototypes), truth)


def test_balance_costs_little_fit():
    rng = np.random.default_rng(3)
    vectors, prototypes = unit(rng, 2000, 16), unit(rng, 40, 16)
    scores = vectors @ prototypes.T
    balanced = scores[np.arange(2000), balanced_assignment(vectors, prototypes)].mean()
    even = rng.permutation(2000) % 40
    assert balanced > 0.9 * scores.max(axis=1).mean()
    assert balanced > 5 * abs(scores[np.arange(2000), even].mean())
