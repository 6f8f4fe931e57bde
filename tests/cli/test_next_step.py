"""The last line of a command names one that works as it stands, typed into a shell."""

import shlex
import shutil
import tarfile
from dataclasses import replace

import pytest

from curate import TrainConfig, train
from curate.cli.app import main
from curate.workspace.workspace import Workspace
from tests.conftest import picture, save


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run the program in an empty folder; return its exit code and the lines that it told."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CURATE_WORKSPACE", raising=False)

    def run_main(*words):
        with pytest.raises(SystemExit) as caught:
            main([str(word) for word in words])
        return caught.value.code, capsys.readouterr().err.splitlines()

    return run_main


@pytest.fixture
def go_on(run):
    """Run a command, and the one that its last line tells; return both lines that they tell."""

    def run_both(*words):
        code, lines = run(*words)
        assert code == 0, lines
        verb, _, command = lines[-1].partition(": ")
        assert verb in ("next", "undo"), lines
        program, *following = shlex.split(command)
        assert program == "curate"
        code, told = run(*following)
        assert code == 0, (command, told)
        return command, told

    return run_both


@pytest.fixture
def few(tmp_path):
    for seed in range(8):
        save(tmp_path / "images" / f"{seed}.png", picture(seed))
    save(tmp_path / "images" / "copy.bmp", picture(0))
    return tmp_path / "images"


def test_without_clusters_a_report_follows_under_any_name(go_on, few):
    command, _ = go_on("dedup", few, "--out", "ü 日's.parquet", "--workspace", "my space")
    assert shlex.split(command) == [
        "curate", "report", "ü 日's.parquet", "--workspace", "my space",
    ]  # fmt: skip


def test_a_sample_follows_of_as_many_images_as_there_are(go_on, trained, tmp_path):
    for name in ("images", ".curate"):
        shutil.copytree(trained / name, tmp_path / name)
    command, _ = go_on("cluster", "images", "--out=-m.parquet")
    assert command == "curate dedup ./-m.parquet"
    command, _ = go_on("dedup", "./-m.parquet")
    assert command == "curate sample ./-m.parquet --size 24"
    (tmp_path / "subset").mkdir()
    command, _ = go_on("sample", "./-m.parquet", "--size", "5")
    assert command == "curate export sample.parquet --to subset-2"


def test_of_archives_an_export_follows_that_takes_the_bytes_along(go_on, few, tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        archive.add(few, "images")
    go_on("dedup", "a.tar")
    command, _ = go_on("sample", "manifest.parquet", "--size", "2", "--by", "format")
    assert command == "curate export sample.parquet --to subset --as copy"
    assert len(list((tmp_path / "subset/a.tar/images").iterdir())) == 2


def test_a_sample_of_images_that_are_out_of_reach_is_drawn_all_the_same(run, few, tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        archive.add(few, "images")
    assert run("dedup", "a.tar")[0] == 0
    (tmp_path / "a.tar").unlink()
    code, lines = run("sample", "manifest.parquet", "--size", "2", "--by", "format")
    assert code == 0
    assert lines[-1] == "next: curate export sample.parquet --to subset --as copy"


def test_an_export_from_within_the_images_goes_out_of_them(go_on, few, tmp_path, monkeypatch):
    monkeypatch.chdir(few)
    go_on("dedup", ".", "--workspace", "../w", "--out", "../m.parquet")
    command, _ = go_on("sample", "../m.parquet", "--size", "2", "--by", "format")
    assert "--to ../subset" in command
    assert (tmp_path / "subset").is_dir()


def test_a_model_that_is_not_the_usual_one_is_named(go_on, few, tmp_path):
    config = TrainConfig(epochs=1, image_size=32, batch_size=2, prototypes=2, device="cpu")
    for name in ("default", "mine"):
        train(few, replace(config, name=name), workspace=tmp_path / "w")
    assert Workspace(tmp_path / "w").models() == ["default", "mine"]
    command, _ = go_on("embed", few, "--model", "mine", "-w", "w")
    assert command == "curate cluster --out manifest.parquet --model mine --workspace w"


def test_what_can_be_undone_is(go_on, few):
    go_on("dedup", few, "--out", "m n.parquet")
    command, told = go_on("prune", "m n.parquet", "--move", "gone", "--yes")
    assert command == "curate restore 'm n.prune-1.jsonl'"
    assert told[-1].startswith("1 file brought back")


def test_nothing_is_told_to_undo_where_that_cannot_be(run, few):
    run("dedup", few)
    code, lines = run("prune", "manifest.parquet", "--delete", "--yes")
    assert (code, lines[-1]) == (0, "what is deleted does not come back")
    code, lines = run("restore", "manifest.prune-1.jsonl")
    assert (code, lines[2]) == (3, "  1 not: deleted, which nothing undoes")
    code, lines = run("prune", "manifest.parquet", "--delete", "--yes")
    assert (code, lines[-1]) == (3, "no file was touched, and no journal is kept")


def test_the_example_pipeline_is_checked_next(go_on, run, few):
    command, _ = go_on("run", "--init", "my pipeline.toml")
    assert command == "curate run 'my pipeline.toml' --dry-run"
    _, lines = run("run", "--init", "my pipeline.toml")
    assert lines[-1] == "hint: name another file: `curate run 'my pipeline2.toml' --init`"


def test_what_lies_below_the_working_directory_is_called_from_there(run, few):
    run("dedup", few, "--out", few.parent / "m.parquet")
    code, lines = run("dedup")  # the workspace knows the manifest by its whole path
    assert code == 0
    assert "manifest: m.parquet" in lines
    assert lines[-1] == "next: curate report m.parquet"
