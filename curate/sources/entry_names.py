"""Names inside containers: which may be images, and unique paths for them."""

import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from fnmatch import translate
from functools import lru_cache

from curate.images.formats import EXTENSIONS, OTHER_EXTENSIONS, RAW_EXTENSIONS

IMAGE_ENDINGS = EXTENSIONS | RAW_EXTENSIONS
TAR_ENDINGS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst")
TABLE_ENDINGS = (".parquet", ".arrow")
VIDEO_ENDINGS = (
    ".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".wmv", ".flv", ".mpg", ".mpeg", ".3gp",
    ".mts", ".m2ts",
)  # fmt: skip
FROM_ROOT = "./"
"""How a pattern begins that is of one path and not of a name at any depth."""
CONTAINER_ENDINGS = TAR_ENDINGS + TABLE_ENDINGS


def is_container(name: str) -> bool:
    """Return whether a file is, by its name, one that holds many images."""
    return name.lower().endswith(CONTAINER_ENDINGS)


def is_video(name: str) -> bool:
    """Return whether a file is, by its name, a clip."""
    return name.lower().endswith(VIDEO_ENDINGS)


def holds_images(name: str, *, has_fps: bool) -> bool:
    """Return whether a file is, by its name, one of many images: of a clip where frames are taken.

    Args:
        name: Of the file.
        has_fps: Whether frames are taken of clips.
    """
    return is_container(name) or (has_fps and is_video(name))


def ending_of_name(name: str) -> str:
    """Return the ending of a name in small letters, such as ``.jpg``; empty if it has none."""
    return os.path.splitext(name)[1].lower()  # noqa: PTH122 - a name, no path of this machine


def is_image_name(name: str) -> bool | None:
    """Return whether a name is an image's or another thing's; None where only the bytes tell."""
    ending = ending_of_name(name)
    if ending in IMAGE_ENDINGS:
        return True
    return False if ending in OTHER_EXTENSIONS else None


def is_hidden(name: str) -> bool:
    """Return whether a name or a folder above it begins with a dot."""
    return any(part.startswith(".") and part not in (".", "..") for part in name.split("/"))


def is_excluded(name: str, patterns: Sequence[str]) -> bool:
    """Return whether a name, or a folder above it, is of a pattern of what is passed over."""
    parts = name.split("/")
    paths = ["/".join(parts[:number]) for number in range(1, len(parts) + 1)]
    return any(is_of_pattern(path, patterns) for path in paths)


def is_of_pattern(path: str, patterns: Sequence[str]) -> bool:
    """Return whether a path is of one of some patterns.

    A pattern without a slash is of the last part of a path, wherever it lies; one with a slash, or
    that begins with ``./``, of the whole path.
    """
    of_name, of_path = _compile_patterns(tuple(patterns))
    return bool(of_name.match(path.rpartition("/")[2]) or of_path.match(path))


@lru_cache(maxsize=64)
def _compile_patterns(patterns: tuple[str, ...]) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Return what matches names, and what matches paths, of some patterns."""
    of_path = [one.removeprefix(FROM_ROOT) for one in patterns if "/" in one]
    return _compile_any(one for one in patterns if "/" not in one), _compile_any(of_path)


def _compile_any(patterns: Iterable[str]) -> re.Pattern[str]:
    """Return what matches all that is of one of some patterns; nothing is of none."""
    return re.compile("|".join(map(translate, patterns)) or r"(?!)")


def tidy(name: str) -> str:
    """Return a name as a path below something: no dot, no root, no way up."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    return "/".join("__" if part == ".." else part for part in parts)


class UniqueNames:
    """Gives every entry of a container a path of its own."""

    def __init__(self) -> None:
        """Begin without a name."""
        self._used: set[str] = set()
        self._counts: Counter[str] = Counter()

    def take(self, name: str) -> str:
        """Return the name, or with ``#2``, ``#3``, … behind it where it is taken."""
        self._counts[name] += 1
        unique = name
        while unique in self._used:
            unique = f"{name}#{self._counts[name]}"
            self._counts[name] += unique in self._used
        self._used.add(unique)
        return unique
