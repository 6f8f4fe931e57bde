"""Tables in Parquet files: read column by column, written row group by row group."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from curate.errors import InputError, ResourceError, first_line
from curate.files import Utf8Name, replacing
from curate.manifest.rows import (
    READ_PARAMS,
    ReadParams,
    Rows,
    check_distinct_names,
    select_fields,
)

if TYPE_CHECKING:
    import pyarrow.dataset

_PLAIN = {pa.string_view(): pa.string(), pa.binary_view(): pa.binary()}
"""What views become: hardly any function of Arrow takes them."""
_BUFFER_BYTES = 1 << 20
_FEW_ROWS = 16  # of a row group, from which the size of the others is guessed


@dataclass(frozen=True, kw_only=True, slots=True)
class WriteParams:
    """Where a row group of a Parquet file ends: the bytes of the file depend on it.

    A row group is in memory while it is written; of large ones readers skip more, and decode
    fewer. Measure again with ``tests/benchmarks/manifest_scale.py``, its seconds and peak memory.

    Attributes:
        group_rows: Rows of a row group.
        group_bytes: Bytes in memory at which it ends before, where rows are wide.
    """

    group_rows: int = 1 << 20
    group_bytes: int = 1 << 28


WRITE_PARAMS = WriteParams()


class ParquetRows(Rows):
    """Rows of a Parquet file, which stays open: what replaces it meanwhile is not read."""

    def __init__(
        self, path: Path, *, problem: str, hint: str, params: ReadParams = READ_PARAMS
    ) -> None:
        """Read the footer.

        Args:
            path: The file.
            problem: What it is not if it cannot be read, such as ``is not a manifest``.
            hint: What to do about it.
            params: How many rows are read at a time.

        Raises:
            InputError: It is no Parquet file, or two columns have one name.
        """
        self._path, self._problem, self._hint, self._params = path, problem, hint, params
        self._name = Utf8Name(path)
        with self._reading():
            self._file = pq.ParquetFile(str(self._name), buffer_size=_BUFFER_BYTES)
            footer = self._file.metadata
            sizes = [footer.row_group(group).num_rows for group in range(footer.num_row_groups)]
            written = self._file.schema_arrow
        # other tools write the footer's own metadata and no Arrow schema
        metadata = {**(footer.metadata or {}), **(written.metadata or {})}
        metadata.pop(b"ARROW:schema", None)
        self._schema = pa.schema(
            [field.with_type(_PLAIN.get(field.type, field.type)) for field in written], metadata
        )
        self._has_views = self._schema != written
        check_distinct_names(self.schema, str(path))
        self._bounds = np.cumsum([0, *sizes])

    @property
    def schema(self) -> pa.Schema:
        """Those that the footer names; text and bytes in views as plain ones."""
        return self._schema

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
        offset = int(self._bounds[low])
        with self._reading():
            for batch in self._read_groups(range(low, high), list(names)):
                start, stop = max(first - offset, 0), min(end - offset, len(batch))
                offset += len(batch)
                if start < stop:
                    part = batch.slice(start, stop - start).select(list(names))
                    yield part.cast(select_fields(self._schema, names)) if self._has_views else part
                if offset >= end:
                    return

    def _read_groups(self, groups: range, names: list[str]) -> Iterator[pa.RecordBatch]:
        """Yield the rows of row groups, fewer at a time where the first ones are large."""
        for group in groups:
            few = self._file.iter_batches(_FEW_ROWS, row_groups=[group], columns=names)
            n_bytes = next((max(1, batch.nbytes / len(batch)) for batch in few), 1)
            n_rows = max(1, min(self._params.batch_rows, int(self._params.batch_bytes / n_bytes)))
            yield from self._file.iter_batches(n_rows, row_groups=[group], columns=names)

    def dataset(self) -> "pa.dataset.Dataset":
        """Return the file as what other tools scan column by column."""
        from pyarrow.dataset import dataset

        schema = self._schema if self._has_views else None
        return dataset(str(self._name), schema=schema, format="parquet", partitioning=None)

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Turn an error of Arrow into one of ours, with a hint.

        Raises:
            InputError: The file cannot be read.
            ResourceError: There is not enough memory.
        """
        try:
            yield
        except pa.ArrowMemoryError:
            raise ResourceError(
                f"{self._path} has values that take more memory than there is",
                hint="leave out columns with large values, or take a larger machine",
            ) from None
        except (pa.ArrowException, OSError) as error:
            raise InputError(
                f"{self._path} {self._problem}: {first_line(error)}", hint=self._hint
            ) from None


def write_parquet(
    rows: Rows,
    path: Path,
    metadata: Mapping[bytes, bytes],
    params: WriteParams = WRITE_PARAMS,
) -> None:
    """Write rows with their columns, batch by batch; the file appears whole or not at all.

    It may be the file that the rows are read from. The same rows are the same bytes.

    Args:
        rows: What to write.
        path: The file.
        metadata: Of the footer.
        params: Where row groups end.

    Raises:
        InputError: The rows cannot be read.
        ResourceError: The disk is full or the place cannot be written.
    """
    schema = rows.schema.with_metadata(metadata)
    with replacing(path) as scratch:
        name = Utf8Name(scratch)
        with pq.ParquetWriter(str(name), schema, compression="zstd") as writer:
            for group in _cut_row_groups(rows, params):
                writer.write_table(group.combine_chunks(), row_group_size=params.group_rows)


def _cut_row_groups(rows: Rows, params: WriteParams) -> Iterator[pa.Table]:
    """Yield the rows of each row group to write; one without rows if there are none."""
    held: list[pa.RecordBatch] = []
    n_rows = n_bytes = 0
    for batch in rows.batches(rows.schema.names):
        rest = batch
        while len(rest):
            part = rest.slice(0, params.group_rows - n_rows)
            rest = rest.slice(len(part))
            held.append(part)
            n_rows, n_bytes = n_rows + len(part), n_bytes + part.nbytes
            if n_rows == params.group_rows or n_bytes >= params.group_bytes:
                yield pa.Table.from_batches(held)
                held, n_rows, n_bytes = [], 0, 0
    if held or len(rows) == 0:
        yield pa.Table.from_batches(held, rows.schema)
