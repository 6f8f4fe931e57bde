"""Members of a tar archive read later: by byte range, of a compressed one from a scratch file."""

import bz2
import gzip
import lzma
import tarfile
import tempfile
import zlib
from contextlib import suppress
from functools import partial
from itertools import chain
from threading import Lock
from typing import IO, Any
from weakref import finalize

import pyarrow as pa

from curate.sources.base import Place
from curate.sources.store import ForwardFile, Store

DAMAGE = (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, pa.ArrowInvalid)
"""What libraries raise where an archive is damaged or ends early."""

_MAGIC = ((b"\x1f\x8b", "gzip"), (b"BZh", "bz2"), (b"\xfd7zXZ\x00", "xz"), (b"(\xb5/\xfd", "zstd"))
_CHUNK = 1 << 20


def unpack(raw: IO[bytes]) -> tuple[IO[bytes], bool]:
    """Return what an archive unpacks to, as a file that is read in order, and whether it is packed.

    Raises:
        OSError: It cannot be read.
    """
    head = raw.read(8)
    packing = next((name for magic, name in _MAGIC if head.startswith(magic)), None)
    if packing is None:
        with suppress(OSError):  # a stream cannot go back
            raw.seek(0)
            return raw, False
    whole: Any = ForwardFile(chain([head], iter(partial(raw.read, _CHUNK), b"")))
    match packing:
        case "gzip":
            read = gzip.GzipFile(fileobj=whole).read1
        case "bz2":
            read = bz2.BZ2File(whole).read1
        case "xz":
            read = lzma.LZMAFile(whole).read1  # noqa: SIM115
        case "zstd":
            read = pa.CompressedInputStream(pa.PythonFile(whole, mode="r"), "zstd").read
        case _:
            return whole, False
    unpacked: Any = ForwardFile(iter(partial(read, _CHUNK), b""))
    return unpacked, True


class Unpacked:
    """What compressed archives unpack to, in scratch files as long as this object lives."""

    def __init__(self) -> None:
        """Unpack nothing yet."""
        self._files: dict[tuple[str, str | None], IO[bytes]] = {}
        self._lock = Lock()
        finalize(self, _close_all, self._files)

    def read(self, store: Store, name: str, place: Place) -> bytes:
        """Return a member.

        Raises:
            OSError: It cannot be read, or the archive is of another version.
        """
        with self._lock:
            key = (name, place.version)
            if key not in self._files:
                _close_all(self._files)  # one at a time is on the disk
                self._files[key] = _unpack_all(store, name, place.version)
            file = self._files[key]
            file.seek(place.offset or 0)
            return file.read(place.length or 0)


def _close_all(files: dict[tuple[str, str | None], IO[bytes]]) -> None:
    while files:
        files.popitem()[1].close()


def _unpack_all(store: Store, name: str, version: str | None) -> IO[bytes]:
    scratch = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as it is read
    with store.open_stream(name, version) as raw:
        unpacked, _ = unpack(raw)
        try:
            while chunk := unpacked.read(_CHUNK):
                scratch.write(chunk)
        except DAMAGE:  # what came before the damage was listed
            scratch.flush()
    return scratch


def is_packed(store: Store, name: str) -> bool:
    """Return whether an archive is compressed.

    Raises:
        OSError: It cannot be read.
    """
    head = store.read(name, None, length=8)
    return any(head.startswith(magic) for magic, _ in _MAGIC)


def read_member(store: Store, name: str, place: Place, unpacked: Unpacked | None) -> bytes:
    """Return the bytes of a member of an archive.

    Args:
        store: Where the archive lies.
        name: Of the archive there.
        place: Of the member.
        unpacked: What a compressed archive is unpacked by; None for a plain one.

    Raises:
        OSError: It cannot be read, or the archive is of another version.
    """
    if unpacked is not None:
        return unpacked.read(store, name, place)
    return store.read(name, place.version, start=place.offset or 0, length=place.length)
