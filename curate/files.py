"""Files that appear whole or not at all, and what to tell when the disk says no."""

import errno
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from curate.errors import CurateError, InputError, ResourceError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a scratch path; move it onto ``path`` only if the block succeeds.

    Raises:
        CurateError: The disk is full, or the place cannot be written.
    """
    scratch = path.with_name(f".{path.name}.partial")
    with disk_errors(path):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            yield scratch
            with scratch.open("rb") as written:
                os.fsync(written.fileno())
            scratch.replace(path)
        finally:
            remove(scratch)


def writable(path: Path) -> None:
    """Check that a file may be written to a place; its folder is made.

    Raises:
        InputError: It is a folder.
        ResourceError: Its folder cannot be written.
    """
    if path.is_dir():
        raise InputError(f"{path} is a folder", hint="name a file in it")
    probe = path.with_name(f".{path.name}.partial")
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn what the operating system says of ``path`` into an error with a way out.

    Raises:
        CurateError: The disk is full, or the place cannot be written.
        OSError: It is neither of these.
    """
    try:
        yield
    except OSError as error:
        known = disk_error(error, path)
        if known is None:
            raise
        raise known from None


def disk_error(error: OSError, path: Path | str) -> CurateError | None:
    """Return what to tell the user about a failed write to ``path``, or None if it is our bug.

    Arrow says "errno 28" in its text and leaves ``errno`` empty, so the text is looked at too.
    """
    text = str(error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT) or "No space left" in text:
        return ResourceError(
            f"no space left on the disk of {path}",
            hint="free some space, or put the workspace elsewhere with --workspace DIR; "
            "the same command goes on where it stopped",
        )
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return ResourceError(
            f"{path} cannot be written: {os.strerror(error.errno)}",
            hint="name a place that you may write to",
        )
    if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EEXIST):
        return InputError(
            f"{path} cannot be written: {os.strerror(error.errno)}",
            hint="name a file in a folder that exists or can be made",
        )
    return None


def write_json(path: Path, content: Any) -> None:  # noqa: ANN401 - whatever JSON can hold
    """Write JSON, sorted and indented, whole or not at all."""
    with replacing(path) as scratch:
        scratch.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n")


def remove(path: Path) -> None:
    """Remove a file or a folder with all that is in it, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
