"""What buckets and web servers share: requests that are tried again, streams that go on where cut.

A server answers a request for bytes with what it knows of the object, and the bytes in chunks.
"""

import errno
import io
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import IO, TypeVar

from curate.sources.store import FileChanged, FileFacts, ForwardFile, ends_early

Result = TypeVar("Result")

TRIES = 6
N_PARALLEL = 192
"""Requests at a time: the one limit there is."""
_FIRST_WAIT = 0.1  # seconds before the second try; twice that before the third, and so on
_TAIL = 64 << 10  # bytes at the end of a table, where its footer lies
_SMALL = 256 << 10  # bytes of a part that is fetched as a whole


class CutOffError(Exception):
    """A server failed in a way that may pass: 503, a lost connection, a body that ends early."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What a server answers.

    Attributes:
        facts: Of the object; of a part of it, ``bytes`` is the size of the whole.
        chunks: The bytes asked for; raises `CutOffError` where they end early.
    """

    facts: FileFacts
    chunks: Iterator[bytes]


class RemoteStore(ABC):
    """A store that is reached over a network."""

    @abstractmethod
    def ask(self, name: str, version: str | None, start: int, end: int | None) -> Answer:
        """Ask once for bytes of an object.

        Args:
            name: Of the object.
            version: Which it must be, or None.
            start: First byte.
            end: The byte after the last; None for all.

        Raises:
            CutOffError: The server failed in a way that may pass.
            OSError: It will not give the object, or it is another version.
        """

    @abstractmethod
    def ask_facts(self, name: str) -> FileFacts:
        """Ask once what the server knows of an object.

        Raises:
            CutOffError: The server failed in a way that may pass.
            OSError: It will not tell.
        """

    def disk_path(self, name: str) -> Path | None:
        """Return None: nothing lies on this machine."""
        del name
        return None

    def find_facts(self, name: str) -> FileFacts:
        """Return what is known of an object.

        Raises:
            OSError: It is not there or cannot be reached.
        """
        return try_again(lambda: self.ask_facts(name))

    def fetch(
        self, name: str, version: str | None, *, start: int = 0, length: int | None = None
    ) -> tuple[FileFacts, bytes]:
        """Return what is known of an object and bytes of it.

        Raises:
            OSError: They cannot be read, or the object is of another version.
        """
        end = None if length is None else start + length
        if length == 0:
            return self.find_facts(name), b""

        def ask() -> tuple[FileFacts, bytes]:
            answer = self.ask(name, version, start, end)
            return answer.facts, b"".join(answer.chunks)

        return try_again(ask)

    def read(
        self, name: str, version: str | None, *, start: int = 0, length: int | None = None
    ) -> bytes:
        """Return bytes of an object of this version.

        Raises:
            OSError: They cannot be read, or the object is of another version.
        """
        _, content = self.fetch(name, version, start=start, length=length)
        if length is not None and len(content) < length:
            raise OSError(errno.EIO, ends_early(len(content), length))
        return content

    def open_stream(self, name: str, version: str | None) -> IO[bytes]:
        """Return an object that is read from start to end, in one request if nothing fails."""
        return ForwardFile(self.iterate(name, version, 0, None))  # type: ignore[return-value]

    def open_seekable(self, name: str, version: str | None) -> IO[bytes]:
        """Return an object of which parts are read.

        Raises:
            OSError: It cannot be read.
            FileChanged: It is of another version.
        """
        facts = self.find_facts(name)
        if version is not None and facts.version != version:
            raise FileChanged(name)
        return RangeFile(self, name, facts)  # type: ignore[return-value]

    def iterate(
        self, name: str, version: str | None, start: int, end: int | None
    ) -> Iterator[bytes]:
        """Yield bytes in chunks; where they are cut off, ask for the rest of the same version.

        Raises:
            OSError: They cannot be read, or the object has changed meanwhile.
        """
        number = 0
        while end is None or start < end:
            try:
                answer = self.ask(name, version, start, end)
                version, end = answer.facts.version, end or answer.facts.bytes or None
                for chunk in answer.chunks:
                    start += len(chunk)
                    number = 0
                    yield chunk
            except CutOffError as error:
                _wait(number, error)
                number += 1
            else:
                return


def try_again(ask: Callable[[], Result]) -> Result:
    """Return what ``ask()`` returns, which is called again where it is cut off.

    Raises:
        OSError: It was cut off too often, or says so itself.
    """
    number = 0
    while True:
        try:
            return ask()
        except CutOffError as error:
            _wait(number, error)
            number += 1


def _wait(number: int, error: CutOffError) -> None:
    """Wait before the next try.

    Raises:
        OSError: There were enough.
    """
    if number + 1 >= TRIES:
        raise OSError(errno.EIO, f"{error} ({TRIES} times)") from None
    time.sleep(_FIRST_WAIT * 2**number)


class RangeFile(io.RawIOBase):
    """An object as a file of which parts are read: those that were announced in one request each.

    The end of it, where a table has its footer, is kept. The parts that follow are asked for while
    one is read.
    """

    def __init__(self, store: RemoteStore, name: str, facts: FileFacts) -> None:
        """Take an object of this very version."""
        super().__init__()
        self._store, self._name, self._facts = store, name, facts
        self._position = 0
        self._tail: bytes | None = None
        self._steps: list[Sequence[tuple[int, int]]] = []
        self._open: dict[tuple[int, int], Future[ForwardFile]] = {}
        self._threads = ThreadPoolExecutor(4)

    def announce(self, steps: Sequence[Sequence[tuple[int, int]]]) -> None:
        """Say what will be read: for each step its parts, start and end, each part in order."""
        self._steps = list(steps)
        self._open = {}
        self._prepare(0)

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def seekable(self) -> bool:
        """Return that any position can be read."""
        return True

    def tell(self) -> int:
        """Return the position."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a position."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._facts.bytes}
        self._position = base[whence] + offset
        return self._position

    def read(self, size: int | None = -1) -> bytes:
        """Return bytes from the position on.

        Raises:
            OSError: They cannot be read, or the object has changed.
        """
        left = self._facts.bytes - self._position
        n_bytes = left if size is None or size < 0 else min(size, left)
        content = self._read_at(self._position, n_bytes) if n_bytes > 0 else b""
        self._position += len(content)
        return content

    def readinto(self, buffer: object) -> int:
        """Fill a buffer; return how many bytes came."""
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type]
        content = self.read(len(view))
        view[: len(content)] = content
        return len(content)

    def close(self) -> None:
        """Ask for nothing more."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        super().close()

    def _read_at(self, start: int, n_bytes: int) -> bytes:
        for number, step in enumerate(self._steps):
            for part in step:
                if part[0] <= start and start + n_bytes <= part[1]:
                    return self._read_part(number, part, start, n_bytes)
        tail_start = max(0, self._facts.bytes - _TAIL)
        if start >= tail_start:
            if self._tail is None:
                self._tail = self._fetch(tail_start, self._facts.bytes - tail_start)
            return self._tail[start - tail_start : start - tail_start + n_bytes]
        return self._fetch(start, n_bytes)

    def _read_part(self, number: int, part: tuple[int, int], start: int, n_bytes: int) -> bytes:
        """Read of an announced part, and have the parts of the next step asked for."""
        self._prepare(number)
        self._prepare(number + 1)
        file = self._open[part].result()
        if file.tell() + part[0] != start:
            return self._fetch(start, n_bytes)
        content = file.read(n_bytes)
        if file.tell() + part[0] >= part[1]:
            self._open[part] = Future()  # read to its end: nothing of it is kept
            self._open[part].set_result(ForwardFile(iter(())))
        return content

    def _prepare(self, number: int) -> None:
        for part in self._steps[number] if number < len(self._steps) else ():
            if part not in self._open:
                self._open[part] = self._threads.submit(self._begin, *part)

    def _begin(self, start: int, end: int) -> ForwardFile:
        """Return a part as a file, whose first bytes are asked for at once."""
        tail_start = self._facts.bytes - len(self._tail or b"")
        known = (self._tail or b"")[max(0, start - tail_start) : max(0, end - tail_start)]
        end = max(start, min(end, tail_start))  # what is at hand is not asked for again
        if end - start <= _SMALL:
            asked = [self._fetch(start, end - start)] if end > start else []
            return ForwardFile(iter([*asked, known]))
        chunks = self._store.iterate(self._name, self._facts.version, start, end)
        first = next(chunks)
        return ForwardFile(chain([first], chunks, [known]))

    def _fetch(self, start: int, n_bytes: int) -> bytes:
        return self._store.read(self._name, self._facts.version, start=start, length=n_bytes)
