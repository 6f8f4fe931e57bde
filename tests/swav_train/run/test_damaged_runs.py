"""What a training left behind is looked at before it is used."""

import numpy as np
import pytest

from swav_train import load_encoder, train
from swav_train.errors import DamagedFile
from tests.swav_train.swav_samples import SHORT, noise_images

IMAGES = noise_images(60)


def flip(path, part=0.5):
    raw = bytearray(path.read_bytes())
    raw[int(len(raw) * part)] ^= 4
    path.write_bytes(raw)


def begin(out):
    """Leave a training behind that was interrupted after its second epoch."""

    def interrupt(metrics):
        if metrics.epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(IMAGES, SHORT, out, on_epoch=interrupt)
    assert (out / "checkpoint" / "state.safetensors").exists()


@pytest.mark.parametrize("part", [0.01, 0.5, 0.99])
def test_a_damaged_checkpoint_is_told_and_training_begins_anew(tmp_path, part):
    begin(tmp_path / "a")
    flip(tmp_path / "a" / "checkpoint" / "state.safetensors", part)
    told = []
    mended = train(IMAGES, SHORT, tmp_path / "a", on_retry=told.append)
    straight = train(IMAGES, SHORT, tmp_path / "b")
    assert len(told) == 1
    assert "begins anew" in told[0]
    assert mended.metrics.loss == straight.metrics.loss


def test_another_whole_file_in_the_place_of_a_checkpoint_is_told(tmp_path):
    begin(tmp_path / "a")
    straight = train(IMAGES, SHORT, tmp_path / "b")
    weights = (tmp_path / "b" / "weights.safetensors").read_bytes()
    (tmp_path / "a" / "checkpoint" / "state.safetensors").write_bytes(weights)
    told = []
    mended = train(IMAGES, SHORT, tmp_path / "a", on_retry=told.append)
    assert len(told) == 1
    assert "it is not a checkpoint" in told[0]
    assert mended.metrics.loss == straight.metrics.loss


def test_damaged_measures_do_not_pass_for_those_of_the_run(tmp_path):
    begin(tmp_path / "a")
    flip(tmp_path / "a" / "metrics.jsonl", 0.2)
    told = []
    train(IMAGES, SHORT, tmp_path / "a", on_retry=told.append)
    assert len(told) == 1


def test_damaged_weights_are_not_loaded_and_not_taken_for_finished(tmp_path):
    train(IMAGES, SHORT, tmp_path)
    before = (tmp_path / "weights.safetensors").read_bytes()
    flip(tmp_path / "weights.safetensors", 0.7)
    with pytest.raises(DamagedFile, match="weights are not those"):
        load_encoder(tmp_path)
    again = train(IMAGES, SHORT, tmp_path)
    assert not again.was_finished
    assert (tmp_path / "weights.safetensors").read_bytes() == before
    assert np.isfinite(again.metrics.loss)
