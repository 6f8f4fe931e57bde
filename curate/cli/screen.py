"""What commands print: progress and summaries on stderr, JSON on stdout."""

import json
import re
import shutil
import sys
import textwrap
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import typer

from curate.cli.events import BothProgress, EventProgress
from curate.cli.session import Session, output, session
from curate.progress import Progress, Silent
from curate.workspace.bucket_address import show_addresses

if TYPE_CHECKING:
    from _typeshed import DataclassInstance
    from rich.console import RenderableType
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

    Result = TypeVar("Result", bound=DataclassInstance)

_LEAST_SECONDS = 1.0  # of a task whose rate is told


def run_stage(
    work: "Callable[[Progress], Result]",
    describe: "Callable[[Result], Iterable[str | Drawing]]",
    *,
    as_json: bool,
    is_quiet: bool,
    holds_stages: bool = False,
) -> "Result":
    """Run a stage, show its progress and then its result; return the result.

    In a session of a pipeline the result goes to that, or, where it only checks, nothing is run.

    Args:
        work: Runs the stage.
        describe: Turns the result into lines of text and drawings.
        as_json: Whether the result is printed as JSON, and nothing else is.
        is_quiet: Whether nothing is printed.
        holds_stages: Whether the work is made of stages, which show their own progress.
    """
    here = session()
    if here.is_check:
        raise typer.Exit
    if here.takes_results:
        as_json, is_quiet = False, here.is_silent
    is_silent = as_json or is_quiet
    with show_progress(is_silent=is_silent, is_plain=holds_stages) as progress:
        if holds_stages:
            with Session(is_silent=is_silent):
                result = work(progress)
        else:
            result = work(progress)
    here.results.append(asdict(result))
    _show_result(result, describe, as_json=as_json, is_quiet=is_quiet)
    return result


def _show_result(
    result: "Result",
    describe: "Callable[[Result], Iterable[str | Drawing]]",
    *,
    as_json: bool,
    is_quiet: bool,
) -> None:
    """Print a result, and add it to the log."""
    is_event = output().is_json_lines
    if is_event:
        print_json({"event": "result", "time": time.time(), "result": asdict(result)})
    elif as_json:
        print_json(asdict(result))
    for part in describe(result):
        for line in [part] if isinstance(part, str) else part.plain:
            output().add_to_log(line)
        if not (is_event or as_json or is_quiet):
            _print_part(part)


@dataclass(frozen=True, kw_only=True, slots=True)
class Drawing:
    """A part of a summary that is drawn on a terminal, and is plain lines elsewhere.

    Attributes:
        draw: Gives what Rich draws.
        plain: The lines.
    """

    draw: "Callable[[], RenderableType]"
    plain: Sequence[str] = ()


def _print_part(part: str | Drawing) -> None:
    if isinstance(part, str):
        for line in wrap_line(make_visible(show_addresses(part)), _find_width()):
            say(line)
    elif sys.stderr.isatty():
        from rich.console import Console

        Console(stderr=True, highlight=False).print(part.draw())
    else:
        for line in part.plain:
            say(line)


def _find_width() -> int | None:
    """Return the columns of the terminal, None where there is none."""
    return shutil.get_terminal_size().columns if sys.stderr.isatty() else None


def wrap_line(line: str, width: int | None) -> list[str]:
    """Return a line in parts that a terminal does not break within words.

    The parts hang below the text of the first. What is there to be copied is left whole: paths and
    other long words, and a line that names the next command.

    Args:
        line: Such as ``  advice   few images``.
        width: Columns, or None to leave the line as it is.
    """
    if width is None or len(line) <= width or line.startswith(("next: ", "undo: ")):
        return [line]
    lead = re.match(r" *(?:\S+(?: \S+)* {2,})?", line)
    hang = lead.end() if lead is not None else 0
    return textwrap.wrap(
        line,
        width,
        subsequent_indent=" " * (hang if hang <= width // 2 else 4),
        break_long_words=False,
        break_on_hyphens=False,
        replace_whitespace=False,
        expand_tabs=False,
    )


def say(line: str) -> None:
    """Write a line to stderr; what in a name would steer the terminal is escaped."""
    print(make_visible(show_addresses(line)), file=sys.stderr, flush=True)  # noqa: T201 - the place that prints


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
    text = show_addresses(json.dumps(content, ensure_ascii=False, default=str))
    if not text.isprintable():
        text = show_addresses(json.dumps(content, default=str))
    print(text, flush=True)  # noqa: T201 - the place that prints


@contextmanager
def show_progress(*, is_silent: bool, is_plain: bool = False) -> Iterator[Progress]:
    """Give a progress that is shown as the output asks.

    Args:
        is_silent: Whether nothing is shown on the terminal.
        is_plain: Whether it is shown as lines on a terminal too, among bars of others.
    """
    with ExitStack() as stack:
        shown: Progress
        if output().is_json_lines:
            shown = EventProgress(print_json)
        elif is_silent:
            shown = Silent()
        elif is_plain or not sys.stderr.isatty():
            shown = LineProgress()
        else:
            shown = BarProgress(stack.enter_context(_create_bars()))
        if output().log is not None:
            shown = BothProgress(shown, LineProgress(write=output().add_to_log))
        yield shown


class LineProgress:
    """Progress as plain lines, for logs."""

    def __init__(
        self, *, seconds_between_lines: float = 10.0, write: Callable[[str], None] | None = None
    ) -> None:
        """Begin without a task.

        Args:
            write: Takes the lines; None writes them to stderr.
            seconds_between_lines: Least time between two lines of one task; the last line of a task
                is always written.
        """
        self._seconds_between_lines = seconds_between_lines
        self._write = write or say
        self._title = ""
        self._total: int | None = None
        self._n_done = 0
        self._told = (0, "")  # steps and status of the last line
        self._start_time = self._line_time = 0.0
        self._status = ""

    def begin(self, title: str, total: int | None) -> None:
        """Start a task."""
        self._title, self._total, self._n_done, self._status = title, total, 0, ""
        self._told = (0, "")
        self._start_time = self._line_time = time.monotonic()

    def advance(self, steps: int = 1) -> None:
        """Count steps, and write a line if the last one is old."""
        self._n_done += steps
        if time.monotonic() - self._line_time >= self._seconds_between_lines:
            self._write_line()

    def note(self, text: str) -> None:
        """Write one fact."""
        self._write(text)

    def status(self, text: str) -> None:
        """Show a text in place of the rate."""
        self._status = text

    def end(self) -> None:
        """Write the last line, unless nothing was done or it stands there already."""
        if self._n_done and self._told != (self._n_done, self._status):
            self._write_line()

    def _write_line(self) -> None:
        self._line_time = time.monotonic()
        self._told = (self._n_done, self._status)
        of_total = f"/{self._total:,}" if self._total is not None else ""
        told = self._status or format_rate(self._n_done, self._line_time - self._start_time)
        self._write(", ".join(filter(None, [f"{self._title}: {self._n_done:,}{of_total}", told])))


def format_rate(n_done: float, seconds: float) -> str:
    """Return steps per second; nothing for less than a second, which is start-up or known work."""
    if seconds < _LEAST_SECONDS or not n_done:
        return ""
    rate = n_done / seconds
    return f"{rate:,.0f}/s" if rate >= 10 else f"{rate:.1f}/s"


class BarProgress:
    """Progress as bars with rate and time left, for terminals."""

    def __init__(self, bars: "Bars") -> None:
        """Draw on bars that are started and stopped by the caller."""
        self._bars = bars
        self._task: TaskID
        self._is_counted = True

    def begin(self, title: str, total: int | None) -> None:
        """Add a bar."""
        self._is_counted = total is not None
        self._task = self._bars.add_task(
            title, total=total, visible=total != 0, status="", is_counted=self._is_counted
        )

    def advance(self, steps: int = 1) -> None:
        """Move the bar."""
        self._bars.advance(self._task, steps)

    def note(self, text: str) -> None:
        """Print one fact above the bars."""
        text = make_visible(show_addresses(text))
        self._bars.console.print(text, highlight=False, markup=False)

    def status(self, text: str) -> None:
        """Show a text in place of the rate."""
        self._bars.update(self._task, status=text)

    def end(self) -> None:
        """Stop the clock of the bar; one whose end was not known is full now."""
        self._bars.stop_task(self._task)
        if not self._is_counted:
            n_done = next(one.completed for one in self._bars.tasks if one.id == self._task)
            self._bars.update(self._task, total=n_done or 1, completed=n_done or 1)


def _create_bars() -> "Bars":
    from rich.console import Console, RenderableType
    from rich.progress import (
        BarColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Count(ProgressColumn):
        """Steps done and of how many, if that is known."""

        def render(self, task: Task) -> Text:
            if not task.fields.get("is_counted"):
                return Text()
            return Text(f"{task.completed:,.0f}/{task.total:,.0f}", justify="right")

    class Rate(ProgressColumn):
        """Steps per second, unless the task has a status."""

        def render(self, task: Task) -> Text:
            if task.fields.get("status") or not task.fields.get("is_counted"):
                return Text()
            return Text(format_rate(task.completed, task.elapsed or 0.0))

    class BarsWithStatus(Progress):
        """Bars, and the status of the newest below them: beside its bar it would be wrapped."""

        def get_renderables(self) -> Iterable[RenderableType]:
            yield self.make_tasks_table(self.tasks)
            status = self.tasks[-1].fields.get("status") if self.tasks else ""
            if status:
                yield Text(f"  {status}", no_wrap=True, overflow="ellipsis", style="dim")

    return BarsWithStatus(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        Count(),
        TimeRemainingColumn(elapsed_when_finished=True),
        Rate(),
        console=Console(stderr=True),
    )
