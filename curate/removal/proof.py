"""Proof that a file is what a manifest or a journal says, at this moment."""

import os
from pathlib import Path

from curate.removal.content import Identity, hash_file, identify
from curate.removal.journal import Entry


def is_what_was_announced(path: Path, entry: Entry) -> bool:
    """Return whether a file is the one of a journal's entry, by what it holds.

    Args:
        path: Where it is now.
        entry: What it was.
    """
    if entry.link is not None or path.is_symlink():
        return path.is_symlink() and os.readlink(path) == entry.link  # noqa: PTH115 - as text
    if entry.hash is None:
        found = identify(path, follow=False)
        return found is not None and (found.bytes, found.mtime_ns) == (entry.bytes, entry.mtime_ns)
    return hash_file(path) == entry.hash


def is_in_place(entry: Entry) -> bool:
    """Return whether the file of a journal's entry is where it was: its content, or untouched.

    One that was left because it is not what the manifest says is known by its size and time.
    """
    if is_what_was_announced(entry.path, entry):
        return True
    found = identify(entry.path, follow=False)
    return found is not None and (found.bytes, found.mtime_ns) == (entry.bytes, entry.mtime_ns)


class KeptFiles:
    """Files that stay for others, proved; one that did not change since is not read again."""

    def __init__(self) -> None:
        """Know none; only the last one is remembered, since copies of one come together."""
        self._last: tuple[Path, str, Identity] | None = None

    def prove(self, path: Path, content_hash: str) -> Identity | None:
        """Return the identity of a file that is there, readable and of this content; else None."""
        before = identify(path, follow=True)
        if before is None:
            return None
        if self._last == (path, content_hash, before) and os.access(path, os.R_OK):
            return before
        if hash_file(path) != content_hash or identify(path, follow=True) != before:
            return None
        self._last = (path, content_hash, before)
        return before


def lies_where_it_seems(file: Path, root: Path) -> bool:
    """Return whether a file is below a folder by its own name, not by a link or ``..``.

    A file that is reached by a linked folder is the file of another name: to remove it there would
    remove it here.

    Args:
        file: ``root`` with a relative path.
        root: The folder, which may itself be reached by a link.
    """
    try:
        inside = file.parent.relative_to(root)
        real_parent, real_root = os.path.realpath(file.parent), os.path.realpath(root)
    except (ValueError, OSError):
        return False
    if ".." in inside.parts or file.name in ("", "..", "."):
        return False
    return Path(real_parent) == Path(real_root) / inside
