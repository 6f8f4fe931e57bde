"""Files go to the desktop's trash; from that of freedesktop.org they come back."""

import os
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote_to_bytes

from curate.choices import Removal
from curate.removal.actions.base import Action, Outcome
from curate.removal.disk import Disk, move
from curate.removal.journal import Entry
from curate.removal.proof import is_in_place, is_what_was_announced

_INFO = ".trashinfo"
_PATH = b"Path="


@dataclass(frozen=True, slots=True)
class _Trashed:
    """A file in the trash.

    Attributes:
        file: Where it lies.
        info: The file that says where it was.
    """

    file: Path
    info: Path


class Trash(Action):
    """Moves files to the trash."""

    kind = Removal.TRASH

    def __init__(self, disk: Disk) -> None:
        """Look into no trash yet."""
        super().__init__(disk)
        self._listed: dict[Path, dict[Path, list[_Trashed]]] = {}

    def target_of(self, file: Path, wanted: Path | None) -> Path | None:
        """Return None: the trash chooses."""
        del file, wanted
        return None

    def set_aside(self, entry: Entry) -> None:
        """Put the file into the trash."""
        self.disk.trash(entry.path)
        self._listed.clear()

    def finish(self, entry: Entry) -> None:
        """Do nothing more."""

    def put_back(self, entry: Entry) -> Outcome:
        """Move it back from the trash; its note there goes too."""
        is_taken = os.path.lexists(entry.path)
        if is_taken and is_in_place(entry):
            return Outcome.THERE
        trashed = self._find(entry)
        if trashed is None:
            return Outcome.REPLACED if is_taken else Outcome.GONE
        if is_taken:
            return Outcome.IN_THE_WAY
        move(self.disk, trashed.file, entry.path)
        self.disk.unlink(trashed.info)
        return Outcome.BACK

    def _find(self, entry: Entry) -> _Trashed | None:
        """Return the file in the trash, or None if it is in none."""
        for folder in self.disk.trash_folders(entry.path):
            for trashed in self._list(folder).get(entry.path, []):
                if is_what_was_announced(trashed.file, entry):
                    return trashed
        return None

    def _list(self, folder: Path) -> dict[Path, list[_Trashed]]:
        """Return what lies in a folder of trash, by where it was."""
        if folder not in self._listed:
            listed = defaultdict(list)
            for info in sorted((folder / "info").glob(f"*{_INFO}")):
                trashed = _Trashed(folder / "files" / info.name.removesuffix(_INFO), info)
                listed[_top_of(folder) / _read_place(info)].append(trashed)
            self._listed[folder] = dict(listed)
        return self._listed[folder]


def _top_of(folder: Path) -> Path:
    """Return the folder that relative paths in a trash belong to."""
    return folder.parents[1] if folder.parent.name == ".Trash" else folder.parent


def _read_place(info: Path) -> Path:
    """Return where the file was that a note in the trash is of."""
    for line in info.read_bytes().splitlines():
        if line.startswith(_PATH):
            return Path(os.fsdecode(unquote_to_bytes(line.removeprefix(_PATH))))
    return Path(info.name)
