"""Refusals: the images that no worker survives, so that no later run dies of them.

They are kept in ``refused.parquet``, by content hash; whoever removes that file has them tried
again. Nothing else that is known of an image is lost: its pixels stay in the cache.
"""

from collections.abc import Callable, Mapping, Sized
from dataclasses import replace
from typing import TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from curate.amounts import count_of
from curate.engine.base import Failure, FailureKind
from curate.errors import ResourceError
from curate.files import remove
from curate.manifest.manifest import Manifest
from curate.manifest.rows import FilledRows, HeldRows
from curate.progress import Progress
from curate.workspace.catalogue import Catalogue
from curate.workspace.integrity import Damaged, check_table, read_table, write_table
from curate.workspace.refused_rows import REFUSED, list_marked_columns, mark_refused
from curate.workspace.workspace import Workspace

Result = TypeVar("Result")

_FEW = 8  # images that may all be bad


class ImagesRefused(Exception):
    """A step is done but for images that no worker survives.

    Attributes:
        reasons: Why, by content hash.
    """

    def __init__(self, reasons: Mapping[str, str]) -> None:
        """Name the images."""
        super().__init__(f"no worker survives {count_of(len(reasons), 'image')}")
        self.reasons = reasons


def split_failures(
    failed: Mapping[str, Failure], survivors: Sized
) -> tuple[dict[str, str], list[str]]:
    """Return the images that no worker survives, with the reason, and those to be done here.

    What raised an error on a worker is done in this process: the worker may lack what it has, such
    as the files of damaged pixels. What killed its worker each time would kill this process, too.

    Args:
        failed: Why workers have nothing of an image, by content hash.
        survivors: The images that have what is made of these, from this run or earlier ones.

    Raises:
        ResourceError: Workers died of many images and survived none: it is not the images.
    """
    died = {name: one for name, one in failed.items() if one.kind is FailureKind.DIED}
    if len(died) > _FEW and len(survivors) == 0:
        reason = next(iter(died.values())).reason
        raise ResourceError(
            f"workers die of each of {len(died)} images: {reason}",
            hint="give the workers more memory, or see without --cluster what they die of",
        )
    reasons = {name: f"its worker died: {one.reason}" for name, one in died.items()}
    return reasons, [name for name in failed if name not in died]


def read_refusals(workspace: Workspace, progress: Progress) -> pa.Table:
    """Return the refused images, columns of ``REFUSED``; the caller holds the lock.

    Args:
        workspace: The workspace.
        progress: Hears of damage: then all are tried again.
    """
    drop_damaged_refusals(workspace, progress)
    if not workspace.refusals.exists():
        return REFUSED.empty_table()
    return read_table(workspace.refusals)


def drop_damaged_refusals(workspace: Workspace, progress: Progress) -> None:
    """Forget which images are refused if their file is damaged, with a line that says so."""
    for damage in find_refusal_damage(workspace):
        progress.note(f"{damage}; its images are tried again")
        remove(damage.path)


def find_refusal_damage(workspace: Workspace) -> list[Damaged]:
    """Return what is wrong with the file of refused images."""
    try:
        if workspace.refusals.exists():
            check_table(workspace.refusals)
    except Damaged as damage:
        return [damage]
    return []


def refuse_images(workspace: Workspace, reasons: Mapping[str, str], progress: Progress) -> None:
    """Have images count as unreadable from now on; the caller holds the lock.

    Args:
        workspace: Whose images they are.
        reasons: Why, by content hash.
        progress: Hears how many they are.

    Raises:
        ResourceError: The disk is full or cannot be written.
    """
    known = read_refusals(workspace, progress)
    is_kept = pc.invert(pc.is_in(known["hash"], value_set=pa.array(list(reasons), pa.string())))
    new = pa.table([list(reasons), list(reasons.values())], schema=REFUSED)
    refusals = pa.concat_tables([known.filter(is_kept), new]).sort_by("hash")
    write_table(refusals, workspace.refusals)
    Catalogue(workspace).mark_refused(refusals)
    progress.note(
        f"no worker survives {count_of(len(reasons), 'image')}, "
        f"unreadable from now on; remove {workspace.refusals} to have all such tried again"
    )


def without_refused(
    workspace: Workspace, progress: Progress, work: Callable[[pa.Table], Result]
) -> Result:
    """Return what some work comes to, which begins again without the images it is refused.

    What was done of the others is kept where the work keeps it, so that it is not done again.

    Args:
        workspace: Whose images they are; the caller holds the lock.
        progress: Hears how many are refused.
        work: Takes the refused images, columns of ``REFUSED``, and leaves them out.
    """
    while True:
        try:
            return work(read_refusals(workspace, progress))
        except ImagesRefused as refused:
            refuse_images(workspace, refused.reasons, progress)


def leave_out_refused(manifest: Manifest, refusals: pa.Table) -> Manifest:
    """Return a manifest in whose rows the refused images are unreadable.

    Args:
        manifest: It may have been written before they were refused.
        refusals: Columns of ``REFUSED``.
    """
    if len(refusals) == 0:
        return manifest
    names = list_marked_columns(manifest.rows.schema)
    rows = manifest.rows.read(["hash", *names])
    marked = mark_refused(rows, refusals)
    if marked is rows:
        return manifest
    return replace(manifest, rows=FilledRows(manifest.rows, HeldRows(marked.select(names))))
