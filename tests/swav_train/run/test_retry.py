"""A run that learns nothing begins again with gentler settings, once, and says so."""

from dataclasses import replace

import pytest
import torch

from swav_train.config import Precision, parse_crops
from swav_train.defaults import derive_config
from swav_train.errors import TrainingDiverged
from swav_train.run.attempt import RunParts
from swav_train.run.retry import (
    FILE,
    Retry,
    describe_changes,
    fallback_config,
    read_retry,
    write_retry,
)
from swav_train.run.step import train_step
from swav_train.run.train import train
from tests.swav_train.swav_samples import SHORT, TINY, noise_images

IMAGES = noise_images(60)


def not_a_number_once():
    """Return parts that let the loss of the first attempt's steps be not a number."""
    attempts = []

    def step(state, crops, **rest):
        train_step(state, crops, **rest)
        if not any(state is known for known in attempts):
            attempts.append(state)
        if state is attempts[0]:
            state.tally.loss += torch.nan

    return RunParts(take_step=step)


def test_a_failed_run_begins_again_and_says_so(tmp_path):
    reasons = []
    result = train(IMAGES, SHORT, tmp_path, on_retry=reasons.append, parts=not_a_number_once())
    assert reasons == [result.mended]
    assert "not a number" in result.mended
    assert "precision auto -> float32" in result.mended
    assert result.config.precision is Precision.FLOAT32
    assert not (tmp_path / FILE).exists()
    again = train(IMAGES, SHORT, tmp_path)
    assert again.was_finished
    assert again.mended == result.mended


def test_a_run_killed_in_its_second_attempt_goes_on_there(tmp_path):
    def stop(metrics):
        if metrics.epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(IMAGES, SHORT, tmp_path, on_epoch=stop, parts=not_a_number_once())
    started = []
    result = train(IMAGES, SHORT, tmp_path, on_start=started.append)
    assert started[0].resumed_epochs == 2
    assert started[0].config.precision is Precision.FLOAT32
    assert "not a number" in result.mended


def test_a_second_failure_ends_the_run(tmp_path):
    def step(state, crops, **rest):
        del crops, rest
        state.step += 1
        state.tally.steps += 1
        state.tally.loss += torch.nan

    reasons = []
    with pytest.raises(TrainingDiverged, match="not a number"):
        train(IMAGES, SHORT, tmp_path, on_retry=reasons.append, parts=RunParts(take_step=step))
    assert len(reasons) == 1


def test_what_was_set_by_hand_takes_the_value_that_the_images_call_for():
    config = replace(
        TINY, n_prototypes=3000, epsilon=0.5, crops=parse_crops("2x16@0.1-1+6x8"), color_strength=1
    )
    changed = fallback_config(config, n_images=400, is_finite=True)
    derived = derive_config(
        n_images=400, side_px=32, device="cpu", n_cores=1, budget_seconds=None, overrides={}
    )
    for name in ("n_prototypes", "epsilon", "color_strength", "optimizer"):
        assert getattr(changed, name) == getattr(derived, name)
    assert changed.backbone == config.backbone
    assert changed.n_crops == 2
    assert changed.crops[0].size == 16
    assert "n_prototypes 3000 -> " in describe_changes(config, changed)


def test_settings_that_were_right_get_a_lower_learning_rate():
    once = fallback_config(TINY, n_images=400, is_finite=True)
    twice = fallback_config(once, n_images=400, is_finite=True)
    assert twice == replace(once, learning_rate=once.learning_rate / 3)


def test_a_second_attempt_of_another_training_is_not_taken(tmp_path):
    retry = Retry(config=TINY, reason="it failed", seconds=3.0)
    write_retry(tmp_path, retry, identity={"n_images": 3})
    assert read_retry(tmp_path, identity={"n_images": 3}) == retry
    assert read_retry(tmp_path, identity={"n_images": 4}) is None
