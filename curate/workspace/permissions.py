"""Who may read the workspace: nobody who may not read its images.

Readers are the bits of a file's mode that let a group or others read, ``0o044`` for all of them.
"""

import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

ALL = stat.S_IRGRP | stat.S_IROTH
_CLASSES = ((stat.S_IRGRP, stat.S_IRWXG), (stat.S_IROTH, stat.S_IRWXO))


def find_readers(folder: Path, files: Iterable[Path]) -> int:
    """Return who may read all of some files, as far as the folders up to ``folder`` let them.

    Args:
        folder: Of the source.
        files: Below it.
    """
    readers = _read_bits(folder, is_folder=True)
    seen = {folder}
    for file in files:
        readers &= _read_bits(file, is_folder=False)
        for parent in file.parents:
            if parent in seen:
                break
            seen.add(parent)
            readers &= _read_bits(parent, is_folder=True)
    return readers


def restrict_folder(folder: Path, readers: int) -> None:
    """Close a folder to those who are no readers."""
    _restrict(folder, readers)


def restrict_below(folder: Path, readers: int) -> None:
    """Close a folder and all that is in it to those who are no readers."""
    _restrict(folder, readers)
    if readers != ALL:
        for path in folder.rglob("*"):
            _restrict(path, readers)


def _read_bits(path: Path, *, is_folder: bool) -> int:
    """Return who may read a file, or reach what lies in a folder; all, of one that is gone."""
    with suppress(OSError):
        mode = path.stat().st_mode
        return (mode << 2 if is_folder else mode) & ALL
    return ALL


def _restrict(path: Path, readers: int) -> None:
    with suppress(OSError):  # gone meanwhile, or not ours: then it is not ours to close
        mode = stat.S_IMODE(path.lstat().st_mode)
        wanted = mode
        for bit, rights in _CLASSES:
            if not readers & bit:
                wanted &= ~rights
        if wanted != mode and not path.is_symlink():
            os.chmod(path, wanted)  # noqa: PTH101 - as lstat: what a link names is not touched
