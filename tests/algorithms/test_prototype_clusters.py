from itertools import pairwise

import numpy as np
import pytest

from curate.algorithms.prototype_clusters import ContentVectors, cluster_by_prototypes


def unit(values):
    return (values / np.linalg.norm(values, axis=-1, keepdims=True)).astype(np.float32)


@pytest.fixture
def prototypes():
    """Six directions."""
    return np.eye(6, 8, dtype=np.float32)


@pytest.fixture
def contents(prototypes):
    """Ninety contents near the prototypes, the first ten of them twice."""
    rng = np.random.default_rng(0)
    near = np.repeat(prototypes, [40, 20, 10, 10, 5, 5], axis=0)
    vectors = unit(near + 0.15 * rng.normal(size=(90, 8)))
    content_of = np.concatenate([np.arange(90), np.arange(10)])
    return ContentVectors(embeddings=vectors, projections=vectors, content_of=content_of)


def test_images_near_a_prototype_form_a_cluster(contents, prototypes):
    clusters = cluster_by_prototypes(contents, prototypes, n_clusters=6)
    truth = np.repeat(np.arange(6), [40, 20, 10, 10, 5, 5])[contents.content_of]
    assert len(set(zip(clusters.cluster.tolist(), truth.tolist(), strict=True))) == 6
    assert clusters.levels == {}
    assert (clusters.margin > 0).all()
    assert clusters.medoid.sum() == 6


def test_equal_contents_get_equal_values(contents, prototypes):
    clusters = cluster_by_prototypes(contents, prototypes, n_clusters=3, levels=(2,))
    for values in (
        clusters.cluster,
        clusters.similarity,
        clusters.margin,
        clusters.isolation,
        clusters.levels[2],
    ):
        assert np.array_equal(values[:10], values[90:])


def test_levels_are_nested_whether_finer_or_coarser(contents, prototypes):
    clusters = cluster_by_prototypes(contents, prototypes, n_clusters=4, levels=(6, 4, 3, 2))
    chain = [clusters.levels[6], clusters.cluster, clusters.levels[3], clusters.levels[2]]
    assert np.array_equal(clusters.levels[4], clusters.cluster)
    for finer, coarser in pairwise(chain):
        pairs = set(zip(finer.tolist(), coarser.tolist(), strict=True))
        assert len(pairs) == len(np.unique(finer))


def test_balanced_clusters_have_sizes_within_one_and_levels_above_them(contents, prototypes):
    clusters = cluster_by_prototypes(
        contents, prototypes, n_clusters=6, levels=(2,), is_balanced=True
    )
    sizes = np.bincount(clusters.cluster, minlength=6)
    assert sizes.max() - sizes.min() <= 1
    assert clusters.margin.min() < 0
    assert len(set(zip(clusters.cluster.tolist(), clusters.levels[2].tolist(), strict=True))) == 6


def test_isolation_is_one_minus_the_mean_cosine_to_the_nearest_contents(contents, prototypes):
    clusters = cluster_by_prototypes(contents, prototypes, n_clusters=6, n_neighbors=3)
    scores = contents.embeddings @ contents.embeddings.T
    np.fill_diagonal(scores, -2)
    expected = 1 - np.sort(scores, axis=1)[:, -3:].mean(axis=1)
    np.testing.assert_allclose(clusters.isolation[:90], expected, atol=1e-5)


def test_a_single_content_is_alone(prototypes):
    one = ContentVectors(
        embeddings=prototypes[:1], projections=prototypes[:1], content_of=np.array([0, 0])
    )
    clusters = cluster_by_prototypes(one, prototypes, n_clusters=1)
    assert clusters.cluster.tolist() == [0, 0]
    assert clusters.isolation.tolist() == [1, 1]
    assert clusters.neighbors.index.shape == (1, 0)


def test_isolation_of_images_that_look_the_same_is_not_below_0():
    same = np.zeros((12, 8), np.float32)
    same[:, 0] = np.nextafter(np.float32(1), np.float32(2))  # rounded up, as unit rows may be
    contents = ContentVectors(embeddings=same, projections=same, content_of=np.arange(12))
    clusters = cluster_by_prototypes(contents, same[:1], n_clusters=1)
    assert (clusters.isolation >= 0).all()
