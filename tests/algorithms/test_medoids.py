import numpy as np

from curate.algorithms.medoids import find_medoids


def test_the_medoid_is_the_member_nearest_to_all_others():
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(30, 5)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    cluster_of = rng.integers(0, 3, 40).astype(np.int32)
    contents = rng.integers(0, 30, 40)
    medoids = np.flatnonzero(find_medoids(vectors, contents, cluster_of))
    assert sorted(cluster_of[medoids].tolist()) == [0, 1, 2]
    for cluster, row in zip(cluster_of[medoids], medoids, strict=True):
        members = np.flatnonzero(cluster_of == cluster)
        closeness = (vectors[contents[members]] @ vectors[contents[members]].T).sum(axis=1)
        assert contents[row] == contents[members[closeness.argmax()]]


def test_of_equal_members_the_first_is_the_medoid():
    is_medoid = find_medoids(np.eye(1, 3, dtype=np.float32), np.zeros(3, int), np.array([1, 0, 1]))
    assert is_medoid.tolist() == [True, True, False]
