import numpy as np
import pytest

from curate.algorithms.label_agreement import measure_agreement


def measure(n_agree, n_suspect, *, n_classes=10):
    suspicion = np.array([0.1] * n_agree + [0.9] * n_suspect)
    return measure_agreement(np.arange(len(suspicion)) % n_classes, suspicion)


def test_agreement_and_chance_are_shares_of_the_labels():
    found = measure(31, 69, n_classes=10)
    assert (found.agreement, found.n_suspects) == (pytest.approx(0.31), 69)
    assert found.chance == pytest.approx(0.1)


def test_suspects_are_told_only_where_neighbours_predict_the_labels():
    assert measure(90, 10).are_told
    assert not measure(25, 75).are_told
    assert measure(25, 75).describe() == (
        "the features do not predict these labels well enough (agreement 25 %, chance 10 %): "
        "no suspects are told"
    )


def test_always_guessing_the_largest_class_is_no_prediction():
    labels = np.array([0] * 95 + [1] * 5)
    found = measure_agreement(labels, np.where(labels == 1, 1.0, 0.0))
    assert found.agreement == pytest.approx(0.95)
    assert not found.are_told


def test_one_label_for_all_is_predicted_and_no_labels_are_nothing():
    assert measure(9, 0, n_classes=1).are_told
    assert measure_agreement(np.zeros(0, np.int64), np.zeros(0)) is None
