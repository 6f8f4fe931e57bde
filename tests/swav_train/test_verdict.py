import pytest

from swav_train.run.diagnosis import is_stalled, warning
from swav_train.run.metrics import EpochMetrics


def metrics(loss_ratio, usage_entropy=0.99):
    return EpochMetrics(
        epoch=7,
        epochs=7,
        loss=loss_ratio,
        loss_ratio=loss_ratio,
        usage_entropy=usage_entropy,
        view_agreement=0.5,
        learning_rate=0.0,
        images_per_second=100.0,
        seconds=10.0,
    )


@pytest.mark.parametrize(
    ("ratio", "usage", "words"), [(0.99, 0.99, "Little was learned"), (0.6, 0.5, "unevenly")]
)
def test_a_poor_run_is_told(ratio, usage, words):
    assert words in warning(metrics(ratio, usage))


def test_a_good_run_needs_no_words():
    assert warning(metrics(0.6)) is None


def test_only_a_long_run_can_stall():
    assert is_stalled(metrics(0.99), steps=5000)
    assert not is_stalled(metrics(0.99), steps=100)
    assert not is_stalled(metrics(0.7), steps=5000)
