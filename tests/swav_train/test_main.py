import errno

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps
from safetensors.torch import save_file

from swav_train import __main__ as command
from swav_train.files import lock_folder
from swav_train.networks.encoder import load_encoder
from tests.swav_train.swav_samples import noise_images


@pytest.fixture
def folder(tmp_path):
    source = tmp_path / "images"
    for i, pixels in enumerate(noise_images(24, 40)):
        path = source / f"part{i % 2}" / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0))[:30]).save(path)
    (source / "broken.jpg").write_bytes(b"no image")
    (source / ".hidden.png").write_bytes(b"no image")
    return source


def call(*arguments):
    return command.main([str(argument) for argument in arguments])


def test_a_folder_becomes_a_model(folder, tmp_path, capsys):
    out = tmp_path / "model"
    options = ["--device", "cpu", "--set", "epochs=2", "--set", "backbone=test_resnet"]
    assert call(folder, "--out", out, *options) == 0
    printed = capsys.readouterr()
    assert "24 images" in printed.out
    assert "epoch 2/2" in printed.out
    assert "broken.jpg" in printed.err
    assert load_encoder(out, device="cpu").dim > 1


@pytest.mark.parametrize("name", ["holiday.jpg", "weights.safetensors"])
def test_a_folder_with_anything_of_mine_gets_no_model(folder, tmp_path, capsys, name):
    out = tmp_path / "mine"
    out.mkdir()
    (out / name).write_text("mine")
    assert call(folder, "--out", out, "--device", "cpu") == 3
    assert f"holds {name}" in capsys.readouterr().err
    assert [path.name for path in out.iterdir()] == [name]


def test_aspects_are_those_of_the_files(folder):
    pixels, aspects = command.read_squares(command.list_images(folder), 16)
    assert pixels.shape == (24, 3, 16, 16)
    assert np.allclose(aspects, 40 / 30)


def said(capsys):
    """Return the error that was told, which has a hint below it."""
    return told(capsys)[0]


def told(capsys):
    """Return the error that was told and its hint."""
    error, hint = capsys.readouterr().err.splitlines()
    assert (error[:7], hint[:6]) == ("error: ", "hint: ")
    return error, hint


@pytest.mark.parametrize(
    "setting",
    [
        "epochs", "speed=3", "epochs=0", "epochs=x", "epochs=2.5", "epochs=true", "crops=3",
        "crops=x", "flip=3", "stem=x", "stem=3", "device=3", "backbone=resnet81", "backbone=3",
        "learning_rate=x", "pretrained=1",
    ],
)  # fmt: skip
def test_a_wrong_setting_is_an_error_with_a_hint_and_exit_code_2(folder, tmp_path, capsys, setting):
    out = tmp_path / "model"
    assert call(folder, "--device", "cpu", "--out", out, "--set", setting) == 2
    assert setting.partition("=")[0] in said(capsys)
    assert not out.exists()


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ("--device tpu", "write --device"),
        ("--budget -1", "write --budget 600"),
        ("--budget nan", "write --budget 600"),
        ("--budget inf", "write --budget 600"),
        ("--set epochs=0", "write --set epochs=20"),
        ("--set device=cuda:99", "write --set epochs=20"),
    ],
)
def test_a_wrong_option_is_exit_code_2_and_its_own_hint_before_any_image_is_read(
    folder, tmp_path, capsys, monkeypatch, words, hint
):
    monkeypatch.setattr(command, "read_squares", None)
    assert call(folder, "--out", tmp_path / "model", *words.split()) == 2
    error, advice = told(capsys)
    option = words.split()[0] if "set" not in words else words.split()[1].partition("=")[0]
    assert option.strip("-") in error
    assert hint in advice
    assert not (tmp_path / "model").exists()


def test_the_second_gpu_is_not_taken_for_the_first(monkeypatch):
    monkeypatch.setattr(command, "resolve_device", torch.device)
    options = command.build_parser().parse_args(["images", "--device", "cuda:1"])
    assert command.make_config(options, n_images=100, side_px=32).device == "cuda:1"


@pytest.mark.parametrize("words", [[], ["a", "b"], ["a", "--budget", "soon"]])
def test_words_that_are_not_understood_are_exit_code_2(capsys, words):
    with pytest.raises(SystemExit) as left:
        call(*words)
    assert left.value.code == 2
    assert said(capsys)


def test_a_folder_without_images_is_exit_code_3(tmp_path, capsys):
    assert call(tmp_path) == 3
    assert "no readable images" in said(capsys)


def test_a_folder_that_is_not_there_is_told_to_be_none(tmp_path, capsys):
    (tmp_path / "a.jpg").touch()
    assert call(tmp_path / "nowhere") == 3
    assert f"no folder at {tmp_path / 'nowhere'}" in said(capsys)
    assert call(tmp_path / "a.jpg") == 3
    assert "is a file, not a folder" in said(capsys)


def test_a_place_that_cannot_be_written_is_exit_code_3(folder, tmp_path, capsys):
    (tmp_path / "file").touch()
    for place in ("/proc/x", tmp_path / "file", tmp_path / "file" / "x"):
        assert call(folder, "--device", "cpu", "--out", place) == 3
        assert str(place) in said(capsys)


def test_weights_that_are_not_there_are_exit_code_3_before_any_image_is_read(
    folder, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(command, "list_images", None)
    options = ["--device", "cpu", "--out", tmp_path / "model", "--set", "backbone=test_resnet"]
    assert call(folder, *options, "--init", tmp_path / "gone.safetensors") == 3
    error, hint = told(capsys)
    assert "gone.safetensors" in error
    assert "--init" in hint


@pytest.fixture
def start(folder, tmp_path):
    """Return a function that trains for two epochs on what is readable."""
    (folder / "broken.jpg").unlink()
    options = "--device cpu --set epochs=2 --set backbone=test_resnet".split()
    return lambda *words: call(folder, "--out", tmp_path / "model", *options, *words)


def test_a_model_that_was_finished_before_is_told_and_of_other_images_it_is_another(
    start, folder, capsys
):
    assert start() == 0
    assert "finished before" not in capsys.readouterr().out
    assert start() == 0
    assert "finished before; the model is in" in capsys.readouterr().out
    first, second = folder / "part0/0.png", folder / "part1/1.png"
    with Image.open(second) as image:
        ImageOps.invert(image).save(first)
    assert start() == 0
    assert "epoch 2/2" in capsys.readouterr().out


def test_weights_of_another_backbone_are_exit_code_3(start, tmp_path, capsys):
    save_file({"conv1.weight": torch.zeros(1)}, tmp_path / "other.safetensors")
    assert start("--init", tmp_path / "other.safetensors") == 3
    assert "--init" in told(capsys)[1]


def test_a_full_disk_is_exit_code_4_and_no_fault_of_the_options(start, capsys, monkeypatch):
    def fill(*_args, **_options):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(command, "train", fill)
    assert start() == 4
    error, hint = told(capsys)
    assert "No space left" in error
    assert "--init" not in hint


def test_a_fault_of_the_training_is_not_taken_for_a_mistake(start, monkeypatch):
    def fail(*_args, **_options):
        raise ValueError("shapes differ")

    monkeypatch.setattr(command, "train", fail)
    with pytest.raises(ValueError, match="shapes differ"):
        start()


def test_a_folder_that_another_training_writes_is_exit_code_4(start, tmp_path, capsys):
    with lock_folder(tmp_path / "model"):
        assert start() == 4
    assert "another training" in said(capsys)


def test_one_image_is_exit_code_3(folder, tmp_path, capsys):
    one = tmp_path / "one"
    one.mkdir()
    (folder / "part0/0.png").rename(one / "0.png")
    assert call(one, "--device", "cpu", "--out", tmp_path / "model") == 3
    assert "only one readable image" in said(capsys)
    (one / "1.png").write_bytes(b"no image")
    assert call(one, "--device", "cpu", "--out", tmp_path / "model") == 3
    assert "only one readable image" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "value"), [("a=3", 3), ("a=0.5", 0.5), ("a=true", True), ("a=2x32", "2x32")]
)
def test_settings_have_the_kind_they_look_like(text, value):
    assert command.parse_setting(text) == ("a", value)
