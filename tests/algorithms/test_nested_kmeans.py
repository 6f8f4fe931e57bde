import numpy as np
import pytest

from curate.algorithms.nested_kmeans import fit, nested_groups, smoothed, unit_rows


@pytest.fixture
def points():
    """Six tight bunches of twenty points, two and two of them near each other."""
    rng = np.random.default_rng(0)
    far = np.repeat(rng.normal(size=(3, 16)), 2, axis=0)
    centres = far + 0.3 * rng.normal(size=(6, 16))
    bunches = np.repeat(centres, 20, axis=0) + 0.02 * rng.normal(size=(120, 16))
    return unit_rows(bunches.astype(np.float32))


def start(points, n_groups, seed=0):
    rng = np.random.default_rng(seed)
    return (
        (points @ points[rng.choice(len(points), n_groups, replace=False)].T)
        .argmax(1)
        .astype(np.int32)
    )


def test_bunches_become_groups_at_both_grains(points):
    grains = nested_groups(points, start(points, 24), 24, [6, 3])
    truth = np.repeat(np.arange(6), 20)
    assert len(set(zip(grains[6].group.tolist(), truth.tolist(), strict=True))) == 6
    assert len(set(zip(grains[3].group.tolist(), (truth // 2).tolist(), strict=True))) == 3


@pytest.mark.parametrize("seed", range(5))
def test_every_group_lies_in_one_coarser_group_and_its_parent_says_which(seed):
    rng = np.random.default_rng(seed)
    vectors = unit_rows(rng.normal(size=(300, 8)).astype(np.float32))
    grains = nested_groups(vectors, start(vectors, 40, seed), 40, [40, 15, 4, 1])
    for fine, coarse in ((40, 15), (15, 4), (4, 1)):
        own = grains[fine]
        assert (own.parents[own.group] == grains[coarse].group).all()
    assert [len(np.unique(grains[n].group)) for n in (40, 15, 4, 1)] == [40, 15, 4, 1]


def test_an_image_goes_to_the_nearest_mean_where_no_coarser_level_forbids_it(points):
    grain = nested_groups(points, start(points, 10), 10, [10])[10]
    similarity, margin = fit(points, grain.means, grain.group)
    scores = points @ grain.means.T
    np.testing.assert_allclose(similarity, scores.max(axis=1), rtol=1e-5)
    np.testing.assert_allclose(
        margin, scores.max(axis=1) - np.sort(scores, axis=1)[:, -2], atol=1e-5
    )


def test_empty_groups_are_filled_from_large_ones():
    vectors = unit_rows(np.random.default_rng(0).normal(size=(300, 8)).astype(np.float32))
    grain = nested_groups(vectors, np.zeros(300, np.int32), 12, [12])[12]
    assert np.bincount(grain.group, minlength=12).min() > 5


def test_more_groups_than_images_leave_some_empty():
    vectors = unit_rows(np.eye(3, dtype=np.float32))
    grains = nested_groups(vectors, np.zeros(3, np.int32), 5, [5, 2])
    assert len(np.unique(grains[5].group)) <= 3
    assert (grains[5].parents[grains[5].group] == grains[2].group).all()


def test_smoothing_adds_the_mean_of_the_neighbours_three_times():
    vectors = np.eye(3, dtype=np.float32)
    near = np.array([[1, 2], [0, -1], [0, 1]])
    step = np.array([[1, 0.5, 0.5], [0.5, 1.5, 0], [0.5, 0.5, 1]])  # -1 is the image itself
    by_hand = np.eye(3)
    for _ in range(3):
        by_hand = step @ by_hand
        by_hand /= np.linalg.norm(by_hand, axis=1, keepdims=True)
    np.testing.assert_allclose(smoothed(vectors, near), by_hand, rtol=1e-6)
    assert smoothed(vectors, near[:, :0]) is vectors
