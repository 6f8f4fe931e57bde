import numpy as np

from curate.algorithms.outlier_score import outlier_score, scale_measures


def unit(rng, *shape):
    values = rng.normal(size=shape).astype(np.float32)
    return values / np.linalg.norm(values, axis=-1, keepdims=True)


def folder(seed=0, n_own=400, n_foreign=15):
    """Own images all over the features; foreign ones alike in them and in measures."""
    rng = np.random.default_rng(seed)
    centre = unit(rng, 1, 16)
    foreign_features = centre + 0.05 * rng.normal(size=(n_foreign, 16)).astype(np.float32)
    foreign_features /= np.linalg.norm(foreign_features, axis=1, keepdims=True)
    features = np.concatenate([unit(rng, n_own, 16), foreign_features])
    measures = rng.normal(size=(n_own + n_foreign, 5)).astype(np.float32)
    measures[n_own:] = [9, -9, 6, 0, 0] + 0.1 * measures[n_own:]
    return features, measures


def test_foreign_images_stand_out_though_they_are_alike():
    score = outlier_score(*folder())
    assert score[400:].min() > np.quantile(score[:400], 0.99)
    assert ((score >= 0) & (score <= 1)).all()


def test_it_is_the_mean_distance_to_the_nearest_tenth_by_hand():
    features = np.repeat(np.eye(2, dtype=np.float32), [10, 10], axis=0)
    measures = np.zeros((20, 1), np.float32)
    np.testing.assert_allclose(outlier_score(features, measures), 0, atol=1e-6)
    features[0] = [-1, 0]  # its two nearest lie half of sqrt 2 away, since features weigh a half
    assert outlier_score(features, measures)[0] == np.float32(2**0.5 / 4)


def test_one_image_is_no_outlier():
    assert outlier_score(np.ones((1, 1), np.float32), np.ones((1, 1), np.float32)).tolist() == [0]


def test_of_many_images_a_sample_is_compared_with_and_the_seed_draws_it():
    features, measures = folder(n_own=6000)
    score = outlier_score(features, measures, seed=1)
    assert (score == outlier_score(features, measures, seed=1)).all()
    assert score[6000:].min() > np.quantile(score[:6000], 0.99)


def test_measures_are_scaled_so_that_a_factor_is_a_difference():
    names = ("brightness", "contrast", "entropy", "shade", "light", "chroma")
    columns = dict.fromkeys(names, np.array([0.5, 0.5]))
    columns |= {"sharpness": np.array([0, np.e - 1]), "detail": np.array([0.0, 0.95])}
    columns |= {"width": np.array([10, 20]), "height": np.array([10, 0]), "bytes": [100, 20]}
    first, second = scale_measures(columns)
    np.testing.assert_allclose(first[:8], [0, *[0.5] * 6, np.log(0.05)], rtol=1e-6)
    np.testing.assert_allclose(first[8:], [np.log(100), 0, 0], atol=1e-6)
    np.testing.assert_allclose(second[:8], [1, *[0.5] * 6, 0], atol=1e-6)
    np.testing.assert_allclose(second[8:], [np.log(20), np.log(20), 0], rtol=1e-6)
