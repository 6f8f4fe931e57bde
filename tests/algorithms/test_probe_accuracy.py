import numpy as np

from curate.algorithms.probe_accuracy import evaluate_classifiers


def labelled_blobs(n_images, *, seed):
    rng = np.random.default_rng(seed)
    classes = rng.integers(0, 3, n_images)
    vectors = np.eye(3, 8)[classes] + 0.2 * rng.normal(size=(n_images, 8))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors.astype(np.float32), np.array(["ant", "bee", "cat"])[classes]


def test_both_classifiers_are_right_on_separate_blobs_and_the_majority_is_not():
    is_right = evaluate_classifiers(
        labelled_blobs(200, seed=0), labelled_blobs(100, seed=1), n_neighbors=5, seed=0
    )
    assert is_right.knn.mean() > 0.95
    assert is_right.linear.mean() > 0.95
    assert 0.1 < is_right.majority.mean() < 0.6


def test_a_label_that_training_lacks_is_never_right():
    test = (labelled_blobs(10, seed=1)[0], np.full(10, "dog"))
    is_right = evaluate_classifiers(labelled_blobs(50, seed=0), test, n_neighbors=5, seed=0)
    assert not (is_right.majority | is_right.knn | is_right.linear).any()


def test_more_neighbours_than_images_are_all_images():
    train, test = labelled_blobs(20, seed=0), labelled_blobs(10, seed=1)
    all_of_them, too_many = (
        evaluate_classifiers(train, test, n_neighbors=k, seed=0) for k in (20, 99)
    )
    assert np.array_equal(all_of_them.knn, too_many.knn)
