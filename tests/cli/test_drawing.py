import io

import pytest
from rich.console import Console

from curate.cli.drawing import draw_bar, draw_curve, draw_histogram, draw_table
from curate.cli.screen import Drawing, run_stage
from curate.stages.split import SplitResult


def render(drawing, width=80):
    stream = io.StringIO()
    Console(file=stream, width=width).print(drawing)
    return stream.getvalue()


def test_a_histogram_counts_every_cluster_once_in_at_most_ten_ranges():
    lines = render(draw_histogram([1, 2, 3, 50, 100, 100])).splitlines()
    counts = [int(line.split("█")[0].split()[-1]) for line in lines if "to" in line]
    assert sum(counts) == 6
    assert len(counts) <= 10


def test_equal_sizes_are_one_range():
    assert "█" * 24 in render(draw_histogram([7, 7, 7]))


def test_bars_and_curves_have_a_greatest_width():
    assert (draw_bar(0), draw_bar(1), draw_bar(9)) == ("", "█" * 24, "█" * 24)
    assert len(draw_curve([0.5] * 1000)) <= 40


def test_no_table_is_wider_than_80_columns():
    name = "a very long name of a split that nobody would ever want " * 2
    table = draw_table(("split", "images", "share", "asked"), [((name, "1", "1", "1"), 1)])
    assert max(map(len, render(table).splitlines())) <= 80


@pytest.mark.parametrize("width", [80, 60, 40])
def test_on_a_narrow_terminal_bars_give_way_before_words_and_numbers(width):
    rows = [(("semantic", "1,234", "12,345", "999.9 MB"), 1.0), (("near", "1", "1", "1 kB"), 0.5)]
    lines = render(draw_table(("evidence", "groups", "images", "size"), rows), width).splitlines()
    assert max(map(len, lines)) <= width
    long = next(line for line in lines if "semantic" in line)
    assert long.split()[:5] == ["semantic", "1,234", "12,345", "999.9", "MB"]
    short = next(line for line in lines if "near" in line)
    assert abs(long.count("█") - 2 * short.count("█")) <= 1


def test_a_drawing_is_plain_lines_where_there_is_no_terminal(capsys):
    result = SplitResult(manifest="m", n_images={}, empty=[], ratios={}, n_units=0, n_straddling=0)
    part = Drawing(draw=lambda: "drawn", plain=["plain"])
    run_stage(lambda _: result, lambda _: ["first", part], as_json=False, is_quiet=False)
    assert capsys.readouterr().err.splitlines() == ["first", "plain"]
