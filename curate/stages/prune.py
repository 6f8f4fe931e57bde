"""Prune: the copies that need not be kept leave the source, each proved and put down first."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import numpy as np

from curate.argument_types import check_arguments
from curate.choices import Removal
from curate.errors import InputError, UsageError
from curate.field_types import take_types
from curate.files import disk_errors
from curate.manifest.manifest import Manifest, read_manifest
from curate.output_checks import check_apart, check_is_here
from curate.progress import Progress, Silent, task
from curate.removal.actions import make_action
from curate.removal.disk import Disk
from curate.removal.journal import open_journal
from curate.removal.plan import Choice, CopyPlan, Plan, plan_copies, plan_unreadable
from curate.removal.prune_files import Pruning
from curate.sources import name_source, open_source

_SHOWN = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class PruneConfig:
    """What the stage needs to know.

    Attributes:
        action: How copies leave the source; None for no copies.
        to: Folder that they are moved to, which keeps their tree; only for the action ``move``.
        unreadable: Folder that files which cannot be read are moved to; None leaves them.
        where: Only rows for which this expression of DuckDB holds; None for all.
        match: Only copies by this evidence or a stronger one, such as ``pixels``; None for any.
        at_least: Only copies of at least this probability, in [0, 1]; None for any.
        sidecars: Whether files that belong to an image, such as annotations, go with it.
        is_plan: Whether it is only said what would be done.
    """

    action: Removal | None = None
    to: Path | None = None
    unreadable: Path | None = None
    where: str | None = None
    match: str | None = None
    at_least: float | None = None
    sidecars: bool = False
    is_plan: bool = True

    def __post_init__(self) -> None:
        """Take the choice by its name and check what goes together.

        Raises:
            UsageError: Something does not.
        """
        take_types(self)
        if (self.action is Removal.MOVE) != (self.to is not None):
            raise UsageError(
                "the action move and the folder to move to need each other",
                hint="such as --move ../duplicates",
            )
        if not self.is_plan and self.action is None and self.unreadable is None:
            raise UsageError(
                "nothing says what to do with the copies",
                hint="add --move DIR, --trash, --hardlink, --reflink, --delete or --unreadable DIR",
            )
        if self.sidecars and self.action in (Removal.HARDLINK, Removal.REFLINK):
            raise UsageError(
                "sidecars stay where their image stays",
                hint=f"leave out --sidecars, or --{self.action}",
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class PruneResult:
    """What the stage did, or would do.

    Attributes:
        manifest: The manifest.
        source: Folder of the images.
        action: How copies leave, or None.
        is_plan: Whether nothing was done.
        n_images: Copies that left, or would.
        n_sidecars: Sidecar files that left with them; 0 in a plan.
        n_unreadable: Unreadable files that were moved away, or would be.
        bytes: Size of all these.
        by_match: Copies chosen, by what ties them to the kept image.
        passed_over: How many other rows have ``keep = false``, by the reason why they may not go.
        left: How many files were chosen and left, by the reason.
        examples: Some of the copies chosen, with the image that stays.
        journal: What ``curate restore`` takes; None if no file was about to go.
    """

    manifest: str
    source: str
    action: str | None
    is_plan: bool
    n_images: int
    n_sidecars: int
    n_unreadable: int
    bytes: int
    by_match: dict[str, int]
    passed_over: Mapping[str, int] = field(default_factory=dict)
    left: Mapping[str, int] = field(default_factory=dict)
    examples: list[tuple[str, str]] = field(default_factory=list)
    journal: str | None = None


@check_arguments
def prune(
    manifest: Path | str,
    config: PruneConfig | None = None,
    *,
    journal: Path | str | None = None,
    progress: Progress | None = None,
    disk: Disk | None = None,
) -> PruneResult:
    """Remove copies from the source of a manifest; without more words, only say which.

    A file goes only if, at that moment, its content is what the manifest says, and the file that
    stays for it is there, readable and what the manifest says. All others are left and counted.

    Args:
        manifest: What `curate dedup` wrote.
        config: The stage's settings.
        journal: Where to write what is done, ahead of it; None takes a new file beside the
            manifest.
        progress: Hears how it gets on.
        disk: Makes the changes.

    Raises:
        InputError: The manifest, the source or a folder cannot be used, or the journal is there
            already.
        UsageError: The manifest names no copies, or a folder lies in the source.
        ResourceError: The disk is full, or lacks what the action needs; what was done stands.
    """
    config, progress, disk = config or PruneConfig(), progress or Silent(), disk or Disk()
    path = Path(manifest)
    read = read_manifest(path)
    root = _find_root(read)
    for folder in (config.to, config.unreadable):
        if folder is not None:
            check_is_here(folder)
            check_apart(folder, root)
            _check_target(folder)
    copies, unreadable = _make_plans(read, config)
    if config.is_plan:
        return _say_plan(read, path, config, copies, unreadable)
    place = Path(journal) if journal is not None else _new_journal(path)
    folders = [str(to.absolute()) for to in (config.to, config.unreadable) if to is not None]
    facts = {"manifest": str(path.absolute()), "source": str(root), "folders": folders}
    jobs = (
        (copies, config.action or Removal.MOVE, config.to),
        (unreadable, Removal.MOVE, config.unreadable),
    )
    tallies = []
    with disk_errors(root), open_journal(place, facts, disk) as written:
        progress.note(f"journal: {place}")
        for plan, kind, to in jobs:
            pruning = Pruning(
                make_action(kind, disk),
                written,
                root=root,
                to=to.absolute() if to is not None else None,
                takes_sidecars=config.sidecars,
            )
            with task(progress, "prune", len(plan)):
                pruning.run(plan.files(), progress)
            tallies.append(pruning.tally)
    gone, moved = tallies
    return PruneResult(
        manifest=str(path),
        source=read.source,
        action=config.action,
        is_plan=False,
        n_images=gone.n_files,
        n_sidecars=gone.n_sidecars + moved.n_sidecars,
        n_unreadable=moved.n_files,
        bytes=gone.bytes + moved.bytes,
        by_match=copies.by_match,
        passed_over=copies.passed_over,
        left=dict((gone.left + moved.left).most_common()),
        journal=str(place) if written.has_entries else None,
    )


def _say_plan(
    read: Manifest, path: Path, config: PruneConfig, copies: CopyPlan, unreadable: Plan
) -> PruneResult:
    files = copies.files(_SHOWN)
    return PruneResult(
        manifest=str(path),
        source=read.source,
        action=config.action,
        is_plan=True,
        n_images=len(copies),
        n_sidecars=0,
        n_unreadable=len(unreadable),
        bytes=copies.bytes + unreadable.bytes,
        by_match=copies.by_match,
        passed_over=copies.passed_over,
        examples=[(leaving.path, str(leaving.kept)) for leaving in files],
    )


def _find_root(manifest: Manifest) -> Path:
    """Return the folder of a manifest's source, as it is reached.

    Raises:
        InputError: It is not there.
        UsageError: Its images are no files of one folder.
    """
    root, source = open_source(manifest.source).root, name_source(manifest.source)
    if root is None:
        raise UsageError(
            f"nothing can be pruned from {source}: its images are no files of one folder",
            hint="write what is kept anew: `curate export M.parquet --to DIR --as tar` or parquet",
        )
    if "container" in manifest.rows.schema.names:
        raise UsageError(
            f"nothing can be pruned from {source}: its images lie in archives",
            hint="write what is kept anew: `curate export M.parquet --to DIR --as tar` or parquet",
        )
    root = root.absolute()
    if not root.is_dir():
        raise InputError(
            f"the source {source} is no folder here",
            hint="connect the disk that it lies on, or write the manifest again",
        )
    return root


def _check_target(folder: Path) -> None:
    """Check that files can be moved to a folder, which need not be there yet.

    Raises:
        InputError: It, or one above it, is a file.
    """
    places = (folder.absolute(), *folder.absolute().parents)
    place = next(place for place in places if os.path.lexists(place))
    if not place.is_dir():
        raise InputError(f"{place} is a file, not a folder", hint="name a new folder")


def _make_plans(manifest: Manifest, config: PruneConfig) -> tuple[CopyPlan, Plan]:
    """Return the copies and the unreadable files that may go.

    Raises:
        UsageError: The manifest lacks a column.
    """
    choice = Choice(where=config.where, match=config.match, at_least=config.at_least)
    nothing = np.zeros(len(manifest.rows), bool)
    copies, unreadable = CopyPlan(manifest, nothing), Plan(manifest, nothing)
    if config.action is not None or config.unreadable is None:
        is_linked = config.action in (Removal.HARDLINK, Removal.REFLINK)
        copies = plan_copies(manifest, choice, needs_equal_bytes=is_linked)
    if config.unreadable is not None:
        unreadable = plan_unreadable(manifest, choice)
    return copies, unreadable


def _new_journal(manifest: Path) -> Path:
    """Return the first free name for a journal beside a manifest."""
    numbers = count(1)
    places = (manifest.with_name(f"{manifest.stem}.prune-{n}.jsonl") for n in numbers)
    return next(place for place in places if not place.exists())
