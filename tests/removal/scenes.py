"""Trees of files with a manifest of copies, and disks that lose power."""

import errno
import os
from pathlib import Path
from urllib.parse import quote

import pyarrow as pa

from curate.manifest.columns import DEDUP_COLUMNS, SCAN_COLUMNS
from curate.manifest.manifest import Manifest, write_manifest
from curate.manifest.rows import HeldRows
from curate.removal.content import hash_file
from curate.removal.disk import Disk


class PowerCut(BaseException):
    """The machine stopped."""


class FragileDisk(Disk):
    """A disk that stops after some steps, and then does nothing more.

    Its trash is a folder of its own; cloning copies; moves between ``/source`` and other folders
    may be told to be between two disks. Nothing is waited for.
    """

    def __init__(self, trash: Path, *, n_steps=None, is_across=False):
        self._trash = trash
        self._left = n_steps
        self._is_across = is_across

    def _step(self):
        if self._left is not None:
            self._left -= 1
            if self._left < 0:
                raise PowerCut

    def make_folder(self, folder):
        self._step()
        super().make_folder(folder)

    def remove_empty_folder(self, folder):
        self._step()
        super().remove_empty_folder(folder)

    def link(self, file, name):
        self._step()
        if self._is_across and file.parent != name.parent:
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        super().link(file, name)

    def rename(self, file, name):
        self._step()
        super().rename(file, name)

    def replace(self, file, name):
        self._step()
        super().replace(file, name)

    def unlink(self, name):
        self._step()
        super().unlink(name)

    def copy(self, file, name):
        if self._left == 0 and not file.is_symlink():
            name.write_bytes(file.read_bytes()[:-1])  # cut off in the middle
        self._step()
        super().copy(file, name)

    def clone(self, file, name):
        self._step()
        name.write_bytes(file.read_bytes())

    def copy_facts(self, file, name):
        self._step()
        super().copy_facts(file, name)

    def set_facts(self, name, **facts):
        self._step()
        super().set_facts(name, **facts)

    def trash(self, file):
        (self._trash / "info").mkdir(parents=True, exist_ok=True)
        (self._trash / "files").mkdir(exist_ok=True)
        name = f"{len(os.listdir(self._trash / 'info'))}-{file.name}"
        self._step()
        (self._trash / "info" / f"{name}.trashinfo").write_text(
            f"[Trash Info]\nPath={quote(os.fsencode(file))}\n"
        )
        self._step()
        file.rename(self._trash / "files" / name)

    def trash_folders(self, near):
        return [self._trash] if (self._trash / "info").is_dir() else []

    def are_apart(self, file, other):
        return self._is_across and file.parent != other.parent

    def append(self, file, line):
        if self._left == 0:
            file.write(line[: len(line) // 2])
            file.flush()
        self._step()
        file.write(line)
        file.flush()

    def sync(self, path):
        pass


def write_copies(path, source, copies, *, unreadable=(), dropped=(), match="bytes", paths=None):
    """Write a manifest in which some files are copies of others.

    Args:
        path: The manifest.
        source: Folder of the files, all of which are rows.
        copies: The file that stays for each copy, by the copy's path.
        unreadable: Paths that cannot be read.
        dropped: Paths that need not be kept, though nothing stays for them.
        match: The evidence, of all or by the copy's path.
        paths: The rows; None for all files.
    """
    rows = []
    files = [file.relative_to(source).as_posix() for file in source.rglob("*") if file.is_file()]
    for name in {*(paths or files), *copies}:
        file = source / name
        kept = copies.get(name)
        is_copy = kept is not None
        rows.append(
            dict.fromkeys((*SCAN_COLUMNS.names, *DEDUP_COLUMNS.names))
            | {
                "path": name,
                "hash": hash_file(file),
                "bytes": file.stat().st_size,
                "status": "unreadable" if name in unreadable else "ok",
                "keep": not is_copy and name not in unreadable and name not in dropped,
                "duplicate_of": kept,
                "match": (match if isinstance(match, str) else match[name]) if is_copy else None,
                "similarity": 1.0 if is_copy else None,
            }
        )
    rows.sort(key=lambda row: row["path"])
    schema = pa.schema([*SCAN_COLUMNS, *DEDUP_COLUMNS])
    table = pa.Table.from_pylist(rows, schema=schema)
    write_manifest(Manifest(rows=HeldRows(table), source=str(source)), path)
    return path


def write_files(source, contents):
    """Write text files, by their paths."""
    for name, text in contents.items():
        place = source / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    return source


def snapshot(folder):
    """Return what is below a folder: text of each file, target of each link, by path."""
    return {
        path.relative_to(folder).as_posix(): (
            f"-> {os.readlink(path)}" if path.is_symlink() else path.read_text()
        )
        for path in sorted(folder.rglob("*"))
        if path.is_symlink() or path.is_file()
    }
