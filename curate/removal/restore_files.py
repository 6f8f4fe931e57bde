"""Bring back what a removal took, from whatever state it was stopped in."""

from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from curate.choices import Removal
from curate.errors import first_line
from curate.progress import Progress
from curate.removal.actions import make_action
from curate.removal.actions.base import Outcome
from curate.removal.disk import Disk
from curate.removal.journal import Entry

NAMED_AT_MOST = 20
"""Files named of those that did not come back; all are counted."""


def restore_files(
    entries: Iterable[Entry], *, emptied: Iterable[Path], disk: Disk, progress: Progress
) -> tuple[Counter[str], list[str]]:
    """Bring back files; what is there already stays as it is, so that it can be said twice.

    Args:
        entries: Of a journal.
        emptied: Folders that files were moved to: those in them that become empty go.
        disk: Makes the changes.
        progress: Hears of each.

    Returns:
        How many files came to each outcome, and some that did not come back, with the reason.
    """
    actions = {kind: make_action(kind, disk) for kind in Removal}
    folders = tuple(emptied)
    counts: Counter[str] = Counter()
    missing: list[str] = []
    for entry in entries:
        try:
            outcome: str = actions[entry.action].put_back(entry)
        except OSError as error:
            outcome = f"left: {error.strerror or first_line(error)}"
        counts[outcome] += 1
        if outcome not in (Outcome.BACK, Outcome.THERE) and len(missing) < NAMED_AT_MOST:
            missing.append(f"{entry.file}: {outcome}")
        if outcome == Outcome.BACK and entry.action is Removal.MOVE:
            _remove_empty_folders(disk, entry.target_path.parent, folders)
        progress.advance()
    return counts, missing


def _remove_empty_folders(disk: Disk, folder: Path, tops: Iterable[Path]) -> None:
    """Remove a folder and those above it as far as they are empty and below one of ``tops``."""
    with suppress(OSError):  # one is not empty
        while any(folder.is_relative_to(top) for top in tops):
            disk.remove_empty_folder(folder)
            folder = folder.parent
