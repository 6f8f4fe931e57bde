"""The shared store: where driver and workers meet, a folder or a bucket."""

import hashlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from curate.engine.bucket_store import BucketStore
from curate.engine.folder_store import FolderStore
from curate.own_folders import ENGINE_FOLDER


class SharedStore(Protocol):
    """Objects by key, each whole or not at all."""

    @property
    def address(self) -> str:
        """What opens the same store on another machine; without secrets."""

    def put_new(self, key: str, content: bytes) -> bool:
        """Store an object unless there is one of this key; return whether it was stored.

        Raises:
            CurateError: The store cannot be written.
        """

    def put(self, key: str, content: bytes) -> None:
        """Store an object in the place of one that may be there.

        Raises:
            CurateError: The store cannot be written.
        """

    def put_file(self, key: str, path: Path) -> None:
        """Store a file unless there is an object of this key.

        Raises:
            CurateError: The store cannot be written.
        """

    def get(self, key: str) -> bytes | None:
        """Return an object, or None where there is none.

        Raises:
            CurateError: The store cannot be read.
        """

    def fetch(self, key: str, path: Path) -> None:
        """Have an object as a file that is only read: a link to it, or a copy.

        Raises:
            CurateError: It is not there, or the store cannot be read.
        """

    def list_keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys that begin so, up to a ``/``, sorted.

        Raises:
            CurateError: The store cannot be read.
        """

    def remove(self, prefix: str) -> None:
        """Remove an object, or all below a prefix that ends with ``/``.

        Raises:
            CurateError: The store cannot be written.
        """


def open_store(address: str) -> SharedStore:
    """Return a shared store; all its objects lie in a folder of their own.

    Args:
        address: A folder, or ``s3://``, ``gs://`` or ``az://``; what else it holds stays as it is.

    Raises:
        InputError: There is no such address.
        ResourceError: A package that it needs is not installed.
    """
    if "://" in address:
        return BucketStore(address, ENGINE_FOLDER)
    return FolderStore(Path(address), ENGINE_FOLDER)


def pack_table(table: pa.Table) -> bytes:
    """Return a table as bytes: Arrow's stream format."""
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def unpack_table(content: bytes) -> pa.Table:
    """Return the table that `pack_table` made bytes of."""
    with pa.ipc.open_stream(content) as reader:
        return reader.read_all()


def digest_of(content: bytes) -> str:
    """Return what names a content: 32 hex digits of its SHA-256."""
    return hashlib.sha256(content).hexdigest()[:32]
