"""The log of `--log`: a text file of lines with times, to which only curate adds."""

import re
import stat
from datetime import UTC, datetime
from pathlib import Path

from curate.errors import InputError, UsageError
from curate.files import disk_errors
from curate.images.formats import EXTENSIONS, RAW_EXTENSIONS

_STAMP = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00 ")
"""How every line begins that `add_line` adds."""
_STAMP_BYTES = 26


def open_log(path: Path) -> None:
    """Make a log, with its folder, or check that the file there is one to which lines may be added.

    That is an empty file of one name, or what `add_line` wrote. A link is followed: what counts is
    the file there.

    Raises:
        InputError: It is a folder, a device, or a file that is no log of curate's.
        UsageError: It has the name of an image.
        ResourceError: It cannot be written.
    """
    with disk_errors(path):
        target = path.resolve()
        if target.suffix.lower() in EXTENSIONS | RAW_EXTENSIONS:
            raise UsageError(f"{target} is the name of an image", hint="name a .log file")
        if target.exists() and not _is_log(target):
            raise InputError(
                f"{target} is there and is not a log that curate wrote, so nothing is added to it",
                hint="name another file with --log",
            )
        target.parent.mkdir(parents=True, exist_ok=True)
        target.open("a").close()


def _is_log(path: Path) -> bool:
    """Return whether a file is empty, and no other name of one, or begins as logs do."""
    facts = path.stat()
    if not stat.S_ISREG(facts.st_mode):
        return False
    if facts.st_size == 0:
        return facts.st_nlink == 1
    with path.open("rb") as file:
        return _STAMP.fullmatch(file.read(_STAMP_BYTES)) is not None


def add_line(path: Path, line: str) -> None:
    """Add a line with the time, in UTC.

    Args:
        path: From `open_log`.
        line: The text.

    Raises:
        CurateError: It cannot be written.
    """
    with disk_errors(path), path.open("a", encoding="utf-8") as file:
        file.write(f"{datetime.now(UTC).isoformat(timespec='seconds')} {line}\n")
