import numpy as np

from curate.algorithms.outlier_score import strangeness


def unit(rng, *shape):
    values = rng.normal(size=shape).astype(np.float32)
    return values / np.linalg.norm(values, axis=-1, keepdims=True)


def folder(seed=0, n_own=400, n_foreign=15):
    """Own images all over the features; foreign ones close together, alike in their facts too."""
    rng = np.random.default_rng(seed)
    centre = unit(rng, 1, 16)
    party = centre + 0.05 * rng.normal(size=(n_foreign, 16)).astype(np.float32)
    party /= np.linalg.norm(party, axis=1, keepdims=True)
    features = np.concatenate([unit(rng, n_own, 16), party])
    facts = rng.normal(size=(n_own + n_foreign, 5)).astype(np.float32)
    facts[n_own:] = [9, -9, 6, 0, 0] + 0.1 * facts[n_own:]
    return features, facts


def test_a_party_of_foreigners_is_strange_though_they_know_each_other():
    found = strangeness(*folder())
    assert found[400:].min() > np.quantile(found[:400], 0.99)
    assert ((found >= 0) & (found <= 1)).all()


def test_it_is_the_mean_distance_to_the_nearest_tenth_by_hand():
    features = np.repeat(np.eye(2, dtype=np.float32), [10, 10], axis=0)
    facts = np.zeros((20, 1), np.float32)
    np.testing.assert_allclose(strangeness(features, facts), 0, atol=1e-6)
    features[0] = [-1, 0]  # its two nearest lie half of sqrt 2 away, since features weigh a half
    assert strangeness(features, facts)[0] == np.float32(2**0.5 / 4)


def test_one_image_is_not_strange():
    assert strangeness(np.ones((1, 1), np.float32), np.ones((1, 1), np.float32)).tolist() == [0]


def test_of_many_images_some_are_asked_and_the_seed_says_which():
    features, facts = folder(n_own=6000)
    found = strangeness(features, facts, seed=1)
    assert (found == strangeness(features, facts, seed=1)).all()
    assert found[6000:].min() > np.quantile(found[:6000], 0.99)
