import json
from dataclasses import replace

import pytest

from swav_train.config import (
    CropSpec,
    Optimizer,
    Precision,
    Stem,
    TrainConfig,
    format_crops,
    parse_crops,
)


def test_crops_have_the_form_of_the_command_line():
    assert parse_crops("2x96+4x48") == (
        CropSpec(count=2, size=96, min_area=0.2, max_area=1.0),
        CropSpec(count=4, size=48, min_area=0.1, max_area=0.4),
    )
    assert parse_crops("2x32@0.2-0.9")[0].min_area == 0.2


def test_crops_survive_their_text():
    crops = parse_crops("2x96@0.14-1+4x48@0.05-0.14")
    assert parse_crops(format_crops(crops)) == crops


@pytest.mark.parametrize(
    "text", ["", "96", "2x", "0x96", "2x4", "2x96@0.5-0.1", "2x96,4x48", "ax9"]
)
def test_wrong_crops_are_refused(text):
    with pytest.raises(ValueError, match="crops"):
        parse_crops(text)


def test_json_round_trip():
    config = replace(TrainConfig(), optimizer="lars", precision="float32", epochs=7)
    text = json.dumps(config.to_dict())
    assert TrainConfig.from_dict(json.loads(text)) == config
    assert config.optimizer is Optimizer.LARS
    assert config.precision is Precision.FLOAT32


def test_choices_may_be_given_by_name():
    assert replace(TrainConfig(), stem="standard").stem is Stem.STANDARD
    with pytest.raises(ValueError, match="tall"):
        replace(TrainConfig(), stem="tall")


def test_unknown_settings_are_refused():
    with pytest.raises(ValueError, match="unknown settings: speed"):
        TrainConfig.from_dict({"speed": 3})


@pytest.mark.parametrize(
    "change",
    [
        {"n_prototypes": 1},
        {"epsilon": 0.0},
        {"batch_size": 1},
        {"epochs": 0},
        {"learning_rate": float("nan")},
        {"warmup": 1.0},
        {"color_strength": 1.5},
        {"crops": ()},
        {"crops": parse_crops("1x32")},
        {"backbone": ""},
        {"seed": -1},
    ],
)
def test_settings_out_of_range_are_refused(change):
    with pytest.raises(ValueError, match=next(iter(change))):
        replace(TrainConfig(), **change)
