"""What a source of images is: it lists its files and gives their bytes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


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
    """

    path: str
    bytes: int
    mtime_ns: int
    ctime_ns: int
    device: int
    inode: int


class Source(Protocol):
    """Where images come from.

    A new kind of source is one file that has these, and a line in ``open_source``.
    """

    @property
    def address(self) -> str:
        """What names the source in manifests: for a folder its absolute path."""

    def list_files(self) -> list[SourceFile]:
        """Return all files that may be images, sorted by path.

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
