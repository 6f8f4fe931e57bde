import numpy as np
import pytest

from curate.algorithms.nested_kmeans import (
    average_over_neighbors,
    measure_fit,
    nested_kmeans,
    normalize_rows,
)


@pytest.fixture
def points():
    """Six tight bunches of twenty points, two and two of them near each other."""
    rng = np.random.default_rng(0)
    far = np.repeat(rng.normal(size=(3, 16)), 2, axis=0)
    centres = far + 0.3 * rng.normal(size=(6, 16))
    bunches = np.repeat(centres, 20, axis=0) + 0.02 * rng.normal(size=(120, 16))
    return normalize_rows(bunches.astype(np.float32))


def start(points, n_clusters, seed=0):
    rng = np.random.default_rng(seed)
    return (
        (points @ points[rng.choice(len(points), n_clusters, replace=False)].T)
        .argmax(1)
        .astype(np.int32)
    )


def test_bunches_become_clusters_at_both_levels(points):
    levels = nested_kmeans(points, start(points, 24), 24, [6, 3])
    truth = np.repeat(np.arange(6), 20)
    assert len(set(zip(levels[6].cluster.tolist(), truth.tolist(), strict=True))) == 6
    assert len(set(zip(levels[3].cluster.tolist(), (truth // 2).tolist(), strict=True))) == 3


@pytest.mark.parametrize("seed", range(5))
def test_every_cluster_lies_in_one_coarser_one_and_its_parent_says_which(seed):
    rng = np.random.default_rng(seed)
    vectors = normalize_rows(rng.normal(size=(300, 8)).astype(np.float32))
    levels = nested_kmeans(vectors, start(vectors, 40, seed), 40, [40, 15, 4, 1])
    for fine, coarse in ((40, 15), (15, 4), (4, 1)):
        finer = levels[fine]
        assert (finer.parents[finer.cluster] == levels[coarse].cluster).all()
    assert [len(np.unique(levels[n].cluster)) for n in (40, 15, 4, 1)] == [40, 15, 4, 1]


def test_an_image_goes_to_the_nearest_mean_where_no_coarser_level_forbids_it(points):
    level = nested_kmeans(points, start(points, 10), 10, [10])[10]
    similarity, margin = measure_fit(points, level.means, level.cluster)
    scores = points @ level.means.T
    np.testing.assert_allclose(similarity, scores.max(axis=1), rtol=1e-5)
    np.testing.assert_allclose(
        margin, scores.max(axis=1) - np.sort(scores, axis=1)[:, -2], atol=1e-5
    )


def test_empty_clusters_are_filled_from_large_ones():
    vectors = normalize_rows(np.random.default_rng(0).normal(size=(300, 8)).astype(np.float32))
    level = nested_kmeans(vectors, np.zeros(300, np.int32), 12, [12])[12]
    assert np.bincount(level.cluster, minlength=12).min() > 5


def test_more_clusters_than_images_leave_some_empty():
    vectors = normalize_rows(np.eye(3, dtype=np.float32))
    levels = nested_kmeans(vectors, np.zeros(3, np.int32), 5, [5, 2])
    assert len(np.unique(levels[5].cluster)) <= 3
    assert (levels[5].parents[levels[5].cluster] == levels[2].cluster).all()


def test_averaging_adds_the_mean_of_the_neighbours_three_times():
    vectors = np.eye(3, dtype=np.float32)
    near = np.array([[1, 2], [0, -1], [0, 1]])
    step = np.array([[1, 0.5, 0.5], [0.5, 1.5, 0], [0.5, 0.5, 1]])  # -1 is the image itself
    by_hand = np.eye(3)
    for _ in range(3):
        by_hand = step @ by_hand
        by_hand /= np.linalg.norm(by_hand, axis=1, keepdims=True)
    np.testing.assert_allclose(average_over_neighbors(vectors, near), by_hand, rtol=1e-6)
    assert average_over_neighbors(vectors, near[:, :0]) is vectors
