"""Verify: whether all that a workspace stores is what was written, and mending what is not."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from curate.argument_types import check_arguments
from curate.copies.cache.damage import drop_cache_damage, find_cache_damage
from curate.errors import InputError
from curate.progress import Progress, Silent
from curate.workspace.damage import find_damage, repair
from curate.workspace.integrity import Damaged
from curate.workspace.workspace import Workspace, find_workspace


@dataclass(frozen=True, kw_only=True, slots=True)
class Damage:
    """One thing that is lost or is not what was written.

    Attributes:
        path: The file, relative to the workspace.
        reason: What is wrong with it.
        hint: What mends it.
    """

    path: str
    reason: str
    hint: str


@dataclass(frozen=True, kw_only=True, slots=True)
class VerifyResult:
    """What the stage found.

    Attributes:
        workspace: Its folder.
        n_files: Files of the workspace.
        bytes: Their size.
        found: What was damaged.
        left: What still is; as ``found`` where nothing was mended.
    """

    workspace: str
    n_files: int
    bytes: int
    found: list[Damage]
    left: list[Damage]


@check_arguments
def verify(
    *, repairs: bool = False, workspace: Path | str | None = None, progress: Progress | None = None
) -> VerifyResult:
    """Read every byte of a workspace and tell what is damaged.

    Args:
        repairs: Make again what can be made again: all but the weights of models.
        workspace: Its folder; None takes ``CURATE_WORKSPACE`` or ``.curate``.
        progress: Hears of what is made again.

    Raises:
        InputError: There is no workspace.
        ResourceError: It is to be mended, and the lock is held or the disk is full.
    """
    space = find_workspace(workspace, progress)
    if not space.is_there():
        raise InputError(f"no workspace at {space}", hint="make one with `curate train IMAGES`")
    found = left = _find_all(space)
    if repairs and found:
        repair(space, progress or Silent())
        with space.writing():
            drop_cache_damage(space.root / "copies")
        left = _find_all(space)
    files = [path for path in space.root.rglob("*") if path.is_file()]
    return VerifyResult(
        workspace=str(space),
        n_files=len(files),
        bytes=sum(path.stat().st_size for path in files),
        found=_describe(space, found),
        left=_describe(space, left),
    )


def _find_all(space: Workspace) -> list[Damaged]:
    return [*find_damage(space), *find_cache_damage(space.root / "copies")]


def _describe(space: Workspace, damage: Sequence[Damaged]) -> list[Damage]:
    return [
        Damage(path=str(one.path.relative_to(space.root)), reason=one.reason, hint=one.hint)
        for one in damage
    ]
