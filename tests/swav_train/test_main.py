import numpy as np
import pytest
from PIL import Image

from swav_train import __main__ as command
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
    error, hint = capsys.readouterr().err.splitlines()
    assert (error[:7], hint[:6]) == ("error: ", "hint: ")
    return error


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


@pytest.mark.parametrize("words", [["--device", "tpu"], ["--budget", "-1"]])
def test_a_wrong_option_is_exit_code_2(folder, capsys, words):
    assert call(folder, *words) == 2
    assert words[0].strip("-") in said(capsys)


@pytest.mark.parametrize("words", [[], ["a", "b"], ["a", "--budget", "soon"]])
def test_words_that_are_not_understood_are_exit_code_2(capsys, words):
    with pytest.raises(SystemExit) as left:
        call(*words)
    assert left.value.code == 2
    assert said(capsys)


def test_a_folder_without_images_is_exit_code_3(tmp_path, capsys):
    assert call(tmp_path) == 3
    assert "no readable images" in said(capsys)


def test_a_place_that_cannot_be_written_is_exit_code_3(folder, tmp_path, capsys):
    (tmp_path / "file").touch()
    for place in ("/proc/x", tmp_path / "file", tmp_path / "file" / "x"):
        assert call(folder, "--device", "cpu", "--out", place) == 3
        assert str(place) in said(capsys)


def test_weights_that_are_not_there_are_exit_code_3(folder, tmp_path, capsys):
    (folder / "broken.jpg").unlink()
    options = ["--device", "cpu", "--out", tmp_path / "model", "--set", "backbone=test_resnet"]
    assert call(folder, *options, "--init", tmp_path / "gone.safetensors") == 3
    assert "gone.safetensors" in said(capsys)


@pytest.mark.parametrize(
    ("text", "value"), [("a=3", 3), ("a=0.5", 0.5), ("a=true", True), ("a=2x32", "2x32")]
)
def test_settings_have_the_kind_they_look_like(text, value):
    assert command.parse_setting(text) == ("a", value)
