"""The name of a file becomes one more name of the kept file of equal bytes."""

import os
import stat
from pathlib import Path

from curate.choices import Removal
from curate.removal.actions.base import Action, Outcome
from curate.removal.content import hash_file, identify
from curate.removal.journal import Entry
from curate.removal.proof import is_in_place


class Hardlink(Action):
    """Makes hard links."""

    kind = Removal.HARDLINK
    needs_equal_bytes = True

    def set_aside(self, entry: Entry) -> Path:
        """Give the kept file one more name, beside the file."""
        if os.path.lexists(entry.target_path):
            self.disk.unlink(entry.target_path)
        self.disk.link(Path(os.path.realpath(str(entry.kept))), entry.target_path)
        return entry.path

    def finish(self, entry: Entry) -> None:
        """Put that name in the place of the file."""
        self.disk.replace(entry.target_path, entry.path)

    def put_back(self, entry: Entry) -> Outcome:
        """Make the file one of its own again, with its mode, time, owner and attributes."""
        kept = Path(str(entry.kept))
        if os.path.lexists(entry.target_path):
            self.disk.unlink(entry.target_path)
        here, there = identify(entry.path, follow=False), identify(kept, follow=True)
        if here is not None and here != there:
            if not is_in_place(entry):
                return Outcome.CHANGED
            if _is_its_own(entry) or hash_file(kept) == entry.hash:
                return Outcome.THERE
        source = entry.path if here is not None else kept
        if hash_file(source) != entry.hash:
            return Outcome.CHANGED if here is not None else Outcome.GONE
        self.disk.copy(source, entry.target_path)
        self.disk.set_facts(
            entry.target_path,
            mode=entry.mode,
            mtime_ns=entry.mtime_ns,
            owner=entry.owner,
            attributes=entry.attributes,
        )
        self.disk.replace(entry.target_path, entry.path)
        return Outcome.BACK


def _is_its_own(entry: Entry) -> bool:
    """Return whether a file has one name only, and the mode and time that were announced."""
    facts = entry.path.lstat()
    announced = (1, entry.mode, entry.mtime_ns)
    return (facts.st_nlink, stat.S_IMODE(facts.st_mode), facts.st_mtime_ns) == announced
