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


@pytest.mark.parametrize("setting", ["epochs", "speed=3", "epochs=0", "backbone=resnet81"])
def test_a_wrong_setting_is_one_line_and_exit_code_3(folder, capsys, setting):
    assert call(folder, "--device", "cpu", "--set", setting) == 3
    assert capsys.readouterr().err.splitlines()[-1].startswith("error: ")


def test_a_folder_without_images_is_exit_code_3(tmp_path, capsys):
    assert call(tmp_path) == 3
    assert "no readable images" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "value"), [("a=3", 3), ("a=0.5", 0.5), ("a=true", True), ("a=2x32", "2x32")]
)
def test_settings_have_the_kind_they_look_like(text, value):
    assert command.parse_setting(text) == ("a", value)
