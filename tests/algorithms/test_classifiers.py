import numpy as np
import pytest

from curate.algorithms.classifiers import (
    LinearProbeParams,
    classes_of_neighbors,
    label_suspicion,
    predict_linear,
    stratified_split,
    weighted_knn_vote,
)


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
    assert weighted_knn_vote(similarity, classes, 3).tolist() == [2, 0]


def test_a_linear_classifier_tells_blobs_apart_and_noise_does_not_help_it():
    train, classes = blobs(300)
    test, truth = blobs(300, seed=1)
    assert (predict_linear(train, classes, test, seed=0) == truth).mean() > 0.97
    shuffled = np.random.default_rng(2).permutation(classes)
    assert (predict_linear(train, shuffled, test, seed=0) == truth).mean() < 0.6


def test_suspicion_is_the_share_of_votes_for_other_classes():
    similarity = np.array([[0.5, 0.5, 0.5, 0.5], [0.9, 0.2, 0.2, 0.2], [0.5, 0.5, 0.5, 0.5]])
    neighbours = np.array([[1, 1, 0, 1], [0, 1, 1, 1], [2, 2, 2, 2]])
    suspicion = label_suspicion(similarity.astype(np.float32), neighbours, np.array([1, 1, 1]))
    np.testing.assert_allclose(suspicion, [0.25, 1, 1], atol=1e-3)


def test_suspicion_is_never_more_than_one():
    rng = np.random.default_rng(0)
    similarity = rng.uniform(-1, 1, (5000, 10)).astype(np.float32)
    suspicion = label_suspicion(similarity, np.ones((5000, 10), int), np.zeros(5000, int))
    assert suspicion.max() == 1


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("penalty", [0.01, 0.3])
def test_the_linear_classifier_minimises_mean_loss_plus_penalty_times_squares(n_classes, penalty):
    rng = np.random.default_rng(0)
    classes = rng.integers(0, n_classes, 60)
    train = (np.eye(3)[classes] + rng.normal(size=(60, 3))).astype(np.float32)
    test = rng.normal(size=(2000, 3)).astype(np.float32)
    params = LinearProbeParams(penalties=(penalty,))
    predicted = predict_linear(train, classes, test, seed=0, params=params)
    mean, scale = train.mean(axis=0), np.sqrt(train.var(axis=0).mean())
    weights, bias = descend((train - mean) / scale, np.eye(n_classes)[classes], penalty)
    by_formula = ((test - mean) / scale @ weights.T + bias).argmax(axis=1)
    assert (predicted == by_formula).mean() > 0.997


def descend(train, truth, penalty):
    """Return the coefficients that plain gradient descent ends at."""
    weights, bias = np.zeros((truth.shape[1], train.shape[1])), np.zeros(truth.shape[1])
    for _ in range(4000):
        logits = train @ weights.T + bias
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        error = (shares / shares.sum(axis=1, keepdims=True) - truth) / len(train)
        weights -= 0.3 * (error.T @ train + 2 * penalty * weights)
        bias -= 0.3 * error.sum(axis=0)
    return weights, bias


def test_one_image_of_each_class_is_enough_to_learn_from():
    corners = np.eye(3, dtype=np.float32)
    assert predict_linear(corners, np.arange(3), corners, seed=0).tolist() == [0, 1, 2]


def test_one_class_cannot_be_told_from_another():
    with pytest.raises(ValueError, match="class"):
        predict_linear(np.eye(3, dtype=np.float32), np.zeros(3, int), np.eye(3), seed=0)


def test_a_content_has_the_class_of_its_first_image():
    contents, classes = np.array([0, 1, 0, 2]), np.array([5, 6, 7, 8])
    neighbors = np.array([[1, 2], [0, 2], [0, 1]])
    neighbor_classes = classes_of_neighbors(neighbors, contents, classes)
    assert neighbor_classes.tolist() == [[6, 8], [5, 8], [6, 8], [5, 6]]


def test_units_are_held_out_whole_and_every_class_keeps_one_to_learn_from():
    classes = np.repeat([0, 1, 2], [30, 20, 4])
    unit_of = np.concatenate([np.arange(30) // 3, 10 + np.arange(20) // 2, [20, 20, 20, 20]])
    is_held = stratified_split(classes, 0.3, seed=0, unit_of=unit_of)
    for unit in np.unique(unit_of):
        assert len(set(is_held[unit_of == unit])) == 1
    assert [int(is_held[classes == value].sum()) for value in range(3)] == [9, 6, 0]
