"""Restore: bring back what a prune took."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from curate.argument_types import check_arguments
from curate.errors import InputError
from curate.files import disk_errors
from curate.progress import Progress, Silent, task
from curate.removal.actions.base import Outcome
from curate.removal.disk import Disk
from curate.removal.journal import hold_journal, read_journal
from curate.removal.restore_files import restore_files


@dataclass(frozen=True, kw_only=True, slots=True)
class RestoreResult:
    """What the stage did.

    Attributes:
        journal: The journal.
        source: Folder of the images.
        n_back: Files that were brought back.
        n_there: Files that were there already.
        missing: How many did not come back, by the reason.
        examples: Some of them.
    """

    journal: str
    source: str
    n_back: int
    n_there: int
    missing: Mapping[str, int]
    examples: list[str]


@check_arguments
def restore(
    journal: Path | str, *, progress: Progress | None = None, disk: Disk | None = None
) -> RestoreResult:
    """Bring back all files of a journal; stopped at any moment, the same call goes on.

    A file is never put in the place of another one. What was deleted does not come back.

    Args:
        journal: What `curate prune` wrote.
        progress: Hears how it gets on.
        disk: Makes the changes.

    Raises:
        InputError: It is no journal, or its source is no folder any more.
        ResourceError: Another process works with it, or the disk is full.
    """
    path, progress, disk = Path(journal), progress or Silent(), disk or Disk()
    head, entries = read_journal(path)
    source = Path(head["source"])
    if not source.is_dir():
        raise InputError(
            f"the source {source} is no folder here",
            hint="connect the disk that it lies on, or give the folder its old name again",
        )
    with disk_errors(source), hold_journal(path), task(progress, "restore", None):
        counts, examples = restore_files(
            entries,
            emptied=[Path(folder) for folder in head["folders"]],
            disk=disk,
            progress=progress,
        )
    expected = (Outcome.BACK, Outcome.THERE)
    return RestoreResult(
        journal=str(path),
        source=str(source),
        n_back=counts[Outcome.BACK],
        n_there=counts[Outcome.THERE],
        missing={str(why): n for why, n in counts.most_common() if why not in expected},
        examples=examples,
    )
