"""How a long stage tells what it does; the command line draws it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Progress(Protocol):
    """Hears how a long stage gets on; the command line draws it."""

    def begin(self, title: str, total: int | None) -> None:
        """Start a task of ``total`` steps, or of an unknown number."""

    def advance(self, steps: int = 1) -> None:
        """Count steps of the current task."""

    def note(self, text: str) -> None:
        """Tell one fact worth a line."""

    def status(self, text: str) -> None:
        """Tell how the current task stands; the next status replaces it."""

    def end(self) -> None:
        """Close the current task."""


class Silent:
    """A progress that nobody watches."""

    def begin(self, title: str, total: int | None) -> None:
        """Ignore the start."""

    def advance(self, steps: int = 1) -> None:
        """Ignore the steps."""

    def note(self, text: str) -> None:
        """Ignore the fact."""

    def status(self, text: str) -> None:
        """Ignore the status."""

    def end(self) -> None:
        """Ignore the end."""


@contextmanager
def task(progress: Progress, title: str, total: int | None) -> Iterator[None]:
    """Open a task of ``progress`` and close it whatever happens."""
    progress.begin(title, total)
    try:
        yield
    finally:
        progress.end()
