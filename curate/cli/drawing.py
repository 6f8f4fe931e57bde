"""Drawings for terminals: curves, bars and tables, none wider than 80 columns."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from curate.cli.screen import make_visible

if TYPE_CHECKING:
    from rich.console import ConsoleOptions
    from rich.measure import Measurement
    from rich.table import Table
    from rich.text import Text

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


def draw_bar(share: float, *, width: int = _BAR_WIDTH) -> str:
    """Return a share of 1 as a bar of at most so many columns, to an eighth of one."""
    eighths = round(max(0.0, min(1.0, share)) * width * 8)
    whole, rest = divmod(eighths, 8)
    return "█" * whole + (_EIGHTHS[rest] if rest else "")


class _Bar:
    """A share of 1 as a bar of as many columns as a narrow terminal leaves it, none if need be."""

    def __init__(self, share: float) -> None:
        """Take the share."""
        self._share = share

    def __rich_measure__(self, *_: object) -> "Measurement":
        from rich.measure import Measurement

        return Measurement(0, _BAR_WIDTH)

    def __rich_console__(self, _: object, options: "ConsoleOptions") -> "Iterator[Text]":
        from rich.text import Text

        yield Text(draw_bar(self._share, width=min(_BAR_WIDTH, options.max_width)))


def draw_table(columns: Sequence[str], rows: Sequence[tuple[Sequence[str], float]]) -> "Table":
    """Return a table: the first column to the left, numbers to the right, a bar at the end.

    Where the terminal is narrow the bars are the first to give way.

    Args:
        columns: Their titles.
        rows: As many texts each, and the share of 1 that the bar shows.
    """
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), header_style="dim")
    table.add_column(columns[0], overflow="ellipsis", no_wrap=True, max_width=24)
    for title in columns[1:]:
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column(style="cyan")  # rich takes the width away from what may be wrapped
    for cells, share in rows:
        table.add_row(*(Text(make_visible(cell)) for cell in cells), _Bar(share))
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
        rows.append(((name, f"{count:,}"), count / max(counts)))
    return draw_table(("images", "clusters"), rows)
