"""Tables in Parquet files: read column by column, written row group by row group."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as pq

from curate.errors import InputError, first_line
from curate.files import replacing
from curate.manifest.rows import BATCH, Rows

GROUP_ROWS = 1 << 20
GROUP_BYTES = 1 << 28
"""A row group ends at so many rows, or at so many bytes in memory, where rows are wide."""

_BUFFER_BYTES = 1 << 20


class ParquetRows(Rows):
    """Rows of a Parquet file, which stays open: what replaces it meanwhile is not read."""

    def __init__(self, path: Path, *, problem: str, hint: str) -> None:
        """Read the footer.

        Args:
            path: The file.
            problem: What it is not if it cannot be read, such as ``is not a manifest``.
            hint: What to do about it.

        Raises:
            InputError: It is no Parquet file.
        """
        self._path, self._problem, self._hint = path, problem, hint
        with self._reading():
            self._file = pq.ParquetFile(path, buffer_size=_BUFFER_BYTES)
            facts = self._file.metadata
            sizes = [facts.row_group(group).num_rows for group in range(facts.num_row_groups)]
        self._bounds = np.cumsum([0, *sizes])

    @property
    def schema(self) -> pa.Schema:
        """What the footer tells."""
        return self._file.schema_arrow

    def __len__(self) -> int:
        return int(self._bounds[-1])

    def batches(
        self, names: Sequence[str], *, first: int = 0, end: int | None = None
    ) -> Iterator[pa.RecordBatch]:
        """Yield some columns; neither others nor row groups without such rows are read."""
        end = len(self) if end is None else end
        if first >= end:
            return
        low = int(np.searchsorted(self._bounds, first, side="right")) - 1
        high = int(np.searchsorted(self._bounds, end))
        at = int(self._bounds[low])
        with self._reading():
            for batch in self._file.iter_batches(
                BATCH, row_groups=list(range(low, high)), columns=list(names)
            ):
                start, stop = max(first - at, 0), min(end - at, len(batch))
                at += len(batch)
                if start < stop:
                    yield batch.slice(start, stop - start).select(list(names))
                if at >= end:
                    return

    def dataset(self) -> pa.dataset.Dataset:
        """Return the file as what other tools scan column by column."""
        return pa.dataset.dataset(self._path, format="parquet", partitioning=None)

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Turn what Arrow says of the file into an error with a way out.

        Raises:
            InputError: The file cannot be read.
        """
        try:
            yield
        except (pa.ArrowException, OSError) as error:
            raise InputError(
                f"{self._path} {self._problem}: {first_line(error)}", hint=self._hint
            ) from None


def write_parquet(rows: Rows, path: Path, metadata: Mapping[bytes, bytes]) -> None:
    """Write rows with their columns, batch by batch; the file appears whole or not at all.

    It may be the file that the rows are read from. The same rows are the same bytes.

    Args:
        rows: What to write.
        path: The file.
        metadata: What the footer tells.

    Raises:
        InputError: The rows cannot be read.
        ResourceError: The disk is full or the place cannot be written.
    """
    schema = rows.schema.with_metadata(metadata)
    with (
        replacing(path) as scratch,
        pq.ParquetWriter(scratch, schema, compression="zstd") as writer,
    ):
        for group in _groups(rows):
            writer.write_table(group.combine_chunks(), row_group_size=GROUP_ROWS)


def _groups(rows: Rows) -> Iterator[pa.Table]:
    """Yield the rows of each row group to write; one without rows if there are none."""
    held: list[pa.RecordBatch] = []
    n_rows = n_bytes = 0
    for batch in rows.batches(rows.schema.names):
        rest = batch
        while len(rest):
            part = rest.slice(0, GROUP_ROWS - n_rows)
            rest = rest.slice(len(part))
            held.append(part)
            n_rows, n_bytes = n_rows + len(part), n_bytes + part.nbytes
            if n_rows == GROUP_ROWS or n_bytes >= GROUP_BYTES:
                yield pa.Table.from_batches(held)
                held, n_rows, n_bytes = [], 0, 0
    if held or len(rows) == 0:
        yield pa.Table.from_batches(held, rows.schema)
