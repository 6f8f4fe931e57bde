"""Files go to another folder, where they keep their tree."""

import os
from pathlib import Path

from curate.choices import Removal
from curate.removal.actions.base import Action, Outcome
from curate.removal.disk import move, unfinished_name
from curate.removal.journal import Entry


class Move(Action):
    """Moves files."""

    kind = Removal.MOVE

    def target_of(self, file: Path, wanted: Path | None) -> Path | None:
        """Return its place in the folder, numbered if that is taken."""
        place = first = wanted or unfinished_name(file, self.kind.value)
        number = 1
        while os.path.lexists(place):
            number += 1
            place = first.with_name(f"{first.stem}-{number}{first.suffix}")
        return place

    def set_aside(self, entry: Entry) -> Path:
        """Move the file."""
        move(self.disk, entry.path, entry.target_path)
        return entry.target_path

    def finish(self, entry: Entry) -> None:
        """Do nothing more."""

    def put_back(self, entry: Entry) -> Outcome:
        """Move it back, and clear away a copy to another disk that was not finished."""
        if os.path.lexists(entry.path) or os.path.lexists(entry.target_path):
            for place in (entry.path, entry.target_path):
                scratch = unfinished_name(place, self.kind.value)
                if os.path.lexists(scratch):
                    self.disk.unlink(scratch)
        return self.move_back(entry, entry.target_path)
