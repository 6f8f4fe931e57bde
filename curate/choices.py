"""The closed choices, which every floor speaks."""

from collections.abc import Iterable
from enum import StrEnum


class Status(StrEnum):
    """Whether an image can be used; ``own`` is what curate made itself, which no manifest lists."""

    OK = "ok"
    UNREADABLE = "unreadable"
    OWN = "own"


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


class Quota(StrEnum):
    """How a sample is shared out over groups; a file of shares is the other way."""

    EQUAL = "equal"
    PROPORTIONAL = "proportional"
    COMPLEXITY = "complexity"


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


def closest(name: str, choices: Iterable[str]) -> str:
    """Return " (did you mean X?)" for the nearest of ``choices``, or nothing."""
    from difflib import get_close_matches

    near = get_close_matches(name, list(choices), n=1)
    return f" (did you mean {near[0]}?)" if near else ""
