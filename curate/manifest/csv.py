"""Tables as CSV files that come back as they were.

CSV knows no types and no lists. So lists are joined by ``;`` and the types lie, with whatever else
belongs to the table, in a JSON file of the same name and ``.json`` beside it. Empty text is
quoted, what is missing is not.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from curate.errors import InputError, UsageError, first_line
from curate.files import replacing
from curate.manifest.rows import HeldRows, Rows

SEPARATOR = ";"


def is_csv(path: Path) -> bool:
    """Return whether a file's name says CSV."""
    return path.suffix.lower() == ".csv"


def companion(path: Path) -> Path:
    """Return the JSON file that belongs to a CSV file."""
    return path.with_name(f"{path.name}.json")


def write_csv(rows: Rows, path: Path, facts: Mapping[str, Any]) -> None:
    """Write rows batch by batch, and the companion, each whole or not at all.

    Args:
        rows: Columns of numbers, text, times, truths and lists of text.
        path: The CSV file.
        facts: What the companion tells besides the types.

    Raises:
        UsageError: A column cannot be written as text.
        ResourceError: The disk is full or the place cannot be written.
    """
    types = {field.name: _name(field) for field in rows.schema}
    flat = pa.schema(
        [(f.name, pa.string() if pa.types.is_list(f.type) else f.type) for f in rows.schema]
    )
    with replacing(companion(path)) as beside, replacing(path) as scratch:
        told = {**facts, "columns": types}
        beside.write_text(json.dumps(told, indent=2, sort_keys=True) + "\n")
        with pyarrow.csv.CSVWriter(scratch, flat) as writer:
            for batch in rows.batches(flat.names):
                columns = [_joined(column) for column in batch.columns]
                writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=flat))


def read_csv(path: Path, types: Mapping[str, pa.DataType]) -> tuple[Rows, dict[str, Any]]:
    """Return a CSV file's rows, held in memory, and what its companion tells, if there is one.

    Args:
        path: The CSV file.
        types: Types of columns that the companion does not name; of others they are guessed.

    Raises:
        InputError: A file cannot be read.
    """
    beside = companion(path)
    try:
        facts = dict(json.loads(beside.read_text())) if beside.is_file() else {}
        known = {**types, **{name: _type(text) for name, text in facts.pop("columns", {}).items()}}
        options = pyarrow.csv.ConvertOptions(
            column_types={
                name: pa.string() if pa.types.is_list(kind) else kind
                for name, kind in known.items()
            },
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        )
        table = pyarrow.csv.read_csv(path, convert_options=options)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InputError(
            f"{path} cannot be read: {first_line(error)}",
            hint="name a CSV file with a line of column names, and its .json if it has one",
        ) from None
    return HeldRows(_typed(table, known)), facts


def _typed(table: pa.Table, types: Mapping[str, pa.DataType]) -> pa.Table:
    """Return the table with its joined lists as lists."""
    for place, name in enumerate(table.column_names):
        if pa.types.is_list(types.get(name, pa.null())):
            table = table.set_column(
                place, pa.field(name, types[name]), _split(table[name], types[name])
            )
    return table


def _joined(column: pa.Array) -> pa.Array:
    if pa.types.is_list(column.type):
        return pc.binary_join(column, SEPARATOR)
    return column


def _split(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    lists = pc.split_pattern(column, SEPARATOR)
    empty = pa.scalar([], lists.type)
    return pc.cast(pc.if_else(pc.equal(column, ""), empty, lists), kind)


def _name(field: pa.Field) -> str:
    """Return the name of a column's type.

    Raises:
        UsageError: It has no form in CSV.
    """
    kind = field.type
    if pa.types.is_list(kind) and pa.types.is_string(kind.value_type):
        return "list"
    try:
        pa.type_for_alias(str(kind))
    except ValueError:
        raise UsageError(
            f"the column {field.name!r} of type {kind} cannot be written as CSV",
            hint="write a .parquet file, or drop the column",
        ) from None
    return str(kind)


def _type(name: str) -> pa.DataType:
    return TEXTS if name == "list" else pa.type_for_alias(name)


TEXTS = pa.list_(pa.field("element", pa.string()))
"""A list of texts, as Parquet names its parts."""
