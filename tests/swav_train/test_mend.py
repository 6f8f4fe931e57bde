"""A run that learns nothing begins again with gentler settings, once, and says so."""

from dataclasses import replace

import pytest
import torch
from conftest import noise_images
from test_loop import CONFIG
from test_model import TINY

from swav_train.config import Precision, derive_config, parse_crops
from swav_train.errors import TrainingDiverged
from swav_train.run import loop
from swav_train.run.loop import train
from swav_train.run.retry import FILE, Mend, differences, gentler, read_mend, write_mend

IMAGES = noise_images(60)


def not_a_number_once(monkeypatch):
    """Let the loss of the first attempt's steps be not a number."""
    real, attempts = loop.train_step, []

    def step(state, crops, **rest):
        real(state, crops, **rest)
        if not any(state is known for known in attempts):
            attempts.append(state)
        if state is attempts[0]:
            state.tally.loss += torch.nan

    monkeypatch.setattr(loop, "train_step", step)


def test_a_failed_run_begins_again_and_says_so(tmp_path, monkeypatch):
    not_a_number_once(monkeypatch)
    told = []
    result = train(IMAGES, CONFIG, tmp_path, on_mend=told.append)
    assert told == [result.mended]
    assert "not a number" in result.mended
    assert "precision auto -> float32" in result.mended
    assert result.config.precision is Precision.FLOAT32
    assert not (tmp_path / FILE).exists()
    again = train(IMAGES, CONFIG, tmp_path)
    assert again.was_finished
    assert again.mended == result.mended


def test_a_run_killed_in_its_second_attempt_goes_on_there(tmp_path, monkeypatch):
    not_a_number_once(monkeypatch)

    def stop(metrics):
        if metrics.epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(IMAGES, CONFIG, tmp_path, on_epoch=stop)
    monkeypatch.undo()
    started = []
    result = train(IMAGES, CONFIG, tmp_path, on_start=started.append)
    assert started[0].resumed_epochs == 2
    assert started[0].config.precision is Precision.FLOAT32
    assert "not a number" in result.mended


def test_a_second_failure_ends_the_run(tmp_path, monkeypatch):
    def step(state, crops, **rest):
        del crops, rest
        state.step += 1
        state.tally.steps += 1
        state.tally.loss += torch.nan

    monkeypatch.setattr(loop, "train_step", step)
    told = []
    with pytest.raises(TrainingDiverged, match="not a number"):
        train(IMAGES, CONFIG, tmp_path, on_mend=told.append)
    assert len(told) == 1


def test_what_was_set_by_hand_takes_the_value_that_the_images_call_for():
    config = replace(
        TINY, n_prototypes=3000, epsilon=0.5, crops=parse_crops("2x16@0.1-1+6x8"), color_strength=1
    )
    changed = gentler(config, n_images=400, is_finite=True)
    derived = derive_config(
        n_images=400, side_px=32, device="cpu", n_cores=1, budget_seconds=None, overrides={}
    )
    for name in ("n_prototypes", "epsilon", "color_strength", "optimizer"):
        assert getattr(changed, name) == getattr(derived, name)
    assert changed.backbone == config.backbone
    assert changed.n_crops == 2
    assert changed.crops[0].size == 16
    assert "n_prototypes 3000 -> " in differences(config, changed)


def test_settings_that_were_right_get_a_lower_learning_rate():
    once = gentler(TINY, n_images=400, is_finite=True)
    twice = gentler(once, n_images=400, is_finite=True)
    assert twice == replace(once, learning_rate=once.learning_rate / 3)


def test_a_second_attempt_of_another_training_is_not_taken(tmp_path):
    mend = Mend(config=TINY, reason="it failed", seconds=3.0)
    write_mend(tmp_path, mend, identity={"n_images": 3})
    assert read_mend(tmp_path, identity={"n_images": 3}) == mend
    assert read_mend(tmp_path, identity={"n_images": 4}) is None
