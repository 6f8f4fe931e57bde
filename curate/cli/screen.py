"""What commands print: progress and summaries on stderr, JSON on stdout."""

import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypeVar

from curate.progress import Progress, Silent

if TYPE_CHECKING:
    from _typeshed import DataclassInstance
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

    Result = TypeVar("Result", bound=DataclassInstance)


def run_stage(
    work: "Callable[[Progress], Result]",
    describe: "Callable[[Result], Iterable[str]]",
    *,
    as_json: bool,
    is_quiet: bool,
) -> "Result":
    """Run a stage, show its progress and then its result; return the result.

    Args:
        work: Runs the stage.
        describe: Turns the result into lines of text.
        as_json: Whether the result is printed as JSON, and nothing else is.
        is_quiet: Whether nothing is printed.
    """
    with show_progress(is_silent=as_json or is_quiet) as progress:
        result = work(progress)
    if as_json:
        print_json(asdict(result))
    elif not is_quiet:
        for line in describe(result):
            say(line)
    return result


def say(line: str) -> None:
    """Write a line to stderr; what in a name would steer the terminal is escaped."""
    print(make_visible(line), file=sys.stderr, flush=True)  # noqa: T201 - the place that prints


def make_visible(text: str) -> str:
    r"""Return a text of one line in which all that a terminal would obey, not show, is escaped.

    Names of files and labels may hold line breaks, escape sequences that move the cursor or rename
    the window, marks that turn the order of the letters around, and bytes that are no text.

    >>> print(make_visible("a\x1b[2J\n.jpg"))
    a\x1b[2J\n.jpg
    """
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else _escape(one) for one in text)


def _escape(one: str) -> str:
    return one.encode("unicode_escape").decode("ascii")


def print_json(content: dict[str, Any]) -> None:
    """Write one JSON object to stdout.

    It is ASCII where a name in it has bytes that are no text, or marks that a terminal would obey:
    the same object, in escapes.
    """
    text = json.dumps(content, ensure_ascii=False, default=str)
    if not text.isprintable():
        text = json.dumps(content, default=str)
    print(text)  # noqa: T201 - the place that prints


@contextmanager
def show_progress(*, is_silent: bool) -> Iterator[Progress]:
    """Give a progress that is shown as bars on a terminal, as plain lines elsewhere, or not."""
    if is_silent:
        yield Silent()
    elif not sys.stderr.isatty():
        yield LineProgress()
    else:
        with _create_bars() as bars:
            yield BarProgress(bars)


class LineProgress:
    """Progress as plain lines, for logs."""

    def __init__(self, *, seconds_between_lines: float = 10.0) -> None:
        """Begin without a task.

        Args:
            seconds_between_lines: Least time between two lines of one task; the last line of a task
                is always written.
        """
        self._seconds_between_lines = seconds_between_lines
        self._title = ""
        self._total: int | None = None
        self._n_done = 0
        self._start_time = self._line_time = 0.0
        self._status = ""

    def begin(self, title: str, total: int | None) -> None:
        """Start a task."""
        self._title, self._total, self._n_done, self._status = title, total, 0, ""
        self._start_time = self._line_time = time.monotonic()

    def advance(self, steps: int = 1) -> None:
        """Count steps, and write a line if the last one is old."""
        self._n_done += steps
        if time.monotonic() - self._line_time >= self._seconds_between_lines:
            self._write_line()

    def note(self, text: str) -> None:
        """Write one fact."""
        say(text)

    def status(self, text: str) -> None:
        """Show a text in place of the rate."""
        self._status = text

    def end(self) -> None:
        """Write the last line, unless nothing was done."""
        if self._n_done:
            self._write_line()

    def _write_line(self) -> None:
        self._line_time = time.monotonic()
        rate = self._n_done / max(self._line_time - self._start_time, 1e-9)
        of_total = f"/{self._total:,}" if self._total is not None else ""
        status = self._status or f"{rate:,.0f}/s"
        say(f"{self._title}: {self._n_done:,}{of_total}, {status}")


class BarProgress:
    """Progress as bars with rate and time left, for terminals."""

    def __init__(self, bars: "Bars") -> None:
        """Draw on bars that are started and stopped by the caller."""
        self._bars = bars
        self._task: TaskID

    def begin(self, title: str, total: int | None) -> None:
        """Add a bar."""
        self._task = self._bars.add_task(title, total=total, status="")

    def advance(self, steps: int = 1) -> None:
        """Move the bar."""
        self._bars.advance(self._task, steps)

    def note(self, text: str) -> None:
        """Print one fact above the bars."""
        self._bars.console.print(make_visible(text), highlight=False, markup=False)

    def status(self, text: str) -> None:
        """Show a text in place of the rate."""
        self._bars.update(self._task, status=text)

    def end(self) -> None:
        """Stop the clock of the bar."""
        self._bars.stop_task(self._task)


def _create_bars() -> "Bars":
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Rate(ProgressColumn):
        """Steps per second, or the status if the task has one."""

        def render(self, task: Task) -> Text:
            if task.fields.get("status"):
                return Text(str(task.fields["status"]))
            speed = task.finished_speed or task.speed
            return Text(f"{speed:,.0f}/s" if speed else "")

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
        Rate(),
        console=Console(stderr=True),
    )
