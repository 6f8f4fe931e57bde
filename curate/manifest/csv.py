"""Read and write tables as CSV files, with the types of their columns in a JSON file beside.

CSV knows no types and no lists. So lists are joined by ``;``, and the types lie, with whatever else
belongs to the table, in a companion: a file of the same name and ``.json``. Empty text is quoted,
null is not.
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
from curate.manifest.columns import STRING_LIST
from curate.manifest.rows import HeldRows, Rows

SEPARATOR = ";"
_LIST = "list"


def is_csv(path: Path) -> bool:
    """Return whether a file's name says CSV."""
    return path.suffix.lower() == ".csv"


def companion_path(path: Path) -> Path:
    """Return the place of the JSON file that belongs to a CSV file."""
    return path.with_name(f"{path.name}.json")


def write_csv(rows: Rows, path: Path, facts: Mapping[str, Any]) -> None:
    """Write rows batch by batch, and the companion, each whole or not at all.

    Args:
        rows: Columns of numbers, text, times, booleans and lists of text.
        path: The CSV file.
        facts: What the companion holds besides the types.

    Raises:
        UsageError: A column cannot be written as text.
        ResourceError: The disk is full or the place cannot be written.
    """
    content = {**facts, "columns": {field.name: _type_name(field) for field in rows.schema}}
    flat = pa.schema((field.name, _flat_type(field.type)) for field in rows.schema)
    with replacing(companion_path(path)) as companion, replacing(path) as scratch:
        companion.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n")
        with pyarrow.csv.CSVWriter(scratch, flat) as writer:
            for batch in rows.batches(flat.names):
                columns = [_join_lists(column) for column in batch.columns]
                writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=flat))


def read_csv(path: Path, types: Mapping[str, pa.DataType]) -> tuple[Rows, dict[str, Any]]:
    """Return a CSV file's rows, held in memory, and the facts of its companion, if there is one.

    Args:
        path: The CSV file.
        types: Types of columns that the companion does not name; of others they are guessed.

    Raises:
        InputError: A file cannot be read.
    """
    companion = companion_path(path)
    try:
        facts = dict(json.loads(companion.read_text())) if companion.is_file() else {}
        named = {name: _parse_type(text) for name, text in facts.pop("columns", {}).items()}
        known = {**types, **named}
        options = pyarrow.csv.ConvertOptions(
            column_types={name: _flat_type(kind) for name, kind in known.items()},
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        )
        table = pyarrow.csv.read_csv(path, convert_options=options)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InputError(
            f"{path} cannot be read: {first_line(error)}",
            hint="name a CSV file with a line of column names, and its .json if it has one",
        ) from None
    return HeldRows(_split_lists(table, known)), facts


def _flat_type(kind: pa.DataType) -> pa.DataType:
    """Return the type that a column has in the CSV file, where there are no lists."""
    return pa.string() if pa.types.is_list(kind) else kind


def _join_lists(column: pa.Array) -> pa.Array:
    return pc.binary_join(column, SEPARATOR) if pa.types.is_list(column.type) else column


def _split_lists(table: pa.Table, types: Mapping[str, pa.DataType]) -> pa.Table:
    """Return the table with its joined lists as lists."""
    for index, name in enumerate(table.column_names):
        kind = types.get(name, pa.null())
        if pa.types.is_list(kind):
            lists = pc.split_pattern(table[name], SEPARATOR)
            empty = pa.scalar([], lists.type)
            lists = pc.cast(pc.if_else(pc.equal(table[name], ""), empty, lists), kind)
            table = table.set_column(index, pa.field(name, kind), lists)
    return table


def _type_name(field: pa.Field) -> str:
    """Return the name of a column's type.

    Raises:
        UsageError: It has no form in CSV.
    """
    kind = field.type
    if pa.types.is_list(kind) and pa.types.is_string(kind.value_type):
        return _LIST
    try:
        pa.type_for_alias(str(kind))
    except ValueError:
        raise UsageError(
            f"the column {field.name!r} of type {kind} cannot be written as CSV",
            hint="write a .parquet file, or drop the column",
        ) from None
    return str(kind)


def _parse_type(name: str) -> pa.DataType:
    return STRING_LIST if name == _LIST else pa.type_for_alias(name)
