import itertools
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from swav_train import load_encoder, train
from swav_train.config import parse_crops
from swav_train.errors import TrainingDiverged, WeightsUnusable
from swav_train.networks.backbone import build_backbone
from swav_train.run.attempt import RunParts
from swav_train.run.checkpoint import CheckpointParams
from tests.swav_train.swav_samples import SHORT, noise_images

ROOT = Path(__file__).resolve().parents[3]
IMAGES = noise_images(60)


def weights(folder):
    return load_file(folder / "weights.safetensors")


def assert_equal_models(one, other):
    one, other = weights(one), weights(other)
    assert one.keys() == other.keys()
    for name, tensor in one.items():
        assert torch.equal(tensor, other[name]), name


def test_a_run_leaves_a_model_and_nothing_else(tmp_path):
    started, seen = [], []
    result = train(IMAGES, SHORT, tmp_path, on_start=started.append, on_epoch=seen.append)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["metrics.jsonl", "model.json", "weights.safetensors"]
    assert [metrics.epoch for metrics in seen] == [1, 2, 3, 4]
    lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == [1, 2, 3, 4]
    assert started[0].config.batch_size == 16
    assert started[0].n_images == 60
    facts = json.loads((tmp_path / "model.json").read_text())
    assert facts["started_from"] == result.started_from == "random weights"
    assert facts["metrics"]["epoch"] == result.epochs == 4
    assert result.steps == 12
    encoder = load_encoder(tmp_path, device="cpu")
    assert encoder.encode(IMAGES[:3]).projections.shape == (3, 8)


def test_crops_have_half_their_side_for_a_share_of_the_training(tmp_path):
    sides = []

    def step(state, crops, **rest):
        sides.append(crops[0].shape[-1])
        state.tally.loss += 0.5
        state.tally.usage += 1
        state.tally.steps += 1
        state.step += 1

    config = replace(SHORT, half_size_share=0.5)
    train(IMAGES, config, tmp_path, parts=RunParts(take_step=step))
    side = SHORT.crops[0].size
    assert sides == [side // 2] * 6 + [side] * 6


def test_metrics_are_shares_of_what_is_possible(tmp_path):
    seen = []
    train(IMAGES, SHORT, tmp_path, on_epoch=seen.append)
    for metrics in seen:
        assert metrics.loss_ratio == pytest.approx(metrics.loss / np.log(10))
        assert 0 <= metrics.usage_entropy <= 1
        assert metrics.epochs == 4


def test_equal_settings_give_equal_models(tmp_path):
    for name in ("one", "two"):
        train(IMAGES, SHORT, tmp_path / name)
    assert_equal_models(tmp_path / "one", tmp_path / "two")


def test_training_leaves_the_global_random_state_alone(tmp_path):
    torch.manual_seed(3)
    wanted = torch.rand(1)
    torch.manual_seed(3)
    train(IMAGES, replace(SHORT, epochs=1), tmp_path)
    assert torch.equal(torch.rand(1), wanted)


def test_a_finished_run_is_not_repeated(tmp_path):
    first = train(IMAGES, SHORT, tmp_path)
    seen = []
    again = train(IMAGES, SHORT, tmp_path, on_epoch=seen.append)
    assert again.was_finished
    assert not seen
    assert again.metrics == first.metrics
    assert again.config == first.config
    other = train(IMAGES, replace(SHORT, epochs=1), tmp_path, on_epoch=seen.append)
    assert not other.was_finished
    assert len(seen) == 1


CHILD = """
import sys
import torch
from pathlib import Path
torch.set_num_threads(1)
sys.path[:0] = [{tests!r}, {samples!r}, {root!r}]
import test_loop
from swav_train import train
from swav_train.run.attempt import RunParts
from swav_train.run.checkpoint import CheckpointParams
train(test_loop.IMAGES, test_loop.LONG, Path({out!r}),
      on_epoch=lambda m: print(m.epoch, flush=True),
      parts=RunParts(checkpoint=CheckpointParams(seconds=0.0, share=1.0)))
"""
LONG = replace(SHORT, epochs=16)


def test_a_killed_run_goes_on_and_ends_as_if_nothing_had_happened(tmp_path):
    out = tmp_path / "killed"
    tests = Path(__file__).parent
    code = CHILD.format(tests=str(tests), samples=str(tests.parent), root=str(ROOT), out=str(out))
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    with child:
        for line in child.stdout:
            if int(line) >= 3:
                child.kill()
                break
    assert child.returncode == -9
    assert (out / "checkpoint" / "state.safetensors").exists()
    assert not (out / "model.json").exists()
    (out / ".metrics.jsonl.partial").write_text("left behind")
    started, seen = [], []
    train(IMAGES, LONG, out, on_start=started.append, on_epoch=seen.append)
    assert 1 <= started[0].resumed_epochs < 16
    assert len(seen) == 16 - started[0].resumed_epochs
    assert not list(out.glob(".*"))
    train(IMAGES, LONG, tmp_path / "whole")
    assert_equal_models(out, tmp_path / "whole")
    losses = [
        [json.loads(line)["loss"] for line in (folder / "metrics.jsonl").read_text().splitlines()]
        for folder in (out, tmp_path / "whole")
    ]
    assert losses[0] == losses[1]


def interrupt(metrics):
    if metrics.epoch == 2:
        raise KeyboardInterrupt


def test_an_interrupt_saves_and_the_next_run_goes_on(tmp_path):
    out = tmp_path / "interrupted"
    with pytest.raises(KeyboardInterrupt):
        train(IMAGES, SHORT, out, on_epoch=interrupt)
    seen = []
    train(IMAGES, SHORT, out, on_epoch=seen.append)
    assert [metrics.epoch for metrics in seen] == [3, 4]
    train(IMAGES, SHORT, tmp_path / "whole")
    assert_equal_models(out, tmp_path / "whole")


@pytest.mark.parametrize(
    ("images", "config"), [(IMAGES, replace(SHORT, seed=5)), (255 - IMAGES, SHORT)]
)
def test_a_checkpoint_of_other_settings_or_images_is_told_and_dropped(tmp_path, images, config):
    with pytest.raises(KeyboardInterrupt):
        train(IMAGES, SHORT, tmp_path, on_epoch=interrupt)
    seen, said, left = [], [], []
    train(
        images,
        config,
        tmp_path,
        on_epoch=seen.append,
        on_retry=said.append,
        on_start=lambda _: left.extend(tmp_path.glob("checkpoint")),
    )
    assert [metrics.epoch for metrics in seen] == [1, 2, 3, 4]
    assert len(said) == 1
    assert "(2 epochs done) is dropped" in said[0]
    assert not left


def test_weights_that_do_not_fit_leave_an_interrupted_run_alone(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        train(IMAGES, SHORT, tmp_path / "a", on_epoch=interrupt)
    save_file({"conv1.weight": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(WeightsUnusable, match="do not fit"):
        train(IMAGES, SHORT, tmp_path / "a", init=tmp_path / "other.safetensors")
    seen, said = [], []
    train(IMAGES, SHORT, tmp_path / "a", on_epoch=seen.append, on_retry=said.append)
    assert [metrics.epoch for metrics in seen] == [3, 4]
    assert not said


def test_a_model_of_other_images_is_not_taken_for_theirs(tmp_path):
    train(IMAGES, SHORT, tmp_path)
    assert not train(255 - IMAGES, SHORT, tmp_path).was_finished
    assert not train(IMAGES, SHORT, tmp_path, images_digest="mine").was_finished
    assert train(255 - IMAGES, SHORT, tmp_path, images_digest="mine").was_finished


def test_a_budget_replaces_the_epochs(tmp_path):
    """A clock that moves a second whenever it is read: a step reads it a few times."""
    ticks = iter(range(1_000_000))
    parts = RunParts(
        read_clock=lambda: float(next(ticks)), checkpoint=CheckpointParams(seconds=1e9)
    )
    seen = []
    result = train(IMAGES, SHORT, tmp_path, budget_seconds=200.0, on_epoch=seen.append, parts=parts)
    assert 0.9 * 200 < result.seconds < 1.1 * 200
    assert seen[-1].learning_rate < 0.05 * SHORT.learning_rate
    assert seen[-1].epoch == seen[-1].epochs == result.epochs
    assert result.config.epochs == result.epochs


@pytest.mark.parametrize("seconds_a_look", [0.5, 5.0, 100.0])
def test_a_budget_that_a_slow_machine_cannot_keep_ends_the_training_all_the_same(
    tmp_path, seconds_a_look
):
    """Describing the images takes longer than the whole budget on these clocks."""
    ticks = itertools.count()
    parts = RunParts(
        read_clock=lambda: seconds_a_look * next(ticks), checkpoint=CheckpointParams(seconds=1e9)
    )
    result = train(IMAGES, SHORT, tmp_path, budget_seconds=5.0, parts=parts)
    assert 1 <= result.steps <= 12
    assert load_encoder(tmp_path, device="cpu").encode(IMAGES[:3]).projections.shape == (3, 8)


def test_images_may_be_a_sequence_of_any_shapes(tmp_path):
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (3, 20 + i % 5, 30), dtype=np.uint8) for i in range(20)]
    result = train(images, replace(SHORT, epochs=1), tmp_path)
    assert result.n_images == 20


def test_fewer_images_than_a_batch_train_too(tmp_path):
    started = []
    train(IMAGES[:5], replace(SHORT, epochs=2), tmp_path, on_start=started.append)
    assert started[0].config.batch_size == 5


def test_a_learning_rate_that_ruins_a_run_is_mended(tmp_path):
    config = replace(SHORT, optimizer="sgd", learning_rate=900.0, epochs=60, precision="float32")
    result = train(IMAGES, config, tmp_path)
    assert "learning_rate 900 -> " in result.mended
    assert result.metrics.loss_ratio < 1


def test_equal_images_are_a_collapse_and_said_to_be(tmp_path):
    images = np.zeros_like(IMAGES)
    config = replace(
        SHORT,
        color_strength=0.0,
        gray_probability=0.0,
        flip=False,
        epochs=60,
        crops=parse_crops("2x16@1-1"),
    )
    with pytest.raises(TrainingDiverged, match="one code"):
        train(images, config, tmp_path)
    assert not (tmp_path / "model.json").exists()


def test_a_model_of_this_package_can_be_the_start(tmp_path):
    train(IMAGES, SHORT, tmp_path / "first")
    init = tmp_path / "first" / "weights.safetensors"
    result = train(IMAGES, replace(SHORT, seed=1), tmp_path / "second", init=init)
    assert result.started_from == "the weights of weights.safetensors"


def test_initial_weights_of_another_network_are_refused(tmp_path):
    train(IMAGES, SHORT, tmp_path / "first")
    init = tmp_path / "first" / "weights.safetensors"
    config = replace(SHORT, backbone="test_vit")
    with pytest.raises(ValueError, match="do not fit backbone test_vit"):
        train(IMAGES, config, tmp_path / "second", init=init)


def test_training_says_what_it_started_from(tmp_path):
    weights = build_backbone(SHORT.backbone, SHORT.stem).state_dict()
    parts = RunParts(read_published=lambda _: (weights, "a test"))
    config = replace(SHORT, pretrained=True, epochs=1)
    assert train(IMAGES, config, tmp_path, parts=parts).started_from == "a test"


@pytest.mark.parametrize("budget_seconds", [0.0, -1.0])
def test_a_budget_of_no_time_is_refused(tmp_path, budget_seconds):
    with pytest.raises(ValueError, match="budget_seconds"):
        train(IMAGES, SHORT, tmp_path, budget_seconds=budget_seconds)


def test_training_says_which_features_were_kept(tmp_path):
    weights = build_backbone(SHORT.backbone, SHORT.stem).state_dict()
    parts = RunParts(read_published=lambda _: (weights, "a test"))
    config = replace(SHORT, pretrained=True, epochs=1)
    kept = train(IMAGES, config, tmp_path, parts=parts).kept
    assert "view agreement" in kept
    assert train(IMAGES, config, tmp_path, parts=parts).kept == kept
    assert train(IMAGES, replace(SHORT, epochs=1), tmp_path / "scratch").kept is None
