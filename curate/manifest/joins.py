"""Find rows of tables that belong together, with DuckDB, which moves to the disk when it must.

Where all that is compared is little text, Arrow compares it, and DuckDB need not be started.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.errors import CurateError, InputError, ResourceError, first_line
from curate.machine import memory_bytes, parse_bytes
from curate.manifest.rows import Rows, zip_batches

if TYPE_CHECKING:
    import duckdb

Ints = NDArray[np.int64]

JOIN_MEMORY = "700MB"
"""What DuckDB may hold before it moves to the disk: the peak memory of ``diff`` and ``merge``
against the time they take. Measure again with ``tests/benchmarks/manifest_scale.py``."""

LITTLE_TEXT = 16 << 20
"""Bytes of the values of a table that are compared in memory: a quarter of a million paths. DuckDB
takes 0.2 s of CPU time to start, of which a small folder would be done."""

_FIRST_PARTNER = """
    select a.row, firsts.row as partner
    from a join (select key, min(row) as row from b group by key) as firsts using (key)
"""


def find_partners(left: Rows, right: Rows, *, on: str, memory: str = JOIN_MEMORY) -> Ints:
    """Return for each row of one table the first row of another with the same value.

    Args:
        left: Gives the rows.
        right: Where partners are looked for.
        on: Column that both have; null equals nothing. Values of different types are compared as
            `key_type` says.
        memory: What the join may hold, such as ``700MB``.

    Returns:
        (N,) int64 row numbers, -1 where there is none.

    Raises:
        InputError: Values of the column cannot be compared.
        ResourceError: There is no room for the join.
    """
    partners = np.full(len(left), -1, np.int64)
    if len(left) == 0 or len(right) == 0:
        return partners
    kind = key_type(left, right, on)
    texts = [_read_little_text(rows, on, kind) for rows in (left, right)]
    if texts[0] is not None and texts[1] is not None:
        places = pc.index_in(texts[0], value_set=texts[1].combine_chunks(), skip_nulls=True)
        return np.asarray(places.fill_null(-1).to_numpy(), np.int64)
    with _open_join(memory) as join:
        join.register("a", left, on, kind)
        join.register("b", right, on, kind)
        columns = join.query(_FIRST_PARTNER)
    partners[np.asarray(columns["row"], np.int64)] = columns["partner"]
    return partners


def _read_little_text(rows: Rows, on: str, kind: pa.DataType) -> pa.ChunkedArray | None:
    """Return the values of a column; None where they are no text, or more than little."""
    if not pa.types.is_string(kind):
        return None
    parts, n_bytes = [], 0
    for batch in rows.batches([on]):
        parts.append(as_keys(batch.column(0), kind, on))
        n_bytes += parts[-1].nbytes
        if n_bytes > LITTLE_TEXT:
            return None
    return pa.chunked_array(parts, kind)


def key_type(left: Rows, right: Rows, on: str) -> pa.DataType:
    """Return the type that values of a column of two tables are compared in.

    Args:
        left: The one table.
        right: The other.
        on: Their column: numbers are compared as numbers, anything else of two types as text.
    """
    kinds = [rows.schema.field(on).type for rows in (left, right)]
    one, two = (kind.value_type if pa.types.is_dictionary(kind) else kind for kind in kinds)
    if one == two:
        return one
    if all(pa.types.is_integer(kind) or pa.types.is_floating(kind) for kind in (one, two)):
        is_whole = pa.types.is_integer(one) and pa.types.is_integer(two)
        return pa.int64() if is_whole else pa.float64()
    return pa.string()


def find_possible_twins(
    rows: Rows, on: str, kind: pa.DataType | None = None, *, memory: str = JOIN_MEMORY
) -> Ints:
    """Return the rows that may share their value with another: all that do, and by chance others.

    They are found by 64-bit hashes of the values, so that whole values are needed of these only.

    Args:
        rows: Where they are.
        on: The column.
        kind: Type that its values are cast to before they are compared; None for their present one.
        memory: What the hashing may hold, such as ``700MB``.

    Returns:
        (M,) int64 row numbers, ascending.

    Raises:
        ResourceError: There is no room.
    """
    if len(rows) == 0:
        return np.empty(0, np.int64)
    with _open_join(memory) as join:
        join.register("a", rows, on, kind or rows.schema.field(on).type)
        columns = join.query("select row, hash(key) as hash from a")
    hashes = np.empty(len(rows), np.uint64)
    hashes[np.asarray(columns["row"], np.int64)] = columns["hash"]
    order = np.argsort(hashes)
    has_same_next = hashes[order[1:]] == hashes[order[:-1]]
    is_twin = np.zeros(len(rows), bool)
    is_twin[order[1:][has_same_next]] = True
    is_twin[order[:-1][has_same_next]] = True
    return np.flatnonzero(is_twin)


def compare_column(before: Rows, after: Rows, name: str) -> NDArray[np.bool_]:
    """Return where a column of two tables differs, (N,); null equals null.

    Args:
        before: The one table.
        after: The other, as many rows.
        name: The column; where its types differ, values are compared as text.
    """
    parts = [
        _differs(a.column(0), b.column(0))
        for a, b in zip_batches(before.batches([name]), after.batches([name]))
    ]
    return np.concatenate(parts) if parts else np.empty(0, np.bool_)


def _differs(before: pa.Array, after: pa.Array) -> NDArray[np.bool_]:
    if before.type != after.type:
        before, after = pc.cast(before, pa.string()), pc.cast(after, pa.string())
    one_is_null = pc.not_equal(before.is_null(), after.is_null())
    return np.asarray(pc.coalesce(pc.not_equal(before, after), one_is_null), bool)


def as_keys(values: pa.Array | pa.ChunkedArray, kind: pa.DataType, on: str) -> pa.Array:
    """Return values as a type that they are compared in.

    Args:
        values: Of a column.
        kind: Of `key_type`.
        on: Name of the column.

    Raises:
        InputError: They cannot be compared so.
    """
    try:
        return pc.cast(values, kind)
    except pa.ArrowException:
        raise InputError(
            f"values of the column {on!r}, {values.type}, cannot be compared as {kind}",
            hint="choose a column of both with --on",
        ) from None


class _Join:
    """Columns that DuckDB reads as streams, and the error of a stream that could not be read."""

    def __init__(self, connection: "duckdb.DuckDBPyConnection") -> None:
        self._connection = connection
        self.failure: CurateError | None = None

    def register(self, name: str, rows: Rows, on: str, kind: pa.DataType) -> None:
        """Name a stream of a column's values, ``key``, and their numbers, ``row``."""
        schema = pa.schema([pa.field("key", kind), pa.field("row", pa.int64())])
        stream = self._number_rows(rows, on, schema)
        self._connection.register(name, pa.RecordBatchReader.from_batches(schema, stream))

    def query(self, text: str) -> dict[str, Ints]:
        """Return the columns that a query gives."""
        return dict(self._connection.sql(text).fetchnumpy())

    def _number_rows(self, rows: Rows, on: str, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        start = 0
        try:
            for batch in rows.batches([on]):
                keys = as_keys(batch.column(0), schema.field("key").type, on)
                numbers = pa.array(np.arange(start, start + len(batch)))
                yield pa.RecordBatch.from_arrays([keys, numbers], schema=schema)
                start += len(batch)
        except CurateError as error:
            self.failure = error
            raise


@contextmanager
def _open_join(memory: str) -> Iterator[_Join]:
    """Give a join that takes so much memory, then a temporary folder.

    Raises:
        CurateError: The rows cannot be read.
        ResourceError: The disk is full too.
    """
    import duckdb

    with tempfile.TemporaryDirectory() as folder:
        most = min(parse_bytes(memory), memory_bytes() // 4)
        config: dict[str, Any] = {"memory_limit": f"{most}B", "temp_directory": folder}
        with duckdb.connect(config=config) as connection:
            connection.execute("set preserve_insertion_order = false")
            join = _Join(connection)
            try:
                yield join
            except (duckdb.OutOfMemoryException, duckdb.IOException) as error:
                raise ResourceError(
                    f"no room to join the tables: {first_line(error)}",
                    hint="free some space where temporary files go, or name a place with TMPDIR",
                ) from None
            except duckdb.InvalidInputException as error:
                raise (join.failure or error) from None
