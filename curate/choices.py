"""The closed choices, which every floor speaks."""

import re
from collections.abc import Iterable
from enum import StrEnum
from typing import TypeVar

from curate.errors import UsageError

Choice = TypeVar("Choice", bound=StrEnum)


class Status(StrEnum):
    """Whether an image can be used; ``own`` is what curate made itself, which no manifest lists."""

    OK = "ok"
    UNREADABLE = "unreadable"
    OWN = "own"


class Labels(StrEnum):
    """Where labels come from, if not from a file or a pattern (`curate.annotations`)."""

    NONE = "none"
    FOLDER = "folder"
    SOURCE = "source"


class Assign(StrEnum):
    """How images are given to prototypes."""

    NEAREST = "nearest"
    BALANCED = "balanced"


class Recipe(StrEnum):
    """Settings of a training that others published."""

    PAPER = "paper"


class Start(StrEnum):
    """What weights a training starts from."""

    SCRATCH = "scratch"
    PRETRAINED = "pretrained"
    AUTO = "auto"


class Precision(StrEnum):
    """What the network computes in."""

    AUTO = "auto"
    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"


class Level(StrEnum):
    """How far down the ladder of evidence to go; each rung includes those above it."""

    FILE = "file"
    BYTES = "bytes"
    PIXELS = "pixels"
    NEAR = "near"
    SCENE = "scene"
    SEMANTIC = "semantic"

    @property
    def rank(self) -> int:
        """Return the place on the ladder, 1 for the strongest evidence."""
        return 1 + list(Level).index(self)


PART_OF = "part_of"
"""What ties a picture to a collage that shows it among others: told, and no reason to drop it."""


OVERLAPS = "overlaps"
"""What ties two views that share less than a copy must: told, and no reason to drop either."""


RECOLOURED = "recoloured"
"""What two pictures are that would be copies, but for the hue of a part."""


IN_DOUBT = "in_doubt"
"""What two pictures are that are likelier copies than not, but not surely enough."""


class YesNo(StrEnum):
    """An answer."""

    YES = "yes"
    NO = "no"


class KeepPolicy(StrEnum):
    """What makes an image the one to keep."""

    BEST = "best"
    LARGEST = "largest"
    ORIGINAL = "original"
    OLDEST = "oldest"
    NEWEST = "newest"
    SHORTEST_PATH = "shortest-path"
    FIRST = "first"
    CENTRAL = "central"
    OUTLYING = "outlying"


class OnConflict(StrEnum):
    """What becomes of copies whose labels differ."""

    REPORT = "report"
    KEEP = "keep"
    DROP = "drop"


class SearchBy(StrEnum):
    """What makes an image of the workspace like a picture."""

    FEATURES = "features"
    COPIES = "copies"


class Within(StrEnum):
    """Which images of a group a sample takes first."""

    RANDOM = "random"
    CENTRAL = "central"
    DIVERSE = "diverse"


class MapBy(StrEnum):
    """How the map of a report finds a place for each image."""

    PCA = "pca"
    UMAP = "umap"


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
    HF = "hf"
    LIST = "list"
    COCO = "coco"
    YOLO = "yolo"
    VOC = "voc"
    FIFTYONE = "fiftyone"


class Changed(StrEnum):
    """What becomes of a file that is not what the manifest says any more."""

    SKIP = "skip"
    FAIL = "fail"
    TAKE = "take"


class Layout(StrEnum):
    """Where exported images go below the folder."""

    TREE = "tree"
    FLAT = "flat"
    SPLIT_LABEL = "split/label"


class Removal(StrEnum):
    """How files that need not be kept leave a source."""

    MOVE = "move"
    TRASH = "trash"
    HARDLINK = "hardlink"
    REFLINK = "reflink"
    DELETE = "delete"


def find_choice(value: object, choices: type[Choice], *, name: str) -> Choice:
    """Return the choice that a value is or names.

    >>> find_choice("near", Level, name="level")
    <Level.NEAR: 'near'>

    Args:
        value: A choice or its name.
        choices: What it may be.
        name: Of what is chosen, such as ``level``.

    Raises:
        UsageError: There is no such choice.
    """
    names = [choice.value for choice in choices]
    if not isinstance(value, str) or value not in names:
        raise UsageError(
            f"{name} cannot be {value!r}{closest(str(value), names)}",
            hint=f"choose one of: {', '.join(names)}",
        )
    return choices(value)


_DEVICE = re.compile(r"auto|cpu|cuda(:\d{1,4})?")


def check_device(name: object) -> None:
    """Check that a device may have a name; whether it is there is found before the work.

    Raises:
        UsageError: It is not ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
    """
    if not isinstance(name, str) or _DEVICE.fullmatch(name) is None:
        names = ("auto", "cpu", "cuda")
        raise UsageError(
            f"device cannot be {name!r}{closest(str(name), names)}",
            hint="use auto, cpu, cuda, or cuda:1 for one of several",
        )


def closest(name: str, choices: Iterable[str]) -> str:
    """Return " (did you mean X?)" for the nearest of ``choices``, or nothing."""
    from difflib import get_close_matches

    near = get_close_matches(name, list(choices), n=1)
    return f" (did you mean {near[0]}?)" if near else ""
