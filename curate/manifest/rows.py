"""Rows of a table, read in parts: some columns, batch by batch, so that it is never held whole.

Rows are in memory, in a file, or made of others: with columns filled, or some rows taken. Arrow
reads and writes them; only joins are left to DuckDB (``joins.py``).

Whole engines in place of this were measured with ``tests/benchmarks/table_engines.py``: ten million
rows, one core, processor time and peak memory as ratios to this module's, lowest and highest of
four jobs. polars: 0.7 to 0.9 of the time, 1.6 to 3.4 of the memory. DuckDB: 0.9 to 1.5 and 0.8 to
0.9; but its writer changes or loses 12 of 21 kinds of columns of a user, such as fixed-size lists
and dictionaries. DuckDB with Arrow as the writer: 0.8 to 0.9 of both; but types must be cast back,
UUIDs and columns whose name differs from another by its case are lost, and row groups, metadata and
rows that are not in files are still to be handled here. A stage keeps columns that are not its own
as they were, so this stays.
"""

import os
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.errors import InputError, ResourceError

if TYPE_CHECKING:
    import pyarrow.dataset


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadParams:
    """How many rows are read at a time: memory against calls; no result depends on it.

    Measure again with ``tests/benchmarks/manifest_scale.py``, its seconds and peak memory.

    Attributes:
        batch_rows: Rows of a batch, some 10 MB of a manifest's columns.
        batch_bytes: Of a batch in memory, about: where cells are large it has fewer rows, so that a
            small file whose cells unpack to terabytes is read in parts as well.
        block_rows: Rows of others looked up at once: each lookup decodes what lies between them,
            so that few large ones are quick, and their columns are in memory.
    """

    batch_rows: int = 1 << 15
    batch_bytes: int = 1 << 26
    block_rows: int = 1 << 20


READ_PARAMS = ReadParams()
_SHOWN = 5  # names in a message


class Rows(ABC):
    """A table whose columns and rows are read when they are asked for."""

    @property
    @abstractmethod
    def schema(self) -> pa.Schema:
        """Names and types of the columns, and the metadata of the table."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def batches(
        self, names: Sequence[str], *, first: int = 0, end: int | None = None
    ) -> Iterator[pa.RecordBatch]:
        """Yield some columns of the rows from ``first`` to before ``end``, in their order.

        Args:
            names: The columns, in the order in which they are given.
            first: Number of the first row.
            end: Number of the row after the last; None for all that are left.

        Raises:
            InputError: The file cannot be read.
        """

    def read(self, names: Sequence[str] | None = None) -> pa.Table:
        """Return some columns of all rows, or all of them.

        Raises:
            InputError: The file cannot be read.
            ResourceError: There is less memory than they take.
        """
        names = self.schema.names if names is None else names
        held = _hold_batches(self.batches(names), names)
        return pa.Table.from_batches(held, select_fields(self.schema, names))

    def take(self, names: Sequence[str], rows: NDArray[np.int64]) -> pa.Table:
        """Return some columns of some rows.

        Args:
            names: The columns.
            rows: (N,) int64, row numbers in any order, -1 for a row of nulls.

        Raises:
            InputError: The file cannot be read.
            ResourceError: There is less memory than they take.
        """
        ascending = _sort_unique(rows[rows >= 0])
        schema = select_fields(self.schema, names)
        held = _hold_batches(self._take_ascending(names, ascending), names)
        table = pa.Table.from_batches(held, schema)
        if np.array_equal(ascending, rows):
            return table
        indices = pa.array(np.searchsorted(ascending, rows), pa.int64(), mask=rows < 0)
        return table.combine_chunks().take(indices)

    def dataset(self) -> "pa.dataset.Dataset":
        """Return the rows as what other tools scan column by column."""
        from pyarrow.dataset import dataset  # costs a tenth of a second, and few commands need it

        return dataset(self.read())

    def _take_ascending(
        self, names: Sequence[str], rows: NDArray[np.int64]
    ) -> Iterator[pa.RecordBatch]:
        """Yield some columns of rows given in ascending order; what lies around is not read."""
        if len(rows) == 0:
            return
        start = int(rows[0])
        for batch in self.batches(names, first=start, end=int(rows[-1]) + 1):
            low, high = np.searchsorted(rows, (start, start + len(batch)))
            if high - low == len(batch):
                yield batch
            elif high > low:
                yield batch.take(pa.array(rows[low:high] - start))
            start += len(batch)


class HeldRows(Rows):
    """Rows in memory."""

    def __init__(self, table: pa.Table, params: ReadParams = READ_PARAMS) -> None:
        """Hold a table.

        Args:
            table: The rows.
            params: How many rows are read at a time.
        """
        self._table, self._params = table, params

    @property
    def schema(self) -> pa.Schema:
        """Those of the table."""
        return self._table.schema

    def __len__(self) -> int:
        return len(self._table)

    def batches(
        self, names: Sequence[str], *, first: int = 0, end: int | None = None
    ) -> Iterator[pa.RecordBatch]:
        """Yield parts of the table; nothing is copied."""
        end = len(self) if end is None else end
        part = self._table.select(names).slice(first, end - first)
        yield from part.to_batches(max_chunksize=self._params.batch_rows)


class FilledRows(Rows):
    """Rows with columns filled by others: those of the same name in their place, new ones last."""

    def __init__(self, rows: Rows, columns: Rows, *, without: Collection[str] = ()) -> None:
        """Fill columns; there are as many rows of both.

        Args:
            rows: Give the other columns.
            columns: Those to fill.
            without: Columns of the rows that are left out.
        """
        self._rows, self._columns = rows, columns
        kept = [field for field in rows.schema if field.name not in without]
        fields = {field.name: field for field in (*kept, *columns.schema)}
        self._schema = pa.schema(list(fields.values()), rows.schema.metadata)

    @property
    def schema(self) -> pa.Schema:
        """Those of the rows with the columns'."""
        return self._schema

    def __len__(self) -> int:
        return len(self._rows)

    def batches(
        self, names: Sequence[str], *, first: int = 0, end: int | None = None
    ) -> Iterator[pa.RecordBatch]:
        """Yield the columns side by side; those that are filled are not read from the rows."""
        others = set(self._columns.schema.names)
        filled = [name for name in names if name in others]
        kept = [name for name in names if name not in others]
        if not filled or not kept:
            only = self._columns if filled else self._rows
            yield from only.batches(names, first=first, end=end)
            return
        schema = select_fields(self._schema, names)
        for pair in zip_batches(
            self._rows.batches(kept, first=first, end=end),
            self._columns.batches(filled, first=first, end=end),
        ):
            column_of = {name: part[name] for part in pair for name in part.schema.names}
            yield pa.RecordBatch.from_arrays([column_of[name] for name in names], schema=schema)


class PatchedRows(Rows):
    """Columns that some rows have from a patch; the others keep what they had."""

    def __init__(
        self, rows: Rows, patch: Rows, fields: Sequence[pa.Field], is_patched: NDArray[np.bool_]
    ) -> None:
        """Patch columns.

        Args:
            rows: Give the other values.
            patch: As many rows.
            fields: The columns, which both have, with types that their values can be cast to.
            is_patched: (N,) bool, which rows of the patch count.
        """
        self._rows, self._patch, self._is_patched = rows, patch, is_patched
        self._schema = pa.schema(fields)

    @property
    def schema(self) -> pa.Schema:
        """Those of the columns."""
        return self._schema

    def __len__(self) -> int:
        return len(self._patch)

    def batches(
        self, names: Sequence[str], *, first: int = 0, end: int | None = None
    ) -> Iterator[pa.RecordBatch]:
        """Yield the columns, chosen row by row."""
        schema = select_fields(self.schema, names)
        for kept, given in zip_batches(
            self._rows.batches(names, first=first, end=end),
            self._patch.batches(names, first=first, end=end),
        ):
            mask = pa.array(self._is_patched[first : first + len(given)])
            columns = [
                pc.if_else(mask, *(pc.cast(part[field.name], field.type) for part in (given, kept)))
                for field in schema
            ]
            yield pa.RecordBatch.from_arrays(columns, schema=schema)
            first += len(given)


class TakenRows(Rows):
    """Some rows of others, read when they are asked for."""

    def __init__(
        self,
        rows: Rows,
        fields: Sequence[pa.Field],
        numbers: NDArray[np.int64],
        params: ReadParams = READ_PARAMS,
    ) -> None:
        """Take some columns of some rows.

        Args:
            rows: Where they are.
            fields: The columns.
            numbers: (N,) int64, row numbers, -1 for a row of nulls. It is quick where they ascend.
            params: How many rows are read at a time.
        """
        self._rows, self._numbers, self._params = rows, numbers, params
        self._schema = pa.schema(fields)

    @property
    def schema(self) -> pa.Schema:
        """Those of the columns."""
        return self._schema

    def __len__(self) -> int:
        return len(self._numbers)

    def batches(
        self, names: Sequence[str], *, first: int = 0, end: int | None = None
    ) -> Iterator[pa.RecordBatch]:
        """Yield the rows, looked up block by block."""
        end = len(self) if end is None else end
        schema = select_fields(self._schema, names)
        for start in range(first, end, self._params.block_rows):
            numbers = self._numbers[start : min(start + self._params.block_rows, end)]
            block = pa.Table.from_arrays(self._rows.take(names, numbers).columns, schema=schema)
            yield from block.to_batches(max_chunksize=self._params.batch_rows)


def _hold_batches(
    batches: Iterator[pa.RecordBatch], names: Sequence[str]
) -> Iterator[pa.RecordBatch]:
    """Yield batches that are all held, as long as there is memory for them.

    Raises:
        ResourceError: There is not.
    """
    left = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for batch in batches:
        left -= batch.nbytes
        if left < 0:
            shown = ", ".join([*names[:_SHOWN], *(["…"] if len(names) > _SHOWN else [])])
            raise ResourceError(
                f"the values of {shown} take more memory than this machine has",
                hint="leave out columns with large values, or take a larger machine",
            )
        yield batch


def _sort_unique(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return row numbers in order, each once; most are, and `numpy.unique` would hash them all."""
    if (rows[1:] > rows[:-1]).all():
        return rows
    ordered = np.sort(rows)
    is_new = np.ones(len(ordered), bool)
    is_new[1:] = ordered[1:] != ordered[:-1]
    return ordered[is_new]


def select_fields(schema: pa.Schema, names: Sequence[str]) -> pa.Schema:
    """Return the schema of some columns, with the metadata of all.

    Args:
        schema: Of all columns.
        names: Of those, in the order wanted.
    """
    return pa.schema([schema.field(name) for name in names], schema.metadata)


def check_distinct_names(schema: pa.Schema, file: str) -> None:
    """Check that no two columns have one name.

    Args:
        schema: The columns.
        file: Name of the file that they are of.

    Raises:
        InputError: Two have.
    """
    names = schema.names
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(f"{file} has two columns {twice!r}", hint="leave one of them")


def zip_batches(
    left: Iterator[pa.RecordBatch], right: Iterator[pa.RecordBatch]
) -> Iterator[tuple[pa.RecordBatch, pa.RecordBatch]]:
    """Yield parts of two streams of as many rows, cut where either is cut.

    Args:
        left: Gives the first of each pair.
        right: Gives the second.
    """
    b = None
    for a in left:
        while len(a):
            if b is None or len(b) == 0:
                b = next(right)
            n_rows = min(len(a), len(b))
            yield a.slice(0, n_rows), b.slice(0, n_rows)
            a, b = a.slice(n_rows), b.slice(n_rows)
