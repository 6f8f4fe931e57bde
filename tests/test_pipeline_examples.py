"""The examples for other engines run where the engine is there, and name what there is."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from curate.cli.stage_commands import ProgramCommands
from tests.conftest import picture, save

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "examples" / "pipelines"
FILES = sorted(EXAMPLES.iterdir())
CALL = re.compile(r"\bcurate ((?:train|cluster|dedup|sample|split|export|prune|run)\b[^\"\n>;]*)")


@pytest.fixture
def folder(tmp_path):
    """Make a folder with images, two of them copies, and a program ``curate``."""
    for number in range(6):
        save(tmp_path / "images" / "a" / f"{number}.png", picture(number))
    save(tmp_path / "images" / "a" / "copy.bmp", picture(0))
    program = tmp_path / "bin" / "curate"
    program.parent.mkdir()
    program.write_text(
        f"#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -c "
        '"from curate.cli.app import main; main()" "$@"\n'
    )
    program.chmod(0o755)
    return tmp_path


def call(words, folder):
    path = f"{folder / 'bin'}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path}
    return subprocess.run(
        words, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_command_in_an_example_is_one_that_there_is(file):
    calls = CALL.findall(file.read_text().replace("\\\n", " "))
    assert calls
    for text in calls:
        filled = re.sub(r"\{[a-z]+\}|\$\(?\{?[A-Z]+\)?\}?", "1", text)
        command, *words = shlex.split(filled, comments=True)
        ProgramCommands().check(command, words)


@pytest.mark.slow
def test_the_night_moves_copies_and_can_be_run_again(folder):
    for _ in range(2):
        done = call(["sh", EXAMPLES / "nightly.sh"], folder)
        assert done.returncode == 0, done.stderr
    assert len(list((folder / "copies" / "a").iterdir())) == 1
    assert len(list((folder / "images" / "a").iterdir())) == 6
    assert "copies moved" in (folder / "night.log").read_text()


@pytest.mark.slow
def test_make_builds_a_subset_once_and_its_check_fails_where_there_are_copies(folder):
    if shutil.which("make") is None:
        pytest.skip("needs make")
    make = ["make", "-f", EXAMPLES / "Makefile"]
    assert call(make, folder).returncode == 0
    assert len(list((folder / "subset" / "a").iterdir())) == 6
    assert "up to date" in call(make, folder).stdout
    assert "Error 10" in call([*make, "check"], folder).stderr


@pytest.mark.slow
def test_the_hook_of_pre_commit_ends_with_ten(folder):
    yaml = pytest.importorskip("yaml")
    content = yaml.safe_load((EXAMPLES / "pre-commit-config.yaml").read_text())
    (folder / ".git").mkdir()
    (hook,) = content["repos"][0]["hooks"]
    assert call(shlex.split(hook["entry"]), folder).returncode == 10


@pytest.mark.slow
def test_dvc_stages_write_what_they_say(folder):
    yaml = pytest.importorskip("yaml")
    content = yaml.safe_load((EXAMPLES / "dvc.yaml").read_text())
    stage = content["stages"]["dedup"]
    assert call(["sh", "-c", stage["cmd"]], folder).returncode == 0
    for out in (*stage["outs"], *stage["metrics"][0]):
        assert (folder / out).is_file()


@pytest.mark.parametrize("name", ["dvc.yaml", "github-workflow.yml", "pre-commit-config.yaml"])
def test_files_of_engines_are_yaml(name):
    yaml = pytest.importorskip("yaml")
    assert isinstance(yaml.safe_load((EXAMPLES / name).read_text()), dict)


@pytest.mark.parametrize("name", ["nightly.sh", "slurm.sh"])
def test_shell_scripts_have_no_mistake_in_their_form(name):
    subprocess.run(["bash", "-n", EXAMPLES / name], check=True)
