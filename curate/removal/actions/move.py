"""Files go to another folder, where they keep their tree."""

import os
from pathlib import Path

from curate.choices import Removal
from curate.removal.actions.base import Action, Outcome
from curate.removal.disk import Disk, move, unfinished_name
from curate.removal.journal import Entry


class Move(Action):
    """Moves files."""

    kind = Removal.MOVE

    def __init__(self, disk: Disk) -> None:
        """Promise no name yet."""
        super().__init__(disk)
        self._promised: dict[Path, Path] = {}

    def target_of(self, file: Path, wanted: Path | None) -> Path | None:
        """Return its place in the folder, numbered if that is taken or promised to another file."""
        place = first = wanted or unfinished_name(file, self.kind.value)
        number = 1
        while os.path.lexists(place) or self._promised.get(place, file) != file:
            number += 1
            place = first.with_name(f"{first.stem}-{number}{first.suffix}")
        self._promised[place] = file
        return place

    def set_aside(self, entry: Entry) -> Path:
        """Move the file."""
        move(self.disk, entry.path, entry.target_path)
        return entry.target_path

    def finish(self, entry: Entry) -> None:
        """Forget the promise: the name is taken."""
        self._promised.pop(entry.target_path, None)

    def put_back(self, entry: Entry) -> Outcome:
        """Move it back, and clear away a copy to another disk that was not finished."""
        if os.path.lexists(entry.path) or os.path.lexists(entry.target_path):
            for place in (entry.path, entry.target_path):
                scratch = unfinished_name(place, self.kind.value)
                if os.path.lexists(scratch):
                    self.disk.unlink(scratch)
        return self.move_back(entry, entry.target_path)
