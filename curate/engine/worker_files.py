"""The files that workers read, brought from the shared store to a folder of their machine.

All workers of a machine share what was brought; what was not used for longest goes when there is
too much of it.
"""

import json
import os
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from curate.engine.base import SharedFile
from curate.engine.store import SharedStore
from curate.files import remove

MOST_BYTES = 32 << 30
_OLD_SECONDS = 7 * 24 * 3600
_VARIABLE = "CURATE_SCRATCH"


def scratch_folder() -> Path:
    """Return the folder of this machine for what was brought: ``CURATE_SCRATCH``, or temporary."""
    named = os.environ.get(_VARIABLE)
    return Path(named) if named else Path(tempfile.gettempdir()) / f"curate-engine-{os.getuid()}"


class WorkerFiles:
    """The files of one task on this machine."""

    def __init__(
        self, store: SharedStore, files: Sequence[SharedFile], *, most_bytes: int = MOST_BYTES
    ) -> None:
        """Bring nothing yet.

        Args:
            store: Where the files are.
            files: Those of the task.
            most_bytes: Of what lies on this machine, of all tasks.
        """
        self._store = store
        self._files = {file.name: file for file in files}
        self._most_bytes = most_bytes
        place = scratch_folder() / sha256(store.address.encode()).hexdigest()[:16]
        names = json.dumps([(file.name, file.key) for file in files])
        self._brought = place / "files"
        self.folder = place / "tasks" / sha256(names.encode()).hexdigest()[:16]
        for folder in (self._brought, self.folder):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._remove_old()

    def list_names(self, prefix: str) -> list[str]:
        """Return the names that begin so."""
        return [name for name in self._files if name.startswith(prefix)]

    def fetch(self, name: str) -> Path:
        """Return a file of this machine, below ``folder`` under its name.

        Raises:
            CurateError: The store cannot be read.
        """
        path = self.folder / name
        brought = self._brought / self._files[name].key.replace("/", "-")
        if not brought.exists():
            if brought.is_symlink():  # to nothing any more
                brought.unlink(missing_ok=True)
            self._make_room(self._files[name].bytes)
            self._store.fetch(self._files[name].key, brought)
        with suppress(FileNotFoundError):
            os.utime(brought)
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            path.symlink_to(brought)
        return path

    def _remove_old(self) -> None:
        """Remove the names that tasks of long ago gave to files, and links to nothing."""
        for folder in self.folder.parent.iterdir():
            with suppress(FileNotFoundError):  # another worker was here
                if time.time() - folder.stat().st_mtime > _OLD_SECONDS:
                    remove(folder)
        for path in self._brought.iterdir():
            if path.is_symlink() and not path.exists():
                path.unlink(missing_ok=True)

    def _make_room(self, n_bytes: int) -> None:
        """Remove what was not used for longest; who has it mapped into memory keeps it."""
        found = []
        for path in self._brought.iterdir():
            with suppress(FileNotFoundError):  # another worker was here
                facts = path.lstat()
                found.append((facts.st_mtime_ns, facts.st_size, path))
        total = n_bytes + sum(size for _, size, _ in found)
        for _, size, path in sorted(found):
            if total <= self._most_bytes:
                break
            path.unlink(missing_ok=True)
            total -= size
