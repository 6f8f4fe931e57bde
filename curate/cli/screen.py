"""What a person or a pipeline sees: progress and summaries on stderr, JSON on stdout."""

import json
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypeVar

from curate.progress import Progress, Silent

if TYPE_CHECKING:
    from _typeshed import DataclassInstance
    from rich.progress import Progress as Bars

    Result = TypeVar("Result", bound=DataclassInstance)

_SECONDS_BETWEEN_LINES = 10.0


def run_stage(
    work: "Callable[[Progress], Result]",
    describe: "Callable[[Result], Iterable[str]]",
    *,
    as_json: bool,
    is_quiet: bool,
) -> "Result":
    """Run a stage under its progress, then show what it did."""
    with _Screen(is_silent=as_json or is_quiet) as screen:
        result = work(screen.progress)
    if as_json:
        print_json(asdict(result))
    elif not is_quiet:
        for line in describe(result):
            say(line)
    return result


def say(line: str) -> None:
    """Write a line to stderr."""
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - the place that prints


def print_json(content: dict[str, Any]) -> None:
    """Write one JSON object to stdout."""
    print(json.dumps(content, ensure_ascii=False, default=str))  # noqa: T201 - the place that prints


class _Screen:
    """Chooses how progress is shown: bars on a terminal, plain lines elsewhere, or not at all."""

    def __init__(self, *, is_silent: bool) -> None:
        self.progress: Progress
        self._bars: Bars | None = None
        if is_silent:
            self.progress = Silent()
        elif sys.stderr.isatty():
            self._bars = _bars()
            self.progress = _OnTerminal(self._bars)
        else:
            self.progress = _InLines()

    def __enter__(self) -> "_Screen":
        if self._bars is not None:
            self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bars is not None:
            self._bars.stop()


class _InLines:
    """Progress as plain lines, not too many."""

    def __init__(self) -> None:
        self._title = ""
        self._total: int | None = None
        self._done = 0
        self._began = self._told = 0.0
        self._status = ""

    def begin(self, title: str, total: int | None) -> None:
        self._title, self._total, self._done, self._status = title, total, 0, ""
        self._began = self._told = time.monotonic()

    def advance(self, steps: int = 1) -> None:
        self._done += steps
        if time.monotonic() - self._told >= _SECONDS_BETWEEN_LINES:
            self._line()

    def note(self, text: str) -> None:
        say(text)

    def status(self, text: str) -> None:
        self._status = text

    def end(self) -> None:
        if self._done:
            self._line()

    def _line(self) -> None:
        self._told = time.monotonic()
        rate = self._done / max(self._told - self._began, 1e-9)
        of = f"/{self._total:,}" if self._total is not None else ""
        said = self._status or f"{rate:,.0f}/s"
        say(f"{self._title}: {self._done:,}{of}, {said}")


class _OnTerminal:
    """Progress as bars with rate and time left."""

    def __init__(self, bars: "Bars") -> None:
        self._bars = bars
        self._task: Any = None
        self._title = ""

    def begin(self, title: str, total: int | None) -> None:
        self._title = title
        self._task = self._bars.add_task(title, total=total, status="")

    def advance(self, steps: int = 1) -> None:
        self._bars.advance(self._task, steps)

    def note(self, text: str) -> None:
        self._bars.console.print(text, highlight=False, markup=False)

    def status(self, text: str) -> None:
        self._bars.update(self._task, status=text)

    def end(self) -> None:
        self._bars.stop_task(self._task)


def _bars() -> "Bars":
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
        """Steps per second, or the status where the stage tells one."""

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
