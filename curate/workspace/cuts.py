"""Cuts: what other cuts of a manifest gave, in ``cuts/``, of which the workspace keeps the last.

Each is a manifest, and the evidence of its pairs in ``evidence/``. They are made again in seconds,
so that only so many bytes of them are kept: the least recently used go first.
"""

import hashlib
import os
from pathlib import Path

from curate.files import remove
from curate.workspace.workspace import Workspace

CUTS_BYTES = 1 << 30
"""Bytes of the cuts that stay, with their evidence: some 30 cuts of a million images."""


def evidence_path(space: Workspace, manifest: Path) -> Path:
    """Return where the accepted pairs of a manifest are."""
    return space.evidence / f"{_name_of(manifest)}.parquet"


def misses_path(space: Workspace, manifest: Path) -> Path:
    """Return where the pairs just below the cut of a manifest are."""
    return space.evidence / f"{_name_of(manifest)}-below.parquet"


def cut_path(space: Workspace, manifest: Path, cut: str) -> Path:
    """Return where another cut of a manifest is.

    Args:
        space: The workspace.
        manifest: Whose cut it is.
        cut: Its name, such as ``at-0.9``.
    """
    return _folder(space) / f"{_name_of(manifest)}-{cut}.parquet"


def use_cut(space: Workspace, manifest: Path) -> None:
    """Note that a cut is used; of any other manifest nothing is noted."""
    if manifest.parent == _folder(space) and manifest.exists():
        os.utime(manifest)


def drop_old_cuts(space: Workspace, newest: Path, *, most_bytes: int | None = None) -> None:
    """Remove the cuts used least recently, until the others take few bytes; the lock is held.

    Args:
        space: The workspace.
        newest: The one that stays, whatever it takes.
        most_bytes: Of those that stay; None for ``CUTS_BYTES``.
    """
    most_bytes = CUTS_BYTES if most_bytes is None else most_bytes
    kept = 0
    cuts = [path for path in _folder(space).glob("*.parquet") if path != newest]
    for cut in [newest, *sorted(cuts, key=lambda path: (-path.stat().st_mtime_ns, path.name))]:
        files = [
            path
            for path in (cut, evidence_path(space, cut), misses_path(space, cut))
            if path.exists()
        ]
        kept += sum(path.stat().st_size for path in files)
        if kept > most_bytes and cut != newest:
            for path in files:
                remove(path)
    space.forget_manifests(_folder(space))


def _folder(space: Workspace) -> Path:
    return space.root / "cuts"


def _name_of(manifest: Path) -> str:
    return hashlib.sha256(os.fsencode(manifest.absolute())).hexdigest()[:16]
