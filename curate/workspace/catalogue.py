"""The catalogue: one row per file of every source, and the journal of a scan that is under way.

Nothing else reads or writes it.
"""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curate.choices import Status
from curate.errors import InputError
from curate.files import remove, replacing
from curate.sources import SourceFile
from curate.workspace.workspace import Workspace

JOURNAL_ROWS = 16_384
_PENDING = "pending-*.parquet"
_IDENTITY = pa.schema(
    [
        pa.field("path", pa.string()),
        pa.field("bytes", pa.int64()),
        pa.field("mtime_ns", pa.int64()),
        pa.field("ctime_ns", pa.int64()),
        pa.field("device", pa.uint64()),
        pa.field("inode", pa.uint64()),
    ]
)
"""What tells that a file is the one that was read: a renamed or replaced file has another."""
_JOURNAL = pa.schema([pa.field("source", pa.string()), *_IDENTITY, pa.field("hash", pa.string())])


def file_table(files: Sequence[SourceFile]) -> pa.Table:
    """Return what the file system says of files, a row each: what the catalogue knows them by."""
    schema = _IDENTITY.append(pa.field("link_of", pa.string()))
    return pa.Table.from_pylist([asdict(file) for file in files], schema=schema)


class Catalogue:
    """The catalogue of one workspace."""

    def __init__(self, workspace: Workspace) -> None:
        """Name the catalogue; it need not be there yet."""
        self._workspace = workspace

    def is_there(self) -> bool:
        """Return whether anything was ever scanned."""
        return self._workspace.catalogue.is_file()

    def read(self, columns: Sequence[str], *, source: str | None = None) -> pa.Table:
        """Return columns of all files, or of those of one source.

        Args:
            columns: Names of the catalogue's columns.
            source: Address of a source; None for all.

        Raises:
            InputError: Nothing was ever scanned.
        """
        if not self.is_there():
            raise InputError(
                f"{self._workspace.root} has no images",
                hint="start with `curate train IMAGES` or `curate dedup IMAGES`",
            )
        rows = [("source", "=", source)] if source is not None else None
        return pq.read_table(self._workspace.catalogue, columns=list(columns), filters=rows)

    def read_readable(self, columns: Sequence[str]) -> pa.Table:
        """Return columns of all files that can be used, ``status`` among them.

        Raises:
            InputError: Nothing was ever scanned.
        """
        table = self.read([*dict.fromkeys([*columns, "status"])])
        return table.filter(pc.equal(table["status"], Status.OK.value))

    def recall_hashes(self, source: str, files: pa.Table) -> pa.Array:
        """Return the content hash of every file that has not changed since it was read, else null.

        Args:
            source: Address of the source.
            files: From `file_table`.
        """
        known = self._read_known(source)
        rows = pc.index_in(files["path"], value_set=known["path"].combine_chunks())
        matches = known.take(rows)
        is_same = pc.is_valid(rows)
        for name in _IDENTITY.names:
            is_same = pc.and_(is_same, pc.fill_null(pc.equal(files[name], matches[name]), False))  # noqa: FBT003
        hashes = pc.if_else(is_same, matches["hash"], pa.scalar(None, pa.string()))
        return hashes.combine_chunks() if isinstance(hashes, pa.ChunkedArray) else hashes

    def _read_known(self, source: str) -> pa.Table:
        """Return the rows of a source, what a killed scan left behind first: it is newer."""
        files = [*sorted(self._workspace.root.glob(_PENDING), reverse=True)]
        files += [self._workspace.catalogue] if self.is_there() else []
        names = _JOURNAL.names
        parts = [_JOURNAL.empty_table()]
        parts += [
            pq.read_table(file, columns=names, filters=[("source", "=", source)])
            for file in files
            if set(names) <= set(pq.read_schema(file).names)
        ]
        return pa.concat_tables(parts)

    def replace_source(self, source: str, table: pa.Table) -> None:
        """Put rows in the place of those of a source, if they differ; end the journal.

        Args:
            source: Address of the source.
            table: All columns, ``source`` among them.

        Raises:
            ResourceError: The disk is full or cannot be written.
        """
        path = self._workspace.catalogue
        old = pq.read_table(path) if path.is_file() else table.slice(0, 0)
        if old.schema != table.schema:
            old = table.slice(0, 0)  # of an older version: its sources are scanned again
        is_ours = pc.equal(old["source"], source)
        if not path.is_file() or not old.filter(is_ours).equals(table):
            with replacing(path) as scratch:
                merged = pa.concat_tables([old.filter(pc.invert(is_ours)), table])
                pq.write_table(merged, scratch, compression="zstd")
        for pending in self._workspace.root.glob(_PENDING):
            remove(pending)


class Journal:
    """Which files a scan has read, kept beside the catalogue until that is written."""

    def __init__(self, workspace: Workspace, source: str, *, rows: int = JOURNAL_ROWS) -> None:
        """Begin a journal.

        Args:
            workspace: Where it lies.
            source: Address of the source.
            rows: When it is full.
        """
        self._workspace = workspace
        self._source = source
        self._most = rows
        self._rows: list[dict[str, object]] = []

    @property
    def is_full(self) -> bool:
        """Whether it is time to write."""
        return len(self._rows) >= self._most

    def add(self, file: SourceFile, content_hash: str | None) -> None:
        """Note the hash of a file, or that it could not be read."""
        facts = {name: getattr(file, name) for name in _IDENTITY.names}
        self._rows.append({"source": self._source, **facts, "hash": content_hash})

    def flush(self) -> None:
        """Write what was noted.

        Raises:
            ResourceError: The disk is full or cannot be written.
        """
        if not self._rows:
            return
        numbers = [int(path.stem.partition("-")[2]) for path in self._files()]
        path = self._workspace.root / f"pending-{1 + max(numbers, default=0):06d}.parquet"
        with replacing(path) as scratch:
            pq.write_table(pa.Table.from_pylist(self._rows, schema=_JOURNAL), scratch)
        self._rows = []

    def _files(self) -> list[Path]:
        return list(self._workspace.root.glob(_PENDING))
