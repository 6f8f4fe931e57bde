"""Files that appear whole or not at all, and what to tell when the disk says no."""

import errno
import fcntl
import json
import os
import shutil
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from tempfile import mkdtemp
from typing import Any
from weakref import finalize
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
    with replacing_together(path) as (scratch,):
        yield scratch


@contextmanager
def replacing_together(*paths: Path) -> Iterator[list[Path]]:
    """Give a scratch path for each of some files of one folder, which belong together.

    All are moved if the block succeeds, so that of two commands with the same outputs the later one
    wins with all of its files.

    Args:
        paths: The files.

    Raises:
        CurateError: The disk is full, or the place cannot be written.
    """
    with disk_errors(paths[0]):
        paths = tuple(map(follow_link, paths))
        scratches = [scratch_beside(path) for path in paths]
        try:
            for path, scratch in zip(paths, scratches, strict=True):
                path.parent.mkdir(parents=True, exist_ok=True)
                remove_scraps(path.parent)
                scratch.touch(exist_ok=False)
            yield scratches
            for scratch in scratches:
                flush(scratch)
            with _folder_lock(paths[0].parent):
                for path, scratch in zip(paths, scratches, strict=True):
                    scratch.replace(path)
            flush(paths[0].parent)
        finally:
            for scratch in scratches:
                remove(scratch)


@contextmanager
def replacing_folder(folder: Path) -> Iterator[Path]:
    """Give an empty scratch folder, of which all comes into ``folder`` only if the block succeeds.

    Args:
        folder: Must be empty or not there. One that is there stays the folder that it is: it may be
            a mount point, or somebody's working directory.

    Raises:
        CurateError: The disk is full, the place cannot be written, or something lies in it when the
            block ends.
    """
    folder = folder.resolve()
    with _scratch_folder(folder) as scratch:
        yield scratch
        with _folder_lock(scratch.parent):
            _settle_folder(scratch, folder)
        flush(scratch.parent)


@contextmanager
def replacing_own_folder(folder: Path, is_ours: Callable[[Path], bool]) -> Iterator[Path]:
    """Give an empty scratch folder whose content replaces that of a folder of which all is ours.

    Args:
        folder: From `check_output_folder`, with the same ``is_ours``.
        is_ours: Whether something in it was made by curate.

    Raises:
        CurateError: The disk is full, the place cannot be written, or something that is not ours
            came into the folder meanwhile.
    """
    folder = folder.resolve()
    with _scratch_folder(folder) as scratch:
        yield scratch
        with _folder_lock(scratch.parent), _scratch_beside(scratch) as old:
            if all(map(is_ours, list_content(folder))):
                _move(list_content(folder), old)
            try:
                _settle_folder(scratch, folder)
            except BaseException:
                _move(list_content(old), folder)
                raise
        flush(scratch.parent)


@contextmanager
def _scratch_folder(folder: Path) -> Iterator[Path]:
    """Give a scratch folder in a folder that is there, or beside one that is not."""
    with disk_errors(folder):
        place = place_of_scratch(folder)
        place.parent.mkdir(parents=True, exist_ok=True)
        remove_scraps(place.parent)
        with _scratch_beside(place) as scratch:
            yield scratch


@contextmanager
def _scratch_beside(path: Path) -> Iterator[Path]:
    scratch = scratch_beside(path)
    try:
        scratch.mkdir()
        yield scratch
    finally:
        remove(scratch)


def place_of_scratch(folder: Path) -> Path:
    """Return a path beside which what becomes the content of a folder is written."""
    return folder / "content" if folder.is_dir() else folder


def list_content(folder: Path) -> list[Path]:
    """Return what lies in a folder, sorted, without what a command is writing there.

    Args:
        folder: May not be there; then nothing lies in it.
    """
    inside = sorted(folder.iterdir()) if folder.is_dir() else []
    return [path for path in inside if not _is_scratch(path)]


def _settle_folder(scratch: Path, folder: Path) -> None:
    """Bring the content of a scratch folder into a folder that is empty or not there.

    Raises:
        InputError: Something lies in it.
        OSError: It cannot be moved.
    """
    filled = InputError(
        f"{folder} was filled by something else meanwhile", hint="name another folder"
    )
    if scratch.parent == folder:
        if list_content(folder):
            raise filled
        _move(sorted(scratch.iterdir()), folder)
        return
    try:
        scratch.rename(folder)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        raise filled from None


def _move(paths: Sequence[Path], folder: Path) -> None:
    """Move files and folders into a folder; after a failure all are where they were."""
    try:
        for path in paths:
            path.rename(folder / path.name)
    except BaseException:
        for path in paths:
            if not os.path.lexists(path):
                (folder / path.name).rename(path)
        raise


@contextmanager
def _folder_lock(folder: Path) -> Iterator[None]:
    """Let one process at a time move files into a folder, where its file system knows of locks."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def scratch_beside(path: Path) -> Path:
    """Return a path beside ``path`` that no other process uses, short whatever its name is."""
    return path.with_name(f"{_PREFIX}{_host()}-{os.getpid()}-{next(_numbers)}{_SUFFIX}")


def _is_scratch(path: Path) -> bool:
    return path.name.startswith(_PREFIX) and path.name.endswith(_SUFFIX)


def remove_scraps(folder: Path) -> None:
    """Remove what killed processes of this machine left half written in a folder."""
    for scrap in folder.glob(f"{_PREFIX}{_host()}-*{_SUFFIX}"):
        pid = scrap.name.removeprefix(f"{_PREFIX}{_host()}-").partition("-")[0]
        if pid.isdigit() and not _is_running(int(pid)):
            with suppress(OSError):
                remove(scrap)


def flush(path: Path) -> None:
    """Have a file or folder written to the disk.

    Raises:
        OSError: It cannot be; a file system that has no such thing is fine.
    """
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(handle)


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


def follow_link(path: Path) -> Path:
    """Return where a link leads: the file there is replaced, the link stays."""
    return path.resolve() if path.is_symlink() else path


class Utf8Name:
    """A name of a file that Arrow, DuckDB, FAISS and safetensors take: they know UTF-8 only.

    A file whose path is not UTF-8 is reached through a link in a folder for scratch files, as long
    as this object lives.
    """

    def __init__(self, path: Path) -> None:
        """Name a file, which need not be there yet."""
        self._name = str(path)
        if not is_utf8(self._name):
            folder = mkdtemp(prefix="curate-")
            finalize(self, shutil.rmtree, folder)
            link = Path(folder) / f"file{path.suffix if is_utf8(path.suffix) else ''}"
            link.symlink_to(path.absolute())
            self._name = str(link)

    def __str__(self) -> str:
        return self._name


def is_utf8(text: str) -> bool:
    """Return whether a text can be written as UTF-8: names of files may hold other bytes."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


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
            hint="free some space, or name another disk with --out, --to or --workspace, whichever "
            "lies there; the same command goes on where it stopped",
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
