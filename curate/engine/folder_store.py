"""A shared store in a folder, such as the workspace or one of a network."""

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from curate.files import disk_errors, flush, remove, scratch_beside


class FolderStore:
    """Objects as files below a folder."""

    def __init__(self, place: Path, folder: str) -> None:
        """Name the folder, which need not be there yet.

        Args:
            place: What the store is addressed by.
            folder: Name of the folder in there that holds the objects, and nothing else.
        """
        self.address = str(place.absolute())
        self._root = place.absolute() / folder

    def put_new(self, key: str, content: bytes) -> bool:
        """Store an object unless there is one; see `curate.engine.store.SharedStore`."""
        path = self._root / key
        with disk_errors(path):
            scratch = self._write(path, content)
            try:
                os.link(scratch, path)  # fails where there is one: a rename would replace it
            except FileExistsError:
                return False
            finally:
                scratch.unlink()
            flush(path.parent)
        return True

    def put(self, key: str, content: bytes) -> None:
        """Store an object in the place of another; see `curate.engine.store.SharedStore`."""
        path = self._root / key
        with disk_errors(path):
            self._write(path, content).replace(path)

    def put_file(self, key: str, path: Path) -> None:
        """Link a file, or copy it; see `curate.engine.store.SharedStore`."""
        target = self._root / key
        if target.exists():
            return
        with disk_errors(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link(path, target)
            except FileExistsError:
                return
            except OSError:  # another disk, or one without links
                scratch = scratch_beside(target)
                shutil.copyfile(path, scratch)
                scratch.replace(target)

    def get(self, key: str) -> bytes | None:
        """Return an object; see `curate.engine.store.SharedStore`."""
        try:
            return (self._root / key).read_bytes()
        except FileNotFoundError:
            return None

    def fetch(self, key: str, path: Path) -> None:
        """Link an object; see `curate.engine.store.SharedStore`."""
        with suppress(FileExistsError):
            path.symlink_to(self._root / key)

    def list_keys(self, prefix: str) -> Iterator[str]:
        """Yield keys; see `curate.engine.store.SharedStore`."""
        folder = self._root / prefix
        if folder.is_dir():
            names = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
            yield from (f"{prefix}{name}" for name in names)

    def remove(self, prefix: str) -> None:
        """Remove a folder; see `curate.engine.store.SharedStore`."""
        remove(self._root / prefix)

    def _write(self, path: Path, content: bytes) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch = scratch_beside(path)
        scratch.write_bytes(content)
        flush(scratch)
        return scratch
