from dataclasses import replace

import pytest

from swav_train.errors import WeightsUnusable
from swav_train.run.identity import identify, is_same_training
from tests.swav_train.swav_samples import SHORT


def of(config=SHORT, **changes):
    facts = {"budget_seconds": 60.0, "images": "a", "init": None} | changes
    return identify(config, **facts)


def test_a_training_is_the_same_wherever_it_computes():
    assert is_same_training(of(replace(SHORT, device="cuda:1")), of())


def test_other_settings_images_time_or_weights_are_another_training(tmp_path):
    others = [
        of(replace(SHORT, epochs=5)),
        of(images="b"),
        of(budget_seconds=None),
        of(init=_write(tmp_path / "w.safetensors", b"w")),
    ]
    assert not any(is_same_training(other, of()) for other in others)


def test_weights_are_known_by_what_they_hold_not_by_their_name(tmp_path):
    one = of(init=_write(tmp_path / "one.safetensors", b"w"))
    assert is_same_training(one, of(init=_write(tmp_path / "two.safetensors", b"w")))
    assert not is_same_training(one, of(init=_write(tmp_path / "one.safetensors", b"v")))


def test_weights_that_are_not_there_are_told(tmp_path):
    with pytest.raises(WeightsUnusable, match="no file"):
        of(init=tmp_path / "gone.safetensors")


def _write(path, content):
    path.write_bytes(content)
    return path


def test_what_is_no_record_of_a_training_is_another_one():
    assert not any(is_same_training(stored, of()) for stored in (None, {}, {"config": 1}, [1]))
