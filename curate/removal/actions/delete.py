"""Files are deleted: the one way that cannot be undone."""

from pathlib import Path

from curate.choices import Removal
from curate.removal.actions.base import Action, Outcome
from curate.removal.journal import Entry


class Delete(Action):
    """Deletes files, by renaming them first."""

    kind = Removal.DELETE

    def set_aside(self, entry: Entry) -> Path:
        """Rename the file."""
        self.disk.rename(entry.path, entry.target_path)
        return entry.target_path

    def finish(self, entry: Entry) -> None:
        """Delete it."""
        self.disk.unlink(entry.target_path)

    def put_back(self, entry: Entry) -> Outcome:
        """Bring back what was renamed and not yet deleted."""
        outcome = self.move_back(entry, entry.target_path)
        return Outcome.DELETED if outcome in (Outcome.GONE, Outcome.REPLACED) else outcome
