import numpy as np

from curate.algorithms.classifiers import linear_classes, stratified_split, suspicion, vote


def blobs(n_rows, *, seed=0):
    rng = np.random.default_rng(seed)
    classes = rng.integers(0, 3, n_rows)
    return (np.eye(3, 6)[classes] * 4 + rng.normal(size=(n_rows, 6))).astype(np.float32), classes


def test_the_same_share_of_every_class_is_held_out():
    classes = np.repeat([0, 1, 2, 3], [100, 50, 2, 1])
    is_held = stratified_split(classes, 0.3, seed=0)
    assert np.bincount(classes[is_held], minlength=4).tolist() == [30, 15, 1, 0]
    assert not np.array_equal(is_held, stratified_split(classes, 0.3, seed=1))


def test_near_neighbours_outvote_a_majority_of_far_ones():
    similarity = np.array([[0.9, 0.5, 0.5, 0.5], [0.5, 0.5, 0.5, 0.5]], np.float32)
    classes = np.array([[2, 0, 0, 0], [2, 0, 0, 0]])
    assert vote(similarity, classes, 3).tolist() == [2, 0]


def test_a_linear_classifier_tells_blobs_apart_and_noise_does_not_help_it():
    train, classes = blobs(300)
    test, truth = blobs(300, seed=1)
    assert (linear_classes(train, classes, test, seed=0) == truth).mean() > 0.97
    shuffled = np.random.default_rng(2).permutation(classes)
    assert (linear_classes(train, shuffled, test, seed=0) == truth).mean() < 0.6


def test_suspicion_is_the_share_of_votes_for_other_classes():
    similarity = np.array([[0.5, 0.5, 0.5, 0.5], [0.9, 0.2, 0.2, 0.2], [0.5, 0.5, 0.5, 0.5]])
    neighbours = np.array([[1, 1, 0, 1], [0, 1, 1, 1], [2, 2, 2, 2]])
    found = suspicion(similarity.astype(np.float32), neighbours, np.array([1, 1, 1]))
    np.testing.assert_allclose(found, [0.25, 1, 1], atol=1e-3)
