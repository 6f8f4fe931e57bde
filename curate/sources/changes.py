"""Whether a file is still the one that it was when a manifest was written."""

import hashlib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True, slots=True)
class Recorded:
    """What was written down of a file.

    Attributes:
        bytes: Its size, or None.
        hash: SHA-256 of its bytes, hex, or None.
        mtime_ns: Time of the last change of its content, in ns; None where it is not known.
    """

    bytes: int | None
    hash: str | None
    mtime_ns: int | None


def has_other_content(content: bytes, recorded: Recorded) -> bool:
    """Return whether bytes are others than the recorded ones.

    Args:
        content: The bytes of an image.
        recorded: What was written down of it.
    """
    if recorded.hash is None:
        return recorded.bytes is not None and recorded.bytes != len(content)
    return hashlib.sha256(content).hexdigest() != recorded.hash


def has_changed(file: Path, recorded: Recorded, content: bytes | None) -> bool:
    """Return whether a file is another than the recorded one.

    The size is compared always, the hash where the bytes are at hand; where they are not, a file of
    another time is read for it.

    Args:
        file: Where it lies.
        recorded: What was written down.
        content: Its bytes, if they were read anyway.

    Raises:
        OSError: It cannot be read.
    """
    facts = file.stat()
    if recorded.bytes is not None and recorded.bytes != facts.st_size:
        return True
    if recorded.hash is None:
        return False
    if content is not None:
        return hashlib.sha256(content).hexdigest() != recorded.hash
    if recorded.mtime_ns is None or recorded.mtime_ns == facts.st_mtime_ns:
        return False
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest() != recorded.hash
