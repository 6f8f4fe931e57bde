"""Files that appear whole or not at all, and what to tell when the disk says no."""

import errno
import json
import os
import shutil
import socket
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any
from zlib import crc32

from curate.errors import CurateError, InputError, ResourceError

_PREFIX = ".curate-"
_SUFFIX = ".partial"
_numbers = count()


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a scratch path; move it onto ``path`` only if the block succeeds.

    Scratch names are no two processes' alike, so that of two commands with one output the later one
    wins, whole. File and folder are on the disk when it returns.

    Raises:
        CurateError: The disk is full, or the place cannot be written.
    """
    path = _followed(path)
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_scraps(path.parent)
        scratch = scratch_beside(path)
        try:
            scratch.touch(exist_ok=False)
            yield scratch
            _flush(scratch)
            scratch.replace(path)
            _flush(path.parent)
        finally:
            remove(scratch)


@contextmanager
def replacing_folder(folder: Path) -> Iterator[Path]:
    """Give an empty scratch folder; it takes the place of ``folder`` only if the block succeeds.

    Args:
        folder: Must be empty or not there.

    Raises:
        CurateError: The disk is full, or the place cannot be written.
    """
    with disk_errors(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        remove_scraps(folder.parent)
        scratch = scratch_beside(folder)
        try:
            scratch.mkdir()
            yield scratch
            if folder.exists():
                folder.rmdir()
            scratch.rename(folder)
            _flush(folder.parent)
        finally:
            remove(scratch)


def scratch_beside(path: Path) -> Path:
    """Return a path in the folder of ``path`` that no other process uses, whatever its name's length."""
    return path.with_name(f"{_PREFIX}{_host()}-{os.getpid()}-{next(_numbers)}{_SUFFIX}")


def remove_scraps(folder: Path) -> None:
    """Remove what killed processes of this machine left half written in a folder."""
    for scrap in folder.glob(f"{_PREFIX}{_host()}-*{_SUFFIX}"):
        pid = scrap.name.removeprefix(f"{_PREFIX}{_host()}-").partition("-")[0]
        if pid.isdigit() and not _is_running(int(pid)):
            with suppress(OSError):
                remove(scrap)


def _host() -> str:
    return f"{crc32(socket.gethostname().encode()):08x}"


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _flush(path: Path) -> None:
    """Have a file or folder written to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # a file system that has no such thing
            raise
    finally:
        os.close(handle)


def _followed(path: Path) -> Path:
    """Return where a link leads: the file there is replaced, the link stays."""
    return path.resolve() if path.is_symlink() else path


def check_output(path: Path, is_ours: Callable[[Path], bool], *, what: str) -> None:
    """Check that a file may be written to a place; its folder is made.

    A file that is there already is replaced only if it is one that curate wrote, so that no image, no
    device and nobody's work is ever lost.

    Args:
        path: The place.
        is_ours: Whether a file that is there was written by curate.
        what: What is to be written, such as "a manifest".

    Raises:
        InputError: It is a folder, a device, or a file that curate did not write.
        ResourceError: Its folder cannot be written.
    """
    path = _followed(path)
    with disk_errors(path):
        kind = path.stat().st_mode if path.exists() else None
        if kind is not None and stat.S_ISDIR(kind):
            raise InputError(f"{path} is a folder", hint="name a file in it")
        if kind is not None and not stat.S_ISREG(kind):
            raise InputError(f"{path} is no regular file", hint="name another file")
        if kind is not None and path.stat().st_size and not is_ours(path):
            raise InputError(
                f"{path} is there and is not {what} that curate wrote, so it is not replaced",
                hint="name another file, or remove this one",
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_scraps(path.parent)
        probe = scratch_beside(path)
        probe.touch(exist_ok=False)
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
        if known is None or not _is_about(error, path):
            raise
        raise known from None


def _is_about(error: OSError, path: Path) -> bool:
    """Return whether an error is about the place that is written, not about what is read."""
    if is_disk_full(error) or not isinstance(error.filename, str | bytes):
        return True
    named = Path(os.fsdecode(error.filename)).absolute()
    return path.absolute().is_relative_to(named) or named.is_relative_to(path.absolute().parent)


def is_disk_full(error: OSError) -> bool:
    """Return whether there is no space left.

    Arrow says "errno 28" in its text and leaves ``errno`` empty, so the text is looked at too.
    """
    return error.errno in (errno.ENOSPC, errno.EDQUOT) or "No space left" in str(error)


def disk_error(error: OSError, path: Path | str) -> CurateError | None:
    """Return what to tell the user about a failed write to ``path``, or None if it is our bug."""
    if is_disk_full(error):
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
    if error.errno in (
        errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.ELOOP,
    ):  # fmt: skip
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
