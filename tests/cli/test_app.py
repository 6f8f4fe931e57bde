import errno
import gc
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from curate.cli.app import build_app, main

SMALL = "--epochs 1 --image-size 32 --batch-size 8 --prototypes 6 --device cpu".split()


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run the program in an empty folder; return exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CURATE_WORKSPACE", raising=False)

    def run_main(*arguments, **options):
        with pytest.raises(SystemExit) as caught:
            main([str(argument) for argument in arguments], **options)
        output = capsys.readouterr()
        return caught.value.code, output.out, output.err

    return run_main


@pytest.fixture
def mistakes(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "a.jpg").write_bytes(b"no image")
    (tmp_path / "not.parquet").write_text("no manifest")
    return tmp_path


MISTAKES = [
    (2, "nonsense"),
    (2, "train images --no-such-option"),
    (2, "train images --epochs -1"),
    (2, "train images --epochs 1 --budget 1m"),
    (2, "train images --budget soon"),
    (2, "train images --backbone no_such_net"),
    (2, "train images --name ../out"),
    (2, "cluster images --assign evenly"),
    (2, "sample m.parquet"),
    (2, "dedup images --level twins"),
    (2, "dedup images --precision 7"),
    (3, "train nowhere"),
    (3, "train empty"),
    (3, "train bad"),
    (3, "dedup nowhere --out x.parquet"),
    (3, "dedup empty --out x.parquet"),
    (3, "dedup bad --out x.parquet"),
    (3, "dedup"),
    (3, "cluster"),
    (3, "embed images"),
    (3, "info"),
    (3, "sample not.parquet --size 3"),
    (3, "sample nowhere.parquet --size 3"),
    (3, "export not.parquet --to out"),
    (3, "dedup not.parquet"),
]


@pytest.mark.parametrize(("code", "line"), MISTAKES)
def test_a_mistake_is_one_error_and_one_hint(run, mistakes, images, code, line):
    before = sorted(path.name for path in mistakes.iterdir())
    exit_code, out, err = run(*line.split())
    assert exit_code == code, err
    assert out == ""
    lines = err.splitlines()
    assert [text.partition(":")[0] for text in lines[-2:]] == ["error", "hint"], err
    assert "Traceback" not in err
    left = {path.name for path in mistakes.iterdir()} - set(before)
    assert left <= {".curate"}
    assert not left or (mistakes / ".curate/workspace.json").is_file()


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("train images --backbone no_such_net", "name a network of timm"),
        ("dedup bad --out x.parquet", "can be reached and are whole"),
        ("train images --start scratch --pretrained", "give one of them"),
    ],
)
def test_a_hint_is_about_the_mistake(run, mistakes, images, line, hint):
    _, _, err = run(*line.split())
    assert hint in err.splitlines()[-1]


def test_several_sources_are_told_one_after_the_other_from_here(run, images, tmp_path):
    assert run("dedup", images / "red", images / "blue", "-q")[0] == 0
    _, _, err = run("info")
    assert "source     images/red, images/blue" in err.splitlines()


@pytest.mark.parametrize("line", ["train nowhere --json", "nonsense --json", "info --json"])
def test_with_json_a_mistake_is_an_object_too(run, line):
    code, out, _ = run(*line.split())
    mistake = json.loads(out)
    assert mistake["exit_code"] == code
    assert mistake["error"]
    assert mistake["hint"]


def test_a_workspace_of_another_version_is_refused(run, images, tmp_path):
    (tmp_path / ".curate").mkdir()
    (tmp_path / ".curate" / "workspace.json").write_text('{"format": 99}')
    code, _, err = run("train", images, *SMALL)
    assert code == 3
    assert "format 99" in err


def test_a_full_disk_is_reported_and_leaves_nothing_half_written(
    run, images, tmp_path, monkeypatch
):
    import pyarrow.parquet

    def full(*_args, **_options):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(pyarrow.parquet, "ParquetWriter", full)
    code, _, err = run("dedup", images, "--out", "m.parquet")
    assert code == 4
    assert "no space left" in err
    assert not list(tmp_path.rglob("*.partial"))
    assert not (tmp_path / "m.parquet").exists()
    monkeypatch.undo()


def test_a_place_that_cannot_be_written_is_reported_before_the_work(run, images):
    code, _, err = run("dedup", images, "--out", "/proc/m.parquet")
    assert code in (3, 4)
    assert "cannot be written" in err


def test_ctrl_c_exits_with_130_and_says_that_state_is_saved(run):
    def cluster():
        raise KeyboardInterrupt

    code, _, err = run("cluster", program=build_app([cluster]))
    assert code == 130
    assert err.splitlines()[-2] == "error: interrupted"


def test_a_bug_keeps_its_traceback():
    def train():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        main(["train"], program=build_app([train]))


def test_only_the_program_itself_leaves_its_garbage_to_the_end_of_the_process(monkeypatch, capsys):
    frozen = []
    monkeypatch.setattr(gc, "freeze", lambda: frozen.append(True))
    for arguments in (["--version"], None):
        monkeypatch.setattr(sys, "argv", ["curate", "--version"])
        with pytest.raises(SystemExit):
            main(arguments)
    assert frozen == [True]
    assert "curate" in capsys.readouterr().out


def test_help_and_version_need_no_workspace(run):
    assert run("--version")[:2] == (0, "curate 0.1.0\n")
    assert run()[0] == 0


def test_the_whole_chain_speaks_json(run, images, tmp_path):
    results = {}
    for line in (
        f"train {images} {' '.join(SMALL)}",
        "embed",
        "cluster --out m.parquet --labels folder",
        "dedup",
        "sample m.parquet --size 9 --out s.parquet",
        "export s.parquet --to out --as copy",
        "info",
    ):
        code, out, err = run(*line.split(), "--json")
        assert (code, err) == (0, ""), err
        results[line.split()[0]] = json.loads(out)
    assert results["train"]["n_images"] == 25
    assert results["cluster"]["n_unreadable"] == 2
    assert results["dedup"]["n_duplicates"] >= 2
    assert results["export"]["n_images"] == 9
    assert len(results["info"]["manifests"]) == 1
    assert sum(path.is_file() for path in (tmp_path / "out").rglob("*")) == 9


def test_quiet_says_nothing_and_plain_output_ends_with_the_next_step(run, images):
    assert run("train", images, *SMALL, "-q") == (0, "", "")
    code, out, err = run("cluster")
    assert (code, out) == (0, "")
    assert err.splitlines()[-1] == "next: curate dedup manifest.parquet"


def test_check_exits_with_ten_where_copies_are_found(run, images, tmp_path):
    assert run("dedup", images, "--check")[0] == 10
    shutil.rmtree(images / "red")
    assert run("dedup", images, "--check")[0] == 0


def test_options_that_all_commands_have_may_stand_in_the_environment(run, images, monkeypatch):
    monkeypatch.setenv("CURATE_JSON", "1")
    monkeypatch.setenv("CURATE_WORKSPACE", "elsewhere")
    code, out, err = run("dedup", images, "--level", "bytes")
    assert (code, err) == (0, "")
    assert json.loads(out)["n_duplicates"] == 1
    assert json.loads(run("info")[1])["workspace"].endswith("elsewhere")
    assert json.loads(run("dedup", "nowhere")[1])["exit_code"] == 3


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_given_for_the_shell_that_is_used(shell):
    code = "import sys; sys.argv = ['curate']; from curate.cli.app import main; main()"
    line = {"COMP_WORDS": "curate ded", "COMP_CWORD": "1", "_TYPER_COMPLETE_ARGS": "curate ded"}
    asked = {"_CURATE_COMPLETE": f"complete_{shell}", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    root = str(Path(__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **line, **asked, "PYTHONPATH": root},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "dedup" in done.stdout


def test_it_is_a_module_that_runs():
    done = subprocess.run(
        [sys.executable, "-m", "curate", "dedup", "nowhere"],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.splitlines()[0] == "error: nowhere does not exist"


def test_json_lines_are_events_that_end_with_the_result(run, images):
    code, out, err = run("dedup", images, "--level", "bytes", "--json-lines")
    events = [json.loads(line) for line in out.splitlines()]
    assert (code, err) == (0, "")
    assert events[0]["event"] == "begin"
    assert {
        key: event[key]
        for event in events
        if event["event"] == "end"
        for key in ("task", "done", "total")
    } == {"task": "scan", "done": 28, "total": 28}
    assert events[-1]["event"] == "result"
    assert events[-1]["result"]["n_duplicates"] == 1


def test_a_mistake_is_the_last_of_the_json_lines(run):
    code, out, err = run("dedup", "nowhere", "--json-lines")
    event = json.loads(out.splitlines()[-1])
    assert (event["event"], event["exit_code"]) == ("error", code) == ("error", 3)
    assert "error: " in err
    assert run("info", "--json", "--json-lines")[0] == 2


def test_the_log_has_what_was_told_though_nothing_was_shown(run, images, tmp_path):
    assert run("dedup", images, "--level", "bytes", "-q", "--log", "logs/night.log") == (0, "", "")
    assert run("info", "-w", "nowhere", "--log", "logs/night.log")[0] == 3
    lines = (tmp_path / "logs" / "night.log").read_text().splitlines()
    assert any("scan: 28/28" in line for line in lines)
    assert any("1 group, 1 image (" in line for line in lines)
    assert any("error: " in line for line in lines)
    assert all(line[:2] == "20" and "+00:00 " in line for line in lines)


def test_a_pipeline_keeps_its_stages_to_one_object_and_one_log(run, images, tmp_path):
    (tmp_path / "p.toml").write_text('images = "images"\n[dedup]\nlevel = "bytes"\n[split]\n')
    code, out, err = run("run", "p.toml", "--json", "--log", "night.log", "--jobs", "1")
    assert (code, err) == (0, "")
    steps = json.loads(out)["steps"]
    assert [step["name"] for step in steps] == ["dedup", "split"]
    assert steps[0]["result"]["n_duplicates"] == 1
    assert "split runs" in (tmp_path / "night.log").read_text()


def test_the_error_of_a_file_that_is_no_log_is_not_added_to_it(run, tmp_path):
    (tmp_path / "notes.txt").write_text("my notes\n")
    code, _, err = run("info", "--log", "notes.txt")
    assert (code, "not a log that curate wrote" in err) == (3, True)
    assert (tmp_path / "notes.txt").read_text() == "my notes\n"


@pytest.mark.parametrize(
    "line",
    ["dedup|", "train|", "dedup|images|--out|", "dedup|images|--out=", "search||--by|copies"],
)
def test_an_empty_argument_is_not_the_folder_that_one_is_in(run, images, line):
    code, _, err = run(*line.split("|"))
    assert (code, "is empty" in err) == (2, True)
    assert [text.partition(":")[0] for text in err.splitlines()] == ["error", "hint"]


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("dedup|", "an argument"),
        ("dedup|--quiet|", "an argument"),
        ("dedup|-q|", "an argument"),
        ("dedup|--|", "an argument"),
        ("dedup|--target|", "an argument"),
        ("nonsense|--out|", "an argument"),
        ("dedup|--out|", "the value of --out"),
        ("dedup|--out=", "the value of --out"),
        ("info|-w|", "the value of -w"),
        ("info|--log|", "the value of --log"),
    ],
)
def test_what_is_empty_is_the_value_of_an_option_only_after_one_that_takes_a_value(run, line, what):
    _, _, err = run(*line.split("|"))
    assert err.splitlines()[0] == f"error: {what} is empty"


def test_a_flag_with_an_equals_sign_is_told_as_such(run):
    _, _, err = run("dedup", "--quiet=")
    assert "'--quiet' does not take a value" in err


@pytest.mark.parametrize(("code", "line"), [(3, "dedup nowhere"), (2, "dedup --no-such-option")])
def test_tracebacks_that_are_asked_for_change_nothing_else(run, monkeypatch, code, line):
    plain = run(*line.split())
    monkeypatch.setenv("CURATE_DEBUG", "1")
    found, out, err = run(*line.split())
    assert (found, out) == (code, plain[1])
    assert "Traceback" in err
    assert err.endswith(plain[2])
