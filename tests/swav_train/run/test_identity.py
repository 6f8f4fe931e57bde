from dataclasses import replace
from pathlib import Path

from swav_train.run.identity import identify, is_same_training
from tests.swav_train.swav_samples import SHORT


def of(config=SHORT, **changes):
    facts = {"budget_seconds": 60.0, "n_images": 100, "init": None} | changes
    return identify(config, **facts)


def test_a_training_is_the_same_wherever_it_computes():
    assert is_same_training(of(replace(SHORT, device="cuda:1")), of())


def test_other_settings_images_time_or_weights_are_another_training():
    others = [
        of(replace(SHORT, epochs=5)),
        of(n_images=101),
        of(budget_seconds=None),
        of(init=Path("w.safetensors")),
    ]
    assert not any(is_same_training(other, of()) for other in others)


def test_what_is_no_record_of_a_training_is_another_one():
    assert not any(is_same_training(stored, of()) for stored in (None, {}, {"config": 1}, [1]))
