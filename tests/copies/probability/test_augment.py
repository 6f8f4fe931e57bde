import numpy as np

from curate.copies.probability.augment import make_copy


def test_made_copies_are_the_same_for_the_same_seed(scene):
    for seed in range(30):
        one, two = (make_copy(scene(1), scene(2), np.random.default_rng(seed)) for _ in range(2))
        assert np.array_equal(one, two)
        assert one.dtype == np.uint8
        assert min(one.shape[:2]) >= 8
