import pytest

from curate.cli.info import curve
from curate.cli.options import seconds_of, size, span
from curate.cli.screen import _InLines
from curate.errors import UsageError
from curate.progress import task


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90s", 90), ("20m", 1200), ("1h30m", 5400), ("1.5h", 5400), ("2M", 120)],
)
def test_spans_of_time_are_read(text, seconds):
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "-5m", "0s", "5d", "m"])
def test_other_texts_are_no_span(text):
    with pytest.raises(UsageError):
        seconds_of(text)


def test_spans_and_sizes_are_shown_for_people():
    assert [span(s) for s in (0.5, 42, 482, 3900)] == ["0.5s", "42s", "8m 02s", "1h 05m"]
    assert [size(n) for n in (12, 1200, 3.4e9, 5e12)] == ["12 B", "1.2 kB", "3.4 GB", "5.0 TB"]


def test_a_curve_has_a_bar_a_value_up_to_forty():
    assert curve([1.0, 0.5, 0.0]) == "█▅▁"
    assert len(curve([0.5] * 1000)) == 40


def test_plain_progress_is_a_line_at_the_end_and_the_last_status(capsys):
    progress = _InLines()
    with task(progress, "scan", 3):
        progress.advance(2)
        progress.advance()
    with task(progress, "train", 2):
        progress.advance(2)
        progress.status("loss 0.5")
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("scan: 3/3, ")
    assert lines[1:] == ["train: 2/2, loss 0.5"]
