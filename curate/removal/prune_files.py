"""Remove files one by one, each only while it is proved that its content stays."""

import errno
import os
import stat
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TypeVar

from curate.errors import first_line
from curate.progress import Progress
from curate.removal.actions.base import Action
from curate.removal.content import Identity, hash_file, identify
from curate.removal.file_facts import read_attributes
from curate.removal.journal import Entry, Journal
from curate.removal.plan import Leaving
from curate.removal.proof import KeptFiles, is_what_was_announced, lies_where_it_seems
from curate.removal.sidecars import find_sidecars, serves_another

Item = TypeVar("Item")

ANNOUNCED_AT_ONCE = 256
"""Files announced with one write to the disk. Safety does not depend on it, since each is compared
when it goes; one write a file took 6.1 times as long, 16 files a write 1.4 times
(``tests/benchmarks/prune_speed.py``)."""

GONE = "it is not there any more"
CHANGED = "it was changed since the manifest was written"
NOT_HERE = "it lies elsewhere: its folder is a link, or its path leads out of the source"
NO_KEPT = "the file that it is a copy of does not stay"
UNKNOWN_KEPT = "the manifest does not say what the file that it is a copy of holds"
KEPT_CHANGED = "the file that stays for it is gone, unreadable or changed"
SAME_FILE = "it is the kept file by another name"
RELIED_ON = "a file that went was a copy of it"
SHARED = "a file that stays has it too"


@dataclass(kw_only=True, slots=True)
class Tally:
    """What was done so far.

    Attributes:
        n_files: Images that went.
        n_sidecars: Sidecar files that went with them.
        bytes: Size of both.
        left: How many files were left, by the reason.
    """

    n_files: int = 0
    n_sidecars: int = 0
    bytes: int = 0
    left: Counter[str] = field(default_factory=Counter)


class Pruning:
    """Removes files in one way, from one source, with one journal.

    Attributes:
        tally: What was done so far.
    """

    def __init__(
        self,
        action: Action,
        journal: Journal,
        *,
        root: Path,
        to: Path | None,
        takes_sidecars: bool,
        announced_at_once: int = ANNOUNCED_AT_ONCE,
    ) -> None:
        """Remove nothing yet.

        Args:
            action: How files go.
            journal: Is written before they do.
            root: Folder of the source.
            to: Folder that they are moved to, if they are.
            takes_sidecars: Whether the sidecar files of an image go with it.
            announced_at_once: Files announced with one write to the disk.
        """
        self._action = action
        self._journal = journal
        self._root = root
        self._to = to
        self._takes_sidecars = takes_sidecars
        self._announced_at_once = announced_at_once
        self.tally = Tally()
        self._kept = KeptFiles()
        self._relied_on: set[Path] = set()

    def run(self, files: Iterable[Leaving], progress: Progress) -> None:
        """Remove files.

        Args:
            files: Those to remove.
            progress: Hears of each.

        Raises:
            CurateError: The disk is full or lacks what the action needs; what was done stands.
        """
        for batch in _batches(files, self._announced_at_once):
            announced = [(leaving, self._prepare(leaving)) for leaving in batch]
            self._journal.announce([entry for _, entries in announced for entry in entries])
            for leaving, entries in announced:
                if entries:
                    self._remove_with_sidecars(leaving, entries)
                progress.advance()

    def _prepare(self, leaving: Leaving) -> list[Entry]:
        """Return the entries of a file and of its sidecars; none where it cannot go."""
        reason = self._find_hindrance(leaving)
        if reason is not None:
            self._leave(leaving.path, reason)
            return []
        sidecars = find_sidecars(leaving.file) if self._takes_sidecars else []
        entries = [self._make_entry(leaving.file, leaving.hash, leaving.kept)]
        return entries + [self._make_entry(one, hash_file(one), leaving.kept) for one in sidecars]

    def _find_hindrance(self, leaving: Leaving) -> str | None:
        """Return why a file cannot go, as far as that is known before anything is read."""
        file, kept = leaving.file, leaving.kept
        if not lies_where_it_seems(file, self._root):
            return NOT_HERE
        here = identify(file, follow=False)
        if here is None:
            return GONE
        if leaving.hash is None and here.bytes != leaving.bytes:
            return CHANGED
        if not leaving.is_copy:
            return None
        if kept is None:
            return NO_KEPT
        if leaving.kept_hash is None:
            return UNKNOWN_KEPT
        is_link = self._action.needs_equal_bytes and file.is_symlink()
        return SAME_FILE if is_link or self._is_same(file, kept) else None

    def _is_same(self, file: Path, kept: Path) -> bool:
        """Return whether to remove a file would remove the kept one, or free nothing."""
        if Path(os.path.realpath(kept)) == _real_name(file):
            return True
        if identify(file, follow=True) != identify(kept, follow=True):
            return False
        has_one_name = not file.is_symlink() and file.stat().st_nlink == 1  # seen by two mounts
        return self._action.needs_equal_bytes or has_one_name

    def _make_entry(self, file: Path, content_hash: str | None, kept: Path | None) -> Entry:
        facts = file.lstat()
        is_replaced = self._action.needs_equal_bytes
        target = self._action.target_of(file, self._place_of(file))
        return Entry(
            action=self._action.kind,
            file=str(file),
            target=str(target or ""),
            kept=str(kept) if kept is not None else None,
            hash=content_hash,
            bytes=facts.st_size,
            mtime_ns=facts.st_mtime_ns,
            mode=stat.S_IMODE(facts.st_mode),
            link=os.readlink(file) if file.is_symlink() else None,  # noqa: PTH115 - as text
            owner=(facts.st_uid, facts.st_gid) if is_replaced else None,
            attributes=read_attributes(file) if is_replaced else None,
        )

    def _place_of(self, file: Path) -> Path | None:
        """Return the place of a file in the folder that files are moved to.

        One in a tree of annotations beside the source keeps its path from where both part.
        """
        if self._to is None:
            return None
        return self._to / file.relative_to(os.path.commonpath((self._root, file)))

    def _remove_with_sidecars(self, leaving: Leaving, entries: Sequence[Entry]) -> None:
        image, *sidecars = entries
        reason = self._remove(image, leaving)
        if reason is not None:
            self._leave(leaving.path, reason)
            return
        self.tally.n_files += 1
        self.tally.bytes += image.bytes
        self._rely_on(leaving.kept)
        for entry in sidecars:
            shared = SHARED if serves_another(entry.path, image.path) else None
            reason = shared or self._remove(entry, leaving)
            if reason is not None:
                self._leave(entry.file, reason)
                continue
            self.tally.n_sidecars += 1
            self.tally.bytes += entry.bytes

    def _remove(self, entry: Entry, leaving: Leaving) -> str | None:
        """Remove a file that was announced; return why it was left, or None.

        Raises:
            OSError: The disk is full.
        """
        before = identify(entry.path, follow=False)
        if not _holds_what_was_announced(entry) or identify(entry.path, follow=False) != before:
            return CHANGED
        if _real_name(entry.path) in self._relied_on:
            return RELIED_ON
        if not self._is_kept_proved(leaving):
            return KEPT_CHANGED
        is_aside = False
        try:
            place = self._action.set_aside(entry)
            is_aside = True
            reason = self._finish(entry, leaving, place, before)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise
            reason = f"it cannot be removed: {error.strerror or first_line(error)}"
        if reason is not None and is_aside:
            with suppress(OSError):  # what is not put back now, `curate restore` finds
                self._action.put_back(entry)
        return reason

    def _finish(
        self, entry: Entry, leaving: Leaving, place: Path | None, before: Identity | None
    ) -> str | None:
        """Look again at a file that was set aside, and finish; return why not, or None."""
        if not self._is_kept_proved(leaving):
            return KEPT_CHANGED
        if place is not None and not _is_unchanged(identify(place, follow=False), before):
            return CHANGED
        self._action.finish(entry)
        return None

    def _is_kept_proved(self, leaving: Leaving) -> bool:
        if leaving.kept is None:
            return not leaving.is_copy
        content_hash = leaving.kept_hash or ""
        if self._action.needs_equal_bytes and content_hash != leaving.hash:
            return False
        return self._kept.prove(leaving.kept, content_hash) is not None

    def _rely_on(self, kept: Path | None) -> None:
        """Remember a kept file that is reached by a link, so that it does not go by its own name.

        One that is reached by its own name stays by its own row.
        """
        if kept is not None and not (
            lies_where_it_seems(kept, self._root) and not kept.is_symlink()
        ):
            self._relied_on.add(Path(os.path.realpath(kept)))

    def _leave(self, path: str, reason: str) -> None:
        self.tally.left[reason] += 1
        self._journal.note_left(path, reason)


def _holds_what_was_announced(entry: Entry) -> bool:
    """Return whether a file, and what it leads to if it is a link, is as it was announced."""
    is_same = is_what_was_announced(entry.path, entry)
    return is_same and (entry.link is None or hash_file(entry.path) == entry.hash)


def _real_name(file: Path) -> Path:
    """Return the path of a file, or of a link as such, without links above it."""
    return Path(os.path.realpath(file.parent)) / file.name


def _is_unchanged(now: Identity | None, before: Identity | None) -> bool:
    """Return whether a file that was set aside was not written meanwhile.

    One that was copied to another disk was compared there.
    """
    if now is None or before is None:
        return False
    return (now.device, now.inode) != (before.device, before.inode) or now == before


def _batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
