"""The examples for other engines run where the engine is there, and name what there is."""

import json
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


def call(words, folder, **variables):
    path = f"{folder / 'bin'}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, **variables}
    return subprocess.run(
        words, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_command_in_an_example_is_one_that_there_is(file):
    calls = CALL.findall(file.read_text().replace("\\\n", " "))
    assert calls
    for text in calls:
        filled = re.sub(r"\$?\{[^{}]+\}|\$\(?[A-Z]+\)?", "1", text)
        command, *words = shlex.split(filled, comments=True)
        ProgramCommands().check(command, words)


@pytest.mark.slow
def test_the_night_moves_copies_and_can_be_run_again(folder):
    for _ in range(2):
        done = call(["sh", EXAMPLES / "nightly.sh"], folder)
        assert done.returncode == 0, done.stderr
    assert len(list((folder / "copies" / "a").iterdir())) == 1
    assert len(list((folder / "images" / "a").iterdir())) == 6
    assert "1 copy moved" in (folder / "night.log").read_text()


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
    for command in stage["cmd"]:
        assert call(["sh", "-c", command], folder).returncode == 0
    for out in (*stage["outs"], *stage["metrics"][0], *stage["plots"][0]):
        assert (folder / out).is_file()


def need(program):
    if shutil.which(program) is None:
        pytest.skip(f"needs {program} on the PATH")


@pytest.mark.slow
def test_dvc_runs_what_changed_and_reads_metrics_and_plots(folder):
    need("dvc")
    need("git")
    text = (EXAMPLES / "dvc.yaml").read_text().replace("size: 100", "size: 4")
    (folder / "dvc.yaml").write_text(text)
    for words in (["git", "init", "-q"], ["dvc", "init", "-q"], ["dvc", "repro"]):
        done = call(words, folder, DVC_NO_ANALYTICS="1")
        assert done.returncode == 0, done.stderr
    metrics = json.loads(call(["dvc", "metrics", "show", "--json"], folder).stdout)
    assert metrics[""]["data"]["dedup.json"]["data"]["n_duplicates"] == 1
    plots = json.loads(call(["dvc", "plots", "show", "--json"], folder).stdout)
    (drawn,) = plots["data"]["copies.json"]
    counts = {row["match"]: row["n_images"] for row in drawn["content"]["data"]["values"]}
    assert counts["pixels"] == 1
    assert "up to date" in call(["dvc", "repro"], folder).stdout


@pytest.mark.slow
def test_snakemake_makes_the_list_once(folder):
    need("snakemake")
    words = ["snakemake", "--cores", "1", "--snakefile", EXAMPLES / "Snakefile"]
    done = call([*words, "--directory", folder], folder)
    assert done.returncode == 0, done.stderr
    assert len((folder / "subset" / "images.txt").read_text().splitlines()) == 6
    assert "Nothing to be done" in call([*words, "--directory", folder], folder).stderr


@pytest.mark.slow
def test_the_flow_of_prefect_exports_and_can_be_run_again(folder):
    need("prefect")
    python = Path(shutil.which("prefect")).with_name("python")
    for _ in range(2):
        done = call(
            [python, EXAMPLES / "prefect_flow.py"],
            folder,
            PREFECT_HOME=str(folder / "prefect"),
            PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS="300",
            DO_NOT_TRACK="1",
        )
        assert done.returncode == 0, done.stderr
        assert "1 of 7 images are copies" in done.stdout
        assert len(list((folder / "subset" / "a").iterdir())) == 6


def test_the_flow_of_prefect_is_python():
    compile((EXAMPLES / "prefect_flow.py").read_text(), "prefect_flow.py", "exec")


def test_the_workflow_of_github_has_the_form_that_github_asks_for():
    need("check-jsonschema")
    schema = ["--builtin-schema", "vendor.github-workflows"]
    words = ["check-jsonschema", *schema, EXAMPLES / "github-workflow.yml"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_hook_has_the_form_that_pre_commit_asks_for():
    need("pre-commit")
    words = ["pre-commit", "validate-config", EXAMPLES / "pre-commit-config.yaml"]
    subprocess.run(words, check=True)


@pytest.mark.parametrize("name", ["nightly.sh", "slurm.sh"])
def test_shellcheck_has_nothing_to_say_of_shell_scripts(name):
    need("shellcheck")
    done = subprocess.run(["shellcheck", EXAMPLES / name], capture_output=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", ["dvc.yaml", "github-workflow.yml", "pre-commit-config.yaml"])
def test_files_of_engines_are_yaml(name):
    yaml = pytest.importorskip("yaml")
    assert isinstance(yaml.safe_load((EXAMPLES / name).read_text()), dict)


@pytest.mark.parametrize("name", ["nightly.sh", "slurm.sh"])
def test_shell_scripts_have_no_mistake_in_their_form(name):
    subprocess.run(["bash", "-n", EXAMPLES / name], check=True)
