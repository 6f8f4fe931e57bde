"""What a file is and holds at this moment."""

import hashlib
import stat
from dataclasses import dataclass
from pathlib import Path

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Identity:
    """What changes when a file is replaced or written.

    Attributes:
        device: Number of its disk.
        inode: Number on it.
        bytes: Size.
        mtime_ns: Time of the last change, in ns.
    """

    device: int
    inode: int
    bytes: int
    mtime_ns: int


def identify(path: Path, *, follow: bool) -> Identity | None:
    """Return the identity of a file; None if there is none.

    Args:
        path: The file.
        follow: Whether that of what a symbolic link leads to is meant.
    """
    try:
        facts = path.stat(follow_symlinks=follow)
    except OSError:
        return None
    return Identity(facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns)


def hash_file(path: Path) -> str | None:
    """Return the SHA-256 of a regular file's content, hex; None if it cannot be read."""
    digest = hashlib.sha256()
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return None
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    except OSError:
        return None
    return digest.hexdigest()
