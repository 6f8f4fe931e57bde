"""Whether a cache was made by this version of the code; one of another version is emptied."""

from pathlib import Path

import cv2

from curate.errors import InputError
from curate.files import remove
from curate.workspace.integrity import read_checked_json, write_checked_json

CACHE_VERSION = 13
"""Raised by hand when other keypoints, candidates or evidence would be found on the same pixels.

``tests/copies/cache/test_version.py`` fails when that was forgotten, and says how to go on.
"""

_FILE = "version.json"


def open_cache(folder: Path) -> Path:
    """Return a folder made by this version; one made by another is emptied first.

    The caller is its only writer.
    """
    if not is_current(folder):
        remove(folder)
        write_checked_json(folder / _FILE, _describe_version())
    for scrap in folder.glob(".*.partial"):
        remove(scrap)
    return folder


def is_current(folder: Path) -> bool:
    """Return whether a folder was made by this version; nothing is changed."""
    try:
        return bool(read_checked_json(folder / _FILE) == _describe_version())
    except (OSError, InputError):
        return False


def _describe_version() -> dict[str, object]:
    """Return what decides: our version, and that of the library that finds the keypoints."""
    return {"version": CACHE_VERSION, "opencv": cv2.__version__}
