import io
import json

import pytest
from rich.console import Console
from rich.progress import Progress as Bars

from curate.cli.screen import (
    BarProgress,
    LineProgress,
    _create_bars,
    format_rate,
    print_json,
    say,
    show_progress,
    wrap_line,
)
from curate.progress import Silent, task


def test_plain_progress_is_a_line_at_the_end_and_the_last_status(capsys):
    progress = LineProgress()
    with task(progress, "scan", 3):
        progress.advance(2)
        progress.advance()
    with task(progress, "train", 2):
        progress.advance(2)
        progress.status("loss 0.5")
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["scan: 3/3", "train: 2/2, loss 0.5"]


def test_plain_progress_of_a_long_task_has_lines_between(capsys):
    progress = LineProgress(seconds_between_lines=0)
    with task(progress, "scan", None):
        progress.advance()
        progress.note("one is broken")
        progress.advance()
    lines = [line.partition(",")[0] for line in capsys.readouterr().err.splitlines()]
    assert lines == ["scan: 1", "one is broken", "scan: 2"]


def test_a_task_without_a_step_leaves_no_line(capsys):
    with task(LineProgress(), "scan", 0):
        pass
    assert capsys.readouterr().err == ""


def test_bars_count_the_steps_of_each_task():
    bars = Bars(console=Console(file=io.StringIO()))
    progress = BarProgress(bars)
    with bars:
        with task(progress, "scan", 3):
            progress.advance(2)
        with task(progress, "train", 5):
            progress.status("loss 0.5")
            progress.note("a fact")
    counts = [(bar.description, bar.completed, bar.fields["status"]) for bar in bars.tasks]
    assert counts == [("scan", 2, ""), ("train", 0, "loss 0.5")]


@pytest.mark.parametrize(
    ("n", "seconds", "told"),
    [(2_000, 0.0008, ""), (0, 9, ""), (3, 2, "1.5/s"), (90_000, 60, "1,500/s")],
)
def test_what_was_known_already_has_no_rate(n, seconds, told):
    assert format_rate(n, seconds) == told


def test_a_long_status_stands_below_its_bar_in_one_line_of_80_columns():
    bars, screen = _create_bars(), Console(file=io.StringIO(), width=80)
    progress = BarProgress(bars)
    with task(progress, "train, seconds", 15):
        progress.advance(4)
        progress.status("epoch 3, loss/log K 0.859, usage 0.94, 118 images/s, " + "more " * 20)
    screen.print(bars.get_renderable())
    lines = screen.file.getvalue().splitlines()
    assert len(lines) == 2
    assert "4/15" in lines[0]
    assert lines[1].startswith("  epoch 3, loss/log K 0.859, usage 0.94, 118 images/s")
    assert max(map(len, lines)) <= 80


def test_a_summary_breaks_between_words_and_hangs_below_its_text():
    line = "  view agreement   0.049  (how often the nearest view is of the same image)"
    assert wrap_line(line, None) == wrap_line(line, 80) == [line]
    assert wrap_line(line, 40) == [
        "  view agreement   0.049  (how often the",
        "                   nearest view is of",
        "                   the same image)",
    ]


def test_what_is_there_to_be_copied_is_never_broken():
    path = "/a/folder-of/" + "long" * 30 + ".parquet"
    assert path in wrap_line(f"manifest: {path}", 80)
    assert wrap_line(f"next: curate dedup {path} --out b", 40) == [
        f"next: curate dedup {path} --out b"
    ]


def test_progress_is_silent_where_that_is_wanted_and_lines_without_a_terminal():
    with show_progress(is_silent=True) as progress:
        assert isinstance(progress, Silent)
    with show_progress(is_silent=False) as progress:
        assert isinstance(progress, LineProgress)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain é 漢 ▁.jpg", "plain é 漢 ▁.jpg"),
        ("\x1b[2J\x1b]0;t\x07", r"\x1b[2J\x1b]0;t\x07"),
        ("two\nlines\r\t", r"two\nlines\r\t"),
        ("\u202egnp.exe\u2066", r"\u202egnp.exe\u2066"),
        ("\x9b31m\x7f\u2028", r"\x9b31m\x7f\u2028"),
        ("caf\udce9", r"caf\udce9"),
    ],
)
def test_what_a_terminal_would_obey_is_escaped(capsys, text, shown):
    say(text)
    assert capsys.readouterr().err == f"{shown}\n"


def test_json_keeps_every_name_as_it_is(capsys):
    content = {"path": "é\x1b[2J\u202e\udce9"}
    print_json(content)
    printed = capsys.readouterr().out
    assert json.loads(printed) == content
    assert printed.isascii()
