"""Files of a source as an Arrow table: a million of them take no Python objects."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, overload

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.sources.base import Place, SourceFile

PLACE_SCHEMA = pa.schema(
    [
        pa.field("container", pa.string()),
        pa.field("member", pa.string()),
        pa.field("row", pa.int64()),
        pa.field("offset", pa.int64()),
        pa.field("length", pa.int64()),
        pa.field("version", pa.string()),
    ]
)
"""Where the bytes of an image lie; see `curate.sources.base.Place`."""

FILE_SCHEMA = pa.schema(
    [
        pa.field("path", pa.string()),
        pa.field("bytes", pa.int64()),
        pa.field("mtime_ns", pa.int64()),
        pa.field("ctime_ns", pa.int64()),
        pa.field("device", pa.uint64()),
        pa.field("inode", pa.uint64()),
        pa.field("link_of", pa.string()),
        pa.field("source_label", pa.string()),
        *PLACE_SCHEMA,
    ]
)
"""What is known of a file before it is read; see `curate.sources.base.SourceFile`."""

_BATCH = 8_192
_OWN = [name for name in FILE_SCHEMA.names if name not in PLACE_SCHEMA.names]


class FileList(Sequence[SourceFile]):
    """Files of a source, of which a few are Python objects at a time."""

    def __init__(self, table: pa.Table) -> None:
        """Hold a table of `FILE_SCHEMA`."""
        self.table = table

    def __len__(self) -> int:
        return len(self.table)

    @overload
    def __getitem__(self, index: int) -> SourceFile: ...
    @overload
    def __getitem__(self, index: slice) -> "FileList": ...
    def __getitem__(self, index: int | slice) -> "SourceFile | FileList":
        if isinstance(index, slice):
            start, stop, step = index.indices(len(self))
            return self.take(np.arange(start, stop, step))
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        (row,) = self.table.slice(index % len(self), 1).to_pylist()
        return make_file(row)

    def __iter__(self) -> Iterator[SourceFile]:
        for batch in self.table.to_batches(max_chunksize=_BATCH):
            yield from map(make_file, batch.to_pylist())

    def take(self, rows: NDArray[np.int64]) -> "FileList":
        """Return some of the files.

        Args:
            rows: (n,) int64, their numbers.
        """
        return FileList(self.table.take(pa.array(rows, pa.int64())))


class FileListBuilder:
    """Gathers files into a table, some thousands at a time."""

    def __init__(self) -> None:
        """Begin without a file."""
        self._batches: list[pa.RecordBatch] = []
        self._rows: list[dict[str, Any]] = []

    def add(self, file: SourceFile) -> None:
        """Add one file."""
        self._rows.append(_make_row(file))
        if len(self._rows) >= _BATCH:
            self._flush()

    def finish(self) -> pa.Table:
        """Return the table of all files, in the order in which they were added."""
        self._flush()
        return pa.Table.from_batches(self._batches, FILE_SCHEMA)

    def _flush(self) -> None:
        self._batches.append(pa.RecordBatch.from_pylist(self._rows, FILE_SCHEMA))
        self._rows = []


def file_table(files: Iterable[SourceFile]) -> pa.Table:
    """Return what is known of files before they are read, a row each, as `FILE_SCHEMA` has it."""
    if isinstance(files, FileList):
        return files.table
    builder = FileListBuilder()
    for file in files:
        builder.add(file)
    return builder.finish()


def make_file(row: dict[str, Any]) -> SourceFile:
    """Return the file of a row of `FILE_SCHEMA`."""
    return SourceFile(
        **{"label" if name == "source_label" else name: row[name] for name in _OWN},
        place=make_place(row),
    )


def make_place(row: dict[str, Any]) -> Place:
    """Return the place that a row of the catalogue or a manifest tells; columns may be missing."""
    return Place(**{name: row.get(name) for name in PLACE_SCHEMA.names})


def _make_row(file: SourceFile) -> dict[str, Any]:
    own = {name: getattr(file, "label" if name == "source_label" else name) for name in _OWN}
    return own | {name: getattr(file.place, name) for name in PLACE_SCHEMA.names}
