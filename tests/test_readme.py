"""Runs what the README and the docs show, in an empty folder, on a small folder of images."""

import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()
IMAGE = "images/red/000.png"
QUICK = ["--epochs", "1", "--image-size", "32", "--batch-size", "8", "--prototypes", "6"]


def console_commands(text):
    blocks = re.findall(r"```console\n(.*?)```", text, re.DOTALL)
    return [line[2:] for block in blocks for line in block.splitlines() if line.startswith("$ ")]


@pytest.mark.slow
def test_every_command_that_the_readme_shows_runs(images, tmp_path):
    """As shown, but training is kept short, and images and sizes are those of a small folder."""
    curate = Path(sys.executable).with_name("curate")
    commands = console_commands(README)
    assert len(commands) >= 6
    for line in commands:
        words = shlex.split(line)
        assert words[0] == "curate"
        if words[1] == "train":
            words = [word for word in words if not re.fullmatch(r"--budget|\d+[smh]", word)] + QUICK
        words = [IMAGE if word.startswith("images/") else word for word in words]
        if "--size" in words:
            words[words.index("--size") + 1] = "9"
        done = subprocess.run(
            [curate, *words[1:]], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        wanted = (0, 10) if "--check" in words else (0,)
        assert done.returncode in wanted, f"{line}\n{done.stderr}"


def test_the_pythons_of_the_readme_run(trained, tmp_path, monkeypatch):
    monkeypatch.chdir(trained)
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    quick = code.replace('train("images")', 'train("images", QUICK)')
    assert quick != code
    from curate import TrainConfig

    config = TrainConfig(epochs=2, image_size=32, batch_size=8, prototypes=6, device="cpu")
    exec(compile(quick, "README.md", "exec"), {"QUICK": config})
    assert (trained / "manifest.parquet").is_file()


def test_the_pythons_of_the_docs_run(trained, tmp_path, monkeypatch):
    shutil.copytree(trained, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs/python.md").read_text(), re.DOTALL)
    exec(compile(code, "python.md", "exec"), {})


def test_the_make_targets_that_the_readme_names_exist():
    targets = set(re.findall(r"^    make (\w+)", README, re.MULTILINE))
    assert targets >= {"demo", "test"}
    done = subprocess.run(
        ["make", "-n", *sorted(targets)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_links_lead_to_files():
    for document in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/*.md")]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text()):
            assert (document.parent / target).is_file(), f"{document.name}: {target}"


def test_the_version_is_written_once():
    from curate import __version__

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert "version" in project["dynamic"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", __version__)
