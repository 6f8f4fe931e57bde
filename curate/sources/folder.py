"""Where images come from: a folder, listed in an order that does not depend on the machine."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote_to_bytes

from curate.errors import InputError
from curate.images.decode import EXTENSIONS, is_image_start

_LOOKS_ESCAPED = re.compile(rb"%(?=[0-9A-Fa-f]{2})")
_NOT_UTF8 = re.compile("[\udc80-\udcff]")


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file that may be an image.

    Attributes:
        path: Relative to the source, ``/``-separated, escaped as the manifest has it.
        bytes: Size.
        mtime_ns: Time of the last change, in ns.
        inode: Number of the file on its disk; a renamed file keeps it.
    """

    path: str
    bytes: int
    mtime_ns: int
    inode: int


def list_images(source: Path) -> list[SourceFile]:
    """List the image files below a folder, sorted by path.

    Hidden files and folders are passed over. Links are followed; a link that leads back to a folder
    it lies in is not. A file counts as an image by its name's ending, or, if it has none, by its
    first bytes.

    Raises:
        InputError: The folder is missing, is no folder, cannot be listed or has no image file.
    """
    if not source.is_dir():
        what = "is a file, not a folder" if source.exists() else "does not exist"
        raise InputError(f"{source} {what}", hint="name a folder of images")
    try:
        found = list(_walk(os.fsencode(source), b"", ()))
    except OSError as error:
        raise InputError(
            f"{source} cannot be listed: {error.strerror}", hint="check its permissions"
        ) from None
    if not found:
        raise InputError(
            f"{source} holds no image files",
            hint="name a folder with .jpg, .png, .webp, … files, at any depth",
        )
    return sorted(found, key=lambda file: file.path)


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
                    facts = entry.stat()
                    yield SourceFile(escape(path), facts.st_size, facts.st_mtime_ns, facts.st_ino)
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


def escape(path: bytes) -> str:
    """Return a path as text that ``unescape`` turns back.

    Bytes that are not UTF-8 become ``%XX``, and so does a ``%`` that two hex digits follow.
    """
    text = _LOOKS_ESCAPED.sub(b"%25", path).decode("utf-8", "surrogateescape")
    return _NOT_UTF8.sub(lambda found: f"%{ord(found.group()) - 0xDC00:02X}", text)


def unescape(path: str) -> bytes:
    """Return the bytes of a path that ``escape`` wrote."""
    return unquote_to_bytes(path) if "%" in path else path.encode()


def file_of(source: str | Path, path: str) -> Path:
    """Return the file of a manifest's path."""
    return Path(os.fsdecode(os.path.join(os.fsencode(source), unescape(path))))  # noqa: PTH118
