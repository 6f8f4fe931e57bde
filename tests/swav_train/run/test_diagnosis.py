import pytest

from swav_train.errors import TrainingDiverged
from swav_train.run.diagnosis import (
    describe_weakness,
    refuse_collapse,
    refuse_infinite_loss,
    refuse_stall,
)
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
def test_a_poor_run_gets_a_warning(ratio, usage, words):
    assert words in describe_weakness(metrics(ratio), usage_entropy=usage)


def test_a_good_run_needs_no_words():
    assert describe_weakness(metrics(0.6), usage_entropy=0.97) is None


def test_the_usage_of_whole_images_is_judged_as_it_is_told_and_not_that_of_the_crops():
    assert describe_weakness(metrics(0.6, usage_entropy=0.75), usage_entropy=0.97) is None
    assert "usage is 0.750" in describe_weakness(metrics(0.6), usage_entropy=0.75)


@pytest.mark.parametrize(
    ("loss_ratio", "steps", "progress", "can_retry"),
    [
        (0.99, 100, 1.0, True),
        (0.7, 5000, 1.0, True),
        (0.99, 200, 0.5, True),
        (0.99, 500, 0.1, True),
        (0.99, 5000, 0.5, False),
    ],
)
def test_a_run_that_may_still_learn_goes_on(loss_ratio, steps, progress, can_retry):
    refuse_stall(metrics(loss_ratio), steps=steps, progress=progress, can_retry=can_retry)


@pytest.mark.parametrize(("steps", "progress"), [(5000, 1.0), (500, 0.5)])
def test_a_run_that_had_time_and_predicts_nothing_is_refused(steps, progress):
    with pytest.raises(TrainingDiverged, match="nothing was learned"):
        refuse_stall(metrics(0.99), steps=steps, progress=progress)


def test_one_code_for_all_images_is_refused():
    refuse_collapse(metrics(0.5, usage_entropy=0.9), n_prototypes=100, steps=60)
    refuse_collapse(metrics(0.5, usage_entropy=0.0), n_prototypes=100, steps=10)
    with pytest.raises(TrainingDiverged, match="one code"):
        refuse_collapse(metrics(0.5, usage_entropy=0.0), n_prototypes=100, steps=60)


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_a_loss_that_is_not_a_number_is_refused(loss):
    refuse_infinite_loss(1.0, step=3)
    with pytest.raises(TrainingDiverged, match="not a number at step 3") as caught:
        refuse_infinite_loss(loss, step=3)
    assert not caught.value.is_finite
