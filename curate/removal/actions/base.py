"""What each way of removing a file does, and in which steps."""

import os
from abc import ABC, abstractmethod
from enum import StrEnum
from pathlib import Path
from typing import ClassVar

from curate.choices import Removal
from curate.removal.content import identify
from curate.removal.disk import Disk, move, unfinished_name
from curate.removal.journal import Entry
from curate.removal.proof import is_in_place, is_what_was_announced


class Outcome(StrEnum):
    """What came of bringing a file back."""

    BACK = "brought back"
    THERE = "there already"
    IN_THE_WAY = "left, since another file has its place"
    CHANGED = "left, since it was changed after it went"
    GONE = "gone"
    REPLACED = "gone, and another file or a changed one has its place"
    DELETED = "deleted, which nothing undoes"


class Action(ABC):
    """A way of removing files.

    ``set_aside`` comes first and can be undone; then it is proved once more that the kept file
    stands; ``finish`` ends it. ``put_back`` undoes both, from whatever state a crash left.
    """

    kind: ClassVar[Removal]
    needs_equal_bytes: ClassVar[bool] = False
    """Whether the kept file takes the place of the removed one."""

    def __init__(self, disk: Disk) -> None:
        """Change files by ``disk``."""
        self.disk = disk

    def target_of(self, file: Path, wanted: Path | None) -> Path | None:
        """Return where a file goes or, while it is not finished, lies; None for the trash.

        Args:
            file: The file.
            wanted: Its place in the folder that files are moved to, where there is one.
        """
        del wanted
        return unfinished_name(file, self.kind.value)

    @abstractmethod
    def set_aside(self, entry: Entry) -> Path | None:
        """Do what can be undone; return where the file is now, or None if that is not known.

        Raises:
            OSError: It cannot be done, and nothing was.
        """

    @abstractmethod
    def finish(self, entry: Entry) -> None:
        """End the removal.

        Raises:
            OSError: It cannot be done.
        """

    @abstractmethod
    def put_back(self, entry: Entry) -> Outcome:
        """Bring the file back, in whatever state it is; said twice it does nothing more.

        Raises:
            OSError: It cannot be done.
        """

    def move_back(self, entry: Entry, place: Path) -> Outcome:
        """Move a file back from where it was set aside, or drop what a crash left there too.

        Args:
            entry: The file.
            place: Where it was set aside.

        Raises:
            OSError: It cannot be done.
        """
        is_aside = os.path.lexists(place)
        if os.path.lexists(entry.path):
            if not is_in_place(entry):
                return Outcome.IN_THE_WAY if is_aside else Outcome.REPLACED
            if not self._is_left_over(place, entry):
                return Outcome.THERE
            self.disk.unlink(place)
            return Outcome.BACK
        if not is_aside:
            return Outcome.GONE
        if not is_what_was_announced(place, entry):
            return Outcome.CHANGED
        move(self.disk, place, entry.path)
        return Outcome.BACK

    def _is_left_over(self, place: Path, entry: Entry) -> bool:
        """Return whether a file that is set aside and at its old place is there by its own move.

        Another file of equal content may have come to that name. That of a move is one file by two
        names, or a copy on another disk with the time of the first.
        """
        aside, here = identify(place, follow=False), identify(entry.path, follow=False)
        if aside is None or here is None:
            return False
        if (aside.device, aside.inode) == (here.device, here.inode):
            return True
        is_own_name = place == unfinished_name(entry.path, self.kind.value)
        is_copied = self.disk.are_apart(place, entry.path) and aside.mtime_ns == entry.mtime_ns
        return (is_own_name or is_copied) and is_what_was_announced(place, entry)
