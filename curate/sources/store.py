"""Where files lie: names to bytes, whole, in part, from start to end; on this machine first."""

import errno
import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from curate.sources.base import SourceFile
from curate.sources.names import unescape


@dataclass(frozen=True, kw_only=True, slots=True)
class FileFacts:
    """What is known of a file without reading it.

    Attributes:
        bytes: Its size.
        version: What tells that it is the one that was read: ETag, or time and size.
        mtime_ns: Time of the last change of its content, in ns.
        ctime_ns: Time of the last change of the file, its name included, in ns.
        device: Number of the disk; 0 where there is none.
        inode: Number of the file on its disk.
    """

    bytes: int
    version: str
    mtime_ns: int
    ctime_ns: int = 0
    device: int = 0
    inode: int = 0

    def make_file(self, name: str) -> SourceFile:
        """Return the file as a source lists it."""
        return SourceFile(
            name,
            self.bytes,
            self.mtime_ns,
            self.ctime_ns,
            device=self.device,
            inode=self.inode,
        )


class Store(Protocol):
    """A disk, a bucket, a web server. Names are escaped as paths of the manifest are."""

    def find_facts(self, name: str) -> FileFacts:
        """Return what is known of a file.

        Raises:
            OSError: It is not there or cannot be reached.
        """

    def read(
        self, name: str, version: str | None, *, start: int = 0, length: int | None = None
    ) -> bytes:
        """Return bytes of a file of this version.

        Args:
            name: Of the file.
            version: From `find_facts`; None for any.
            start: First byte.
            length: How many; None for all that follow.

        Raises:
            OSError: They cannot be read, or the file is of another version.
        """

    def open_stream(self, name: str, version: str | None) -> IO[bytes]:
        """Return a file that is read from start to end, and can skip.

        Raises:
            OSError: It cannot be read, or is of another version.
        """

    def open_seekable(self, name: str, version: str | None) -> IO[bytes]:
        """Return a file of which parts are read.

        Raises:
            OSError: It cannot be read, or is of another version.
        """

    def disk_path(self, name: str) -> Path | None:
        """Return where a file lies on this machine, or None."""


NOT_ONE_RANGE = "it is a sparse member, which no range of bytes holds: pack it anew"


def ends_early(n_there: int, n_wanted: int) -> str:
    """Return what is said of an image of which the last bytes are missing."""
    return f"its archive ends after {n_there:,} of its {n_wanted:,} bytes"


class FileChanged(OSError):
    """A file is not the one that was listed."""

    def __init__(self, name: str) -> None:
        """Name the file."""
        super().__init__(errno.ESTALE, f"{name} has changed since it was scanned")


class DiskStore:
    """Files below a folder of this machine."""

    def __init__(self, root: Path) -> None:
        """Name the folder."""
        self._root = root

    def disk_path(self, name: str) -> Path:
        """Return where a file lies."""
        return self._root / os.fsdecode(unescape(name))

    def find_facts(self, name: str) -> FileFacts:
        """Return what the file system says of a file.

        Raises:
            OSError: It is not there.
        """
        return facts_of(self.disk_path(name).stat())

    def read(
        self, name: str, version: str | None, *, start: int = 0, length: int | None = None
    ) -> bytes:
        """Return bytes of a file of this version.

        Raises:
            OSError: They cannot be read, or the file is of another version.
        """
        with self.open_stream(name, version) as file:
            file.seek(start)
            content = file.read(-1 if length is None else length)
        if length is not None and len(content) < length:
            raise OSError(errno.EIO, ends_early(len(content), length))
        return content

    def open_stream(self, name: str, version: str | None) -> IO[bytes]:
        """Return the open file.

        Raises:
            OSError: It cannot be read.
            FileChanged: It is of another version.
        """
        file = self.disk_path(name).open("rb")
        if version is not None and facts_of(os.fstat(file.fileno())).version != version:
            file.close()
            raise FileChanged(name)
        return file

    open_seekable = open_stream


def facts_of(facts: os.stat_result) -> FileFacts:
    """Return what the file system says, as a store has it."""
    return FileFacts(
        bytes=facts.st_size,
        version=f"{facts.st_mtime_ns}-{facts.st_size}",
        mtime_ns=facts.st_mtime_ns,
        ctime_ns=facts.st_ctime_ns,
        device=facts.st_dev,
        inode=facts.st_ino,
    )


class ForwardFile(io.RawIOBase):
    """A file made of chunks that come in order; it can be read and skipped, never wound back."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        """Take the chunks; each is asked for when it is needed."""
        super().__init__()
        self._chunks = chunks
        self._rest = memoryview(b"")
        self._position = 0

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def seekable(self) -> bool:
        """Return that it can be skipped."""
        return True

    def tell(self) -> int:
        """Return how many bytes have been read or skipped."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Skip to a position.

        Raises:
            OSError: It lies behind, or the chunks cannot be had.
        """
        ahead = offset - self._position if whence == os.SEEK_SET else offset
        if ahead < 0 or whence == os.SEEK_END:
            raise OSError(errno.ESPIPE, "a stream cannot be wound back")
        while ahead > 0 and self._fill():
            step = min(ahead, len(self._rest))
            self._take(step)
            ahead -= step
        return self._position

    def read(self, size: int | None = -1) -> bytes:
        """Return as many bytes as asked for; fewer only at the end.

        Raises:
            OSError: The chunks cannot be had.
        """
        wanted = -1 if size is None else size
        parts: list[memoryview] = []
        n_read = 0
        while (wanted < 0 or n_read < wanted) and self._fill():
            step = len(self._rest) if wanted < 0 else min(wanted - n_read, len(self._rest))
            parts.append(self._take(step))
            n_read += step
        return b"".join(parts)

    def readinto(self, buffer: object) -> int:
        """Fill a buffer; return how many bytes came."""
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type]
        content = self.read(len(view))
        view[: len(content)] = content
        return len(content)

    def _take(self, n_bytes: int) -> memoryview:
        part, self._rest = self._rest[:n_bytes], self._rest[n_bytes:]
        self._position += n_bytes
        return part

    def _fill(self) -> bool:
        """Return whether there is something left, after asking for the next chunk if need be."""
        while not len(self._rest):
            chunk = next(self._chunks, None)
            if chunk is None:
                return False
            self._rest = memoryview(chunk)
        return True
