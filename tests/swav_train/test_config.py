import json
from dataclasses import fields, replace

import pytest

from swav_train.config import (
    CropSpec,
    Optimizer,
    Precision,
    Stem,
    TrainConfig,
    derive_config,
    format_crops,
    parse_crops,
)


def derive(**changes):
    arguments = {
        "n_images": 10_000,
        "side_px": 32,
        "device": "cpu",
        "n_cores": 2,
        "budget_seconds": None,
        "overrides": {},
    }
    return derive_config(**(arguments | changes))


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
    config = derive(overrides={"optimizer": "lars", "precision": "float32", "epochs": 7})
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


def test_overrides_win_and_others_follow():
    config = derive(side_px=400, overrides={"image_size": 96, "batch_size": 32})
    assert config.image_size == 96
    assert config.crops[0].size == 64
    assert config.batch_size == 32
    assert config.learning_rate < derive(side_px=400).learning_rate
    assert derive(overrides={"crops": "2x48+2x24"}).image_size == 72


def test_every_setting_can_be_overridden():
    config = derive()
    for field in fields(TrainConfig):
        value = config.to_dict()[field.name]
        assert getattr(derive(overrides={field.name: value}), field.name) == getattr(
            config, field.name
        )


@pytest.mark.parametrize("n_images", [2, 5, 20, 100, 500, 2000, 20_000, 1_000_000])
@pytest.mark.parametrize("side_px", [1, 32, 300, 4000])
@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_any_folder_gets_valid_settings(n_images, side_px, device):
    config = derive(n_images=n_images, side_px=side_px, device=device)
    assert config.batch_size <= n_images
    assert config.n_prototypes <= max(2, n_images // 10)
    assert config.cache_size >= config.crops[0].size


def test_prototypes_grow_with_the_folder():
    counts = [derive(n_images=n).n_prototypes for n in (100, 1000, 10_000, 100_000)]
    assert counts == sorted(set(counts))


def test_pretrained_starts_get_gentle_settings():
    config = derive(side_px=400, overrides={"pretrained": True})
    assert config.pretrained
    assert config.backbone == "efficientnet_lite0"
    assert config.learning_rate < derive(side_px=400).learning_rate
    assert config.image_size > derive(side_px=400).image_size


def test_a_longer_budget_gives_more_epochs():
    short, long = derive(budget_seconds=60.0), derive(budget_seconds=600.0)
    assert short.epochs < long.epochs


def test_small_batches_get_a_queue():
    assert derive(overrides={"batch_size": 32}).queue_size >= 512
    assert derive(overrides={"batch_size": 64}).queue_size == 0


def test_a_batch_has_enough_images_for_its_prototypes():
    assert derive(n_images=10_000).batch_size == 64
    assert derive(n_images=20_000).batch_size == 128


@pytest.mark.parametrize("change", [{"n_images": 1}, {"side_px": 0}, {"budget_seconds": 0.0}])
def test_impossible_folders_are_refused(change):
    with pytest.raises(ValueError, match=next(iter(change))):
        derive(**change)
