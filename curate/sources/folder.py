"""A folder of images, listed in an order that does not depend on the machine."""

import os
from collections.abc import Iterator
from pathlib import Path

from curate.errors import InputError
from curate.images.decode import EXTENSIONS, is_image_start
from curate.sources.base import SourceFile
from curate.sources.names import escape, unescape


class FolderSource:
    """The image files below a folder.

    Hidden files and folders are passed over. Links are followed; a link that leads back to a folder
    it lies in is not. A file counts as an image by its name's ending, or, if it has none, by its
    first bytes.
    """

    def __init__(self, folder: Path) -> None:
        """Name the folder; it need not be there yet."""
        self._folder = folder

    @property
    def address(self) -> str:
        """The folder's absolute path."""
        return str(self._folder.absolute())

    def list_files(self) -> list[SourceFile]:
        """List the image files, sorted by path.

        Raises:
            InputError: The folder is missing, is no folder, cannot be listed or has no image file.
        """
        folder = self._folder
        if not folder.is_dir():
            problem = "is a file, not a folder" if folder.exists() else "does not exist"
            raise InputError(f"{folder} {problem}", hint="name a folder of images")
        try:
            files = list(_walk(os.fsencode(folder), b"", ()))
        except OSError as error:
            raise InputError(
                f"{folder} cannot be listed: {error.strerror}", hint="check its permissions"
            ) from None
        if not files:
            raise InputError(
                f"{folder} holds no image files",
                hint="name a folder with .jpg, .png, .webp, … files, at any depth",
            )
        return sorted(files, key=lambda file: file.path)

    def read(self, path: str) -> bytes:
        """Return the bytes of one file.

        Raises:
            OSError: It cannot be read.
        """
        return self.local_file(path).read_bytes()

    def local_file(self, path: str) -> Path:
        """Return where a file lies on this machine."""
        return Path(os.fsdecode(os.path.join(os.fsencode(self._folder), unescape(path))))  # noqa: PTH118


def _walk(
    folder: bytes, inside: bytes, ancestors: tuple[tuple[int, int], ...]
) -> Iterator[SourceFile]:
    here = os.stat(folder)  # noqa: PTH116 - bytes
    identity = (here.st_dev, here.st_ino)
    if identity in ancestors:
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(b"."):
                continue
            path = inside + entry.name
            try:
                if entry.is_dir():
                    yield from _walk(entry.path, path + b"/", (*ancestors, identity))
                elif _may_be_image(entry):
                    yield _source_file(path, entry.stat())
            except FileNotFoundError:
                continue  # a link to nowhere, or gone since it was listed


def _may_be_image(entry: os.DirEntry[bytes]) -> bool:
    if not entry.is_file():
        return False
    ending = os.path.splitext(entry.name)[1].lower()  # noqa: PTH122 - bytes
    if ending:
        return ending.decode("ascii", "replace") in EXTENSIONS
    try:
        with open(entry.path, "rb") as file:  # noqa: PTH123 - bytes
            return is_image_start(file.read(16))
    except OSError:
        return False


def _source_file(path: bytes, facts: os.stat_result) -> SourceFile:
    return SourceFile(
        path=escape(path),
        bytes=facts.st_size,
        mtime_ns=facts.st_mtime_ns,
        ctime_ns=facts.st_ctime_ns,
        device=facts.st_dev,
        inode=facts.st_ino,
    )
