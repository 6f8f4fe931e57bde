"""Whether outputs may be written where a person says, found out before the work."""

import re
import stat
from collections.abc import Callable
from pathlib import Path

from curate.errors import InputError, UsageError
from curate.files import (
    disk_errors,
    follow_link,
    list_content,
    place_of_scratch,
    remove_scraps,
    scratch_beside,
)

_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+:)/")


def check_is_here(path: Path) -> None:
    """Check that a place was not typed as the address of a server or bucket.

    Raises:
        InputError: It was.
    """
    scheme = _ADDRESS.match(path.as_posix())  # of s3://bucket/m a path has s3:/bucket/m
    if scheme is not None:
        raise InputError(
            f"{scheme[1]}// is an address elsewhere, and outputs are files of this machine",
            hint="name a place here, and copy what was written",
        )


def check_apart(folder: Path, source: Path) -> None:
    """Check that a folder lies apart from a source, which would list what is in it as its own.

    Raises:
        UsageError: It does not.
    """
    target, origin = folder.resolve(), source.resolve()
    if target == origin or origin in target.parents or target in origin.parents:
        raise UsageError(
            f"{folder} and the source {source} lie in each other", hint="name a folder elsewhere"
        )


def check_output(path: Path, is_ours: Callable[[Path], bool], *, what: str) -> None:
    """Check that a file may be written to a place; its folder is made.

    A file that is there already is replaced only if it is one that curate wrote, so that no image,
    no device and nobody's work is ever lost. A link is followed: what counts is the file there.

    Args:
        path: The place.
        is_ours: Whether a file that is there was written by curate.
        what: What is to be written, such as "a manifest".

    Raises:
        InputError: It is a folder, a device, or a file that curate did not write.
        ResourceError: Its folder cannot be written.
    """
    check_is_here(path)
    with disk_errors(path):
        path = follow_link(path)
        kind = path.stat().st_mode if path.exists() else None
        if kind is not None and stat.S_ISDIR(kind):
            raise InputError(f"{path} is a folder", hint="name a file in it")
        if kind is not None and not stat.S_ISREG(kind):
            raise InputError(f"{path} is no regular file", hint="name another file")
        if kind is not None and not is_ours(path):
            raise InputError(
                f"{path} is there and is not {what} that curate wrote, so it is not replaced",
                hint="name another file, or remove this one",
            )
        _check_place(path)


def check_output_folder(folder: Path, is_ours: Callable[[Path], bool], *, what: str) -> None:
    """Check that a folder may be written: it is new, empty, or holds only what curate made.

    Args:
        folder: The place.
        is_ours: Whether something in it was made by curate.
        what: What is to be written, such as "sheets".

    Raises:
        InputError: It is a file, or holds something that curate did not make.
        ResourceError: It cannot be written.
    """
    check_is_here(folder)
    with disk_errors(folder):
        folder = folder.resolve()
        if folder.exists() and not folder.is_dir():
            raise InputError(f"{folder} is a file, not a folder", hint="name a new folder")
        foreign = next((path for path in list_content(folder) if not is_ours(path)), None)
        if foreign is not None:
            raise InputError(
                f"{folder} holds {foreign.name}, which is not one of {what} that curate made, so "
                "the folder is not replaced",
                hint="name a new folder",
            )
        _check_place(place_of_scratch(folder))


def _check_place(path: Path) -> None:
    """Write a scratch file beside a path, whose folder is made, and remove it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_scraps(path.parent)
    probe = scratch_beside(path)
    probe.touch(exist_ok=False)
    probe.unlink()
