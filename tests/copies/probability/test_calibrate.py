import numpy as np

from curate.copies.probability.calibrate import calibrate
from curate.copies.probability.classifier import BUILT_IN
from curate.copies.verification.evidence import NAMES


def find_doubtful(n):
    """Return evidence of which the built-in classifier is in doubt, (n, 20)."""
    rng = np.random.default_rng(0)
    evidence = rng.normal(0.4, 0.3, (20_000, len(NAMES))).astype(np.float32)
    probability = BUILT_IN.predict(evidence)
    return evidence[(probability > 0.3) & (probability < 0.7)][:n]


def test_what_a_person_said_moves_the_probability_of_pairs_like_it():
    doubtful = find_doubtful(40)
    judged, others = doubtful[:20], doubtful[20:]
    said = {
        word: calibrate(judged[:0], others, (judged, np.full(20, word))).predict(judged).mean()
        for word in (0.0, 1.0)
    }
    assert said[0.0] < calibrate(judged[:0], others).predict(judged).mean() < said[1.0]


def test_without_decisions_the_fit_is_as_before():
    doubtful = find_doubtful(40)
    nobody = (doubtful[:0], np.zeros(0))
    before = calibrate(doubtful[:10], doubtful[10:])
    assert np.array_equal(before.weights, calibrate(doubtful[:10], doubtful[10:], nobody).weights)
