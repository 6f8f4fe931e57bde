"""Drawings for terminals: curves, bars and tables, none wider than 80 columns."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from curate.cli.screen import make_visible

if TYPE_CHECKING:
    from rich.table import Table

_LEVELS = "▁▂▃▄▅▆▇█"
_EIGHTHS = " ▏▎▍▌▋▊▉█"
_CURVE_WIDTH = 40
_BAR_WIDTH = 24
_MOST_BINS = 10


def draw_curve(values: Sequence[float]) -> str:
    """Return values from 0 to 1 as a line of bars, at most 40; a bar may stand for several."""
    values_per_bar = max(1, -(-len(values) // _CURVE_WIDTH))
    starts = range(0, len(values), values_per_bar)
    parts = [values[start : start + values_per_bar] for start in starts]
    means = [sum(part) / len(part) for part in parts]
    return "".join(_LEVELS[min(7, max(0, int(mean * 8)))] for mean in means)


def draw_bar(share: float) -> str:
    """Return a share of 1 as a bar of at most 24 columns, to an eighth of one."""
    eighths = round(max(0.0, min(1.0, share)) * _BAR_WIDTH * 8)
    whole, rest = divmod(eighths, 8)
    return "█" * whole + (_EIGHTHS[rest] if rest else "")


def draw_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> "Table":
    """Return a table: the first column to the left, numbers to the right, a bar at the end.

    Args:
        columns: Their titles; the last is that of the bar.
        rows: As many texts each.
    """
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="dim")
    table.add_column(columns[0], overflow="ellipsis", max_width=24)
    for title in columns[1:-1]:
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column(columns[-1], style="cyan", no_wrap=True)
    for row in rows:
        table.add_row(*(Text(make_visible(cell)) for cell in row))
    return table


def draw_histogram(sizes: Sequence[int]) -> "Table":
    """Return how many clusters have which size, at most ten ranges of equal width."""
    low, high = min(sizes), max(sizes)
    width = max(1, -(-(high - low + 1) // _MOST_BINS))
    n_bins = (high - low) // width + 1
    counts = [0] * n_bins
    for size in sizes:
        counts[(size - low) // width] += 1
    rows = []
    for number, count in enumerate(counts):
        first = low + number * width
        last = min(first + width - 1, high)
        name = f"{first:,}" if first == last else f"{first:,} to {last:,}"
        rows.append((name, f"{count:,}", draw_bar(count / max(counts))))
    return draw_table(("images", "clusters", ""), rows)
