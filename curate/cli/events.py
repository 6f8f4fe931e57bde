"""Progress for machines, and for two listeners at once."""

import time
from collections.abc import Callable
from typing import Any

from curate.progress import Progress

Write = Callable[[dict[str, Any]], None]


class EventProgress:
    """Progress as events: ``begin``, ``progress``, ``note``, ``end``, with seconds since 1970."""

    def __init__(self, write: Write, *, seconds_between_events: float = 1.0) -> None:
        """Begin without a task.

        Args:
            write: Takes the events.
            seconds_between_events: Least time between two ``progress`` events of a task.
        """
        self._write = write
        self._seconds_between_events = seconds_between_events
        self._task: dict[str, Any] = {}
        self._status = ""
        self._event_time = 0.0

    def begin(self, title: str, total: int | None) -> None:
        """Tell that a task begins."""
        self._task = {"task": title, "done": 0, "total": total}
        self._status, self._event_time = "", time.monotonic()
        self._tell("begin")

    def advance(self, steps: int = 1) -> None:
        """Count steps, and tell how many there are if that was not told lately."""
        self._task["done"] += steps
        if time.monotonic() - self._event_time >= self._seconds_between_events:
            self._event_time = time.monotonic()
            self._tell("progress", **({"status": self._status} if self._status else {}))

    def note(self, text: str) -> None:
        """Tell a fact."""
        self._write({"event": "note", "time": time.time(), "text": text})

    def status(self, text: str) -> None:
        """Keep a text for the next event."""
        self._status = text

    def end(self) -> None:
        """Tell that the task ended."""
        self._tell("end")

    def _tell(self, event: str, **more: str) -> None:
        self._write({"event": event, "time": time.time(), **self._task, **more})


class BothProgress:
    """Progress that two hear."""

    def __init__(self, first: Progress, second: Progress) -> None:
        """Name both."""
        self._both = (first, second)

    def begin(self, title: str, total: int | None) -> None:
        """Tell both of the task."""
        for one in self._both:
            one.begin(title, total)

    def advance(self, steps: int = 1) -> None:
        """Tell both of the steps."""
        for one in self._both:
            one.advance(steps)

    def note(self, text: str) -> None:
        """Tell both the fact."""
        for one in self._both:
            one.note(text)

    def status(self, text: str) -> None:
        """Tell both the status."""
        for one in self._both:
            one.status(text)

    def end(self) -> None:
        """Tell both that the task ended."""
        for one in self._both:
            one.end()
