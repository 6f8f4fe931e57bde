"""Files that were found in a folder, gathered into a table: a million take no Python objects."""

import os

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.sources.file_list import FILE_SCHEMA
from curate.sources.names import escape

_BATCH = 8_192
_FOUND = pa.schema(
    [
        *(FILE_SCHEMA.field(name) for name in ("path", "bytes", "mtime_ns", "ctime_ns")),
        *(FILE_SCHEMA.field(name) for name in ("device", "inode")),
        pa.field("is_link", pa.bool_()),
    ]
)
_Row = tuple[str, int, int, int, int, int, bool]


class FoundFiles:
    """Gathers what a folder lists, some thousands of files at a time."""

    def __init__(self) -> None:
        """Begin without a file."""
        self._batches: list[pa.RecordBatch] = []
        self._rows: list[_Row] = []
        self._n_files = 0

    def __len__(self) -> int:
        return self._n_files

    def add(self, path: bytes, facts: os.stat_result, *, is_link: bool) -> None:
        """Add one file.

        Args:
            path: Its name below the folder.
            facts: Of the file itself.
            is_link: Whether the name is, or lies below, a symbolic link.
        """
        times = facts.st_mtime_ns, facts.st_ctime_ns
        row = escape(path), facts.st_size, *times, facts.st_dev, facts.st_ino, is_link
        self._rows.append(row)
        self._n_files += 1
        if len(self._rows) >= _BATCH:
            self._flush()

    def finish(self) -> pa.Table:
        """Return the files sorted by path, as `FILE_SCHEMA` has them.

        Of the names of one file, the others know whose they are: the first one's that is no link.
        """
        self._flush()
        found = pa.Table.from_batches(self._batches, _FOUND)
        found = found.sort_by([("is_link", "ascending"), ("path", "ascending")])
        first = _find_first(*(found[name].to_numpy() for name in ("device", "inode")))
        is_other = pa.array(first != np.arange(len(found)))
        link_of = pc.if_else(is_other, found["path"].take(pa.array(first)), pa.scalar(None))
        found = found.append_column("link_of", link_of.cast(pa.string()))
        for field in FILE_SCHEMA:
            if field.name not in found.schema.names:
                found = found.append_column(field, pa.nulls(len(found), field.type))
        return found.select(FILE_SCHEMA.names).sort_by("path")

    def _flush(self) -> None:
        columns = zip(*self._rows, strict=True) if self._rows else [[] for _ in _FOUND]
        arrays = [pa.array(column, one.type) for column, one in zip(columns, _FOUND, strict=True)]
        self._batches.append(pa.RecordBatch.from_arrays(arrays, schema=_FOUND))
        self._rows = []


def _find_first(device: NDArray[np.uint64], inode: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Return for each file the first name of it, (N,) int64 rows."""
    order = np.lexsort((inode, device))  # the names of one file stay in order
    is_first = np.ones(len(order), np.bool_)
    is_first[1:] = (device[order[1:]] != device[order[:-1]]) | (
        inode[order[1:]] != inode[order[:-1]]
    )
    first = np.empty(len(order), np.int64)
    first[order] = order[is_first][np.cumsum(is_first) - 1]
    return first
