"""A file shares its blocks with the kept file of equal bytes, and stays a file of its own."""

import errno
import os
from pathlib import Path

from curate.choices import Removal
from curate.errors import ResourceError
from curate.removal.actions.base import Action, Outcome
from curate.removal.journal import Entry
from curate.removal.proof import is_in_place

_CANNOT_SHARE = (errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOTTY, errno.ENOSYS)


class Reflink(Action):
    """Shares blocks, where the file system can (Btrfs, XFS, bcachefs)."""

    kind = Removal.REFLINK
    needs_equal_bytes = True

    def set_aside(self, entry: Entry) -> Path:
        """Clone the kept file beside the file, with the file's times and mode.

        Raises:
            OSError: It cannot be done.
            ResourceError: The file system has no such thing.
        """
        if os.path.lexists(entry.target_path):
            self.disk.unlink(entry.target_path)
        try:
            self.disk.clone(Path(str(entry.kept)), entry.target_path)
            self.disk.copy_facts(entry.path, entry.target_path)
        except OSError as error:
            if os.path.lexists(entry.target_path):
                self.disk.unlink(entry.target_path)
            if error.errno not in _CANNOT_SHARE:
                raise
            raise ResourceError(
                f"the file system of {entry.file} cannot share the blocks of files",
                hint="use --hardlink, or --move DIR",
            ) from None
        return entry.path

    def finish(self, entry: Entry) -> None:
        """Put the clone in the place of the file."""
        self.disk.replace(entry.target_path, entry.path)

    def put_back(self, entry: Entry) -> Outcome:
        """Clear away what was not finished: the file is its own already."""
        if os.path.lexists(entry.target_path):
            self.disk.unlink(entry.target_path)
        if not os.path.lexists(entry.path):
            return Outcome.GONE
        return Outcome.THERE if is_in_place(entry) else Outcome.CHANGED
