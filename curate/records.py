"""The small types that every floor speaks: closed choices, progress."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Protocol


class Status(StrEnum):
    """Whether an image can be used."""

    OK = "ok"
    UNREADABLE = "unreadable"


class Labels(StrEnum):
    """Where labels come from."""

    NONE = "none"
    FOLDER = "folder"


class Assign(StrEnum):
    """How images are given to prototypes."""

    NEAREST = "nearest"
    BALANCED = "balanced"


class Level(StrEnum):
    """How far down the ladder of evidence to go; each rung includes those above it."""

    BYTES = "bytes"
    PIXELS = "pixels"
    NEAR = "near"
    SEMANTIC = "semantic"

    @property
    def rank(self) -> int:
        """Return the place on the ladder, 1 for the strongest evidence."""
        return 1 + list(Level).index(self)


class KeepPolicy(StrEnum):
    """What makes an image the one to keep."""

    BEST = "best"
    LARGEST = "largest"
    OLDEST = "oldest"
    NEWEST = "newest"
    SHORTEST_PATH = "shortest-path"
    FIRST = "first"
    CENTRAL = "central"
    OUTLYING = "outlying"


class SearchBy(StrEnum):
    """What makes an image of the workspace like a picture."""

    FEATURES = "features"
    COPIES = "copies"


class Within(StrEnum):
    """Which images of a group a sample takes first."""

    RANDOM = "random"
    CENTRAL = "central"
    DIVERSE = "diverse"


class ExportAs(StrEnum):
    """How images are taken out."""

    SYMLINK = "symlink"
    HARDLINK = "hardlink"
    COPY = "copy"
    TAR = "tar"
    PARQUET = "parquet"
    LIST = "list"
    COCO = "coco"
    FIFTYONE = "fiftyone"


class Layout(StrEnum):
    """Where exported images go below the folder."""

    TREE = "tree"
    FLAT = "flat"
    SPLIT_LABEL = "split/label"


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


def closest(name: str, choices: Iterable[str]) -> str:
    """Return " (did you mean X?)" for the nearest of ``choices``, or nothing."""
    from difflib import get_close_matches

    near = get_close_matches(name, list(choices), n=1)
    return f" (did you mean {near[0]}?)" if near else ""
