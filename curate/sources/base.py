"""What a source of images is: it lists its files and gives their bytes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

DEFAULT_EXCLUDES = (
    "@eaDir", "#recycle", "@Recycle", "@tmp", ".thumbnails", ".Trash*", "$RECYCLE.BIN",
    "System Volume Information", "__MACOSX", "lost+found", "Thumbs.db",
)  # fmt: skip
"""Names that are always passed over: what a NAS, a desktop or an archiver adds to a folder."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file that may be an image.

    Attributes:
        path: Relative to the source, ``/``-separated, escaped as the manifest has it.
        bytes: Size.
        mtime_ns: Time of the last change of the content, in ns.
        ctime_ns: Time of the last change of the file, its name included, in ns.
        device: Number of the disk.
        inode: Number of the file on its disk.
        link_of: Path of the file of which this is another name: a link to it, or the same folder
        reached
            twice; None for the file itself.
    """

    path: str
    bytes: int
    mtime_ns: int
    ctime_ns: int
    device: int
    inode: int
    link_of: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Listing:
    """What a source holds.

    Attributes:
        files: All files that may be images, sorted by path.
        passed_over: How many files were not looked at, by ending or by what they are.
        problems: What could not be looked at, by name, a sentence each.
    """

    files: Sequence[SourceFile]
    passed_over: Mapping[str, int] = field(default_factory=dict)
    problems: Sequence[str] = ()


class Source(Protocol):
    """Where images come from.

    A new kind of source is one file that has these, and a line in ``open_source``.
    """

    @property
    def address(self) -> str:
        """What names the source in manifests: for a folder its absolute path."""

    def list_files(self, exclude: Sequence[str] = DEFAULT_EXCLUDES) -> Listing:
        """Return all files that may be images.

        Args:
            exclude: Patterns such as ``@eaDir``, ``*.tmp`` or ``old/*`` of what is passed over.

        Raises:
            InputError: The source cannot be listed, or has no image file.
        """

    def read(self, path: str) -> bytes:
        """Return the bytes of one file.

        Raises:
            OSError: It cannot be read.
        """

    def local_file(self, path: str) -> Path:
        """Return where a file lies on this machine."""
