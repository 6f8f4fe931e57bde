import math
from dataclasses import fields

import pytest

from swav_train.config import TrainConfig
from swav_train.defaults import derive_config
from swav_train.run.finalize import plan_finish


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


def test_small_crops_come_first_where_they_buy_epochs():
    timed = derive(budget_seconds=480)
    assert timed.half_size_share > 0
    whole = derive(budget_seconds=480, overrides={"half_size_share": 0.0})
    assert timed.epochs > 1.4 * whole.epochs
    assert timed.crops == whole.crops


@pytest.mark.parametrize(
    "changes",
    [
        {"budget_seconds": None, "overrides": {"epochs": 20}},
        {"device": "cuda"},
        {"overrides": {"pretrained": True}},
    ],
)
def test_small_crops_do_not_come_first_elsewhere(changes):
    assert derive(**{"budget_seconds": 480} | changes).half_size_share == 0


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_instance_contrast_is_for_a_random_start(device):
    assert derive(device=device).contrast_weight == 1
    assert derive(device=device, overrides={"pretrained": True}).contrast_weight == 0


def test_the_large_batches_of_a_gpu_take_no_faster_steps():
    here, there = (derive(device=device) for device in ("cpu", "cuda"))
    assert here.batch_size < there.batch_size
    assert here.learning_rate < there.learning_rate < 2 * here.learning_rate


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


MACHINES = [("cpu", 2), ("cpu", 16), ("cuda", 16)]


@pytest.mark.parametrize("n_images", [100, 1000, 10_000, 100_000, 1_000_000, 3_000_000])
@pytest.mark.parametrize(("device", "n_cores"), MACHINES)
@pytest.mark.parametrize("minutes", [8, 60, 480])
@pytest.mark.parametrize("side_px", [32, 256])
@pytest.mark.parametrize("start", [{}, {"pretrained": True}])
def test_every_setting_takes_effect_within_the_time(
    n_images, device, n_cores, minutes, side_px, start
):
    config = derive(
        n_images=n_images,
        side_px=side_px,
        device=device,
        n_cores=n_cores,
        budget_seconds=60.0 * minutes,
        overrides=start,
    )
    n_steps = config.epochs * (n_images // config.batch_size)
    assert config.queue_size == 0 or config.queue_start_epoch <= config.epochs / 10
    assert config.queue_size / config.batch_size <= n_steps / 2
    assert config.queue_size <= n_images
    assert (config.batch_size + config.queue_size) * 5 >= config.n_prototypes
    assert config.freeze_prototypes_steps <= n_steps / 10
    assert config.cache_size >= min(side_px, config.image_size)
    plan = plan_finish(n_images, config.n_prototypes, budget_seconds=None, seconds_per_image=0.0)
    assert plan.n_sample >= min(n_images, 8 * config.n_prototypes)


def test_a_slower_machine_gets_smaller_crops_and_fewer_epochs():
    fast, slow = (
        derive(n_images=500, side_px=200, budget_seconds=300.0, images_per_second=speed)
        for speed in (2000.0, 200.0)
    )
    assert slow.crops[0].size < fast.crops[0].size
    assert derive(images_per_second=100.0).epochs < derive(images_per_second=1000.0).epochs


def test_given_epochs_nothing_follows_from_the_machine():
    one, many = (derive(side_px=200, n_cores=n, overrides={"epochs": 9}) for n in (1, 64))
    assert one == many


@pytest.mark.parametrize(
    "change",
    [{"n_images": 1}, {"side_px": 0}, *({"budget_seconds": s} for s in (0.0, math.nan, math.inf))],
)
def test_impossible_folders_are_refused(change):
    with pytest.raises(ValueError, match=next(iter(change))):
        derive(**change)
