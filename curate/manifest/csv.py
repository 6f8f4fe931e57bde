r"""Read and write tables as CSV files, with the types of their columns in a JSON file beside.

CSV knows no types and no lists. So the values of a list are joined by ``;``, and the types lie,
with whatever else belongs to the table, in a companion: a file of the same name and ``.json``.
Empty text is quoted, null is not. In a list a backslash stands before ``;`` and before a backslash;
``\N`` is null, and ``\E`` empty text, so that a list of one empty text is not a list of nothing.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from curate.amounts import count_of
from curate.errors import InputError, UsageError, first_line
from curate.files import Utf8Name, replacing_together
from curate.manifest.column_text import SEPARATOR
from curate.manifest.columns import STRING_LIST, known_type
from curate.manifest.rows import HeldRows, Rows, check_distinct_names

_LIST = "list"
_LIST_OF = "list of "
_REQUIRED = " not null"
_ITEM = re.compile(r"((?:[^\\;]|\\.|\\$)*)(;|$)", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_HINT = "name a CSV file with a line of column names, and its .json if it has one"


def is_csv(path: Path) -> bool:
    """Return whether a file's name says CSV."""
    return path.suffix.lower() == ".csv"


def companion_path(path: Path) -> Path:
    """Return the place of the JSON file that belongs to a CSV file."""
    return path.with_name(f"{path.name}.json")


def is_companion(path: Path) -> bool:
    """Return whether a file is the companion of a CSV file that curate wrote."""
    try:
        return "columns" in _read_facts(path)
    except ValueError:
        return False


def write_csv(rows: Rows, path: Path, facts: Mapping[str, Any]) -> None:
    """Write rows batch by batch, and the companion, both whole or not at all.

    Args:
        rows: Columns of numbers, text, times and booleans, and of lists of these.
        path: The CSV file.
        facts: What the companion holds besides the types.

    Raises:
        UsageError: A column cannot be written as text.
        ResourceError: The disk is full or the place cannot be written.
    """
    content = {**facts, "columns": {field.name: _type_name(field) for field in rows.schema}}
    flat = pa.schema((field.name, _flat_type(field.type)) for field in rows.schema)
    with replacing_together(companion_path(path), path) as (companion, scratch):
        companion.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n")
        name = Utf8Name(scratch)
        with pyarrow.csv.CSVWriter(str(name), flat) as writer:
            for batch in rows.batches(flat.names):
                columns = [_join_lists(column) for column in batch.columns]
                writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=flat))


def read_csv(
    path: Path, *, types: Mapping[str, pa.DataType] | None = None
) -> tuple[Rows, dict[str, Any]]:
    """Return a CSV file's rows, held in memory, and the facts of its companion, if there is one.

    Types of columns that the companion does not name are those of the manifest's columns, and are
    guessed for others: numbers, unless one begins with a 0 as an identifier does.

    Args:
        path: The CSV file.
        types: Of columns that neither the companion nor the manifest knows.

    Raises:
        InputError: A file cannot be read.
    """
    companion = companion_path(path)
    try:
        is_own = companion.is_file()
        facts = _read_facts(companion) if is_own else {}
        fields = _list_fields(path, facts.pop("columns", {}), types or {})
        options = pyarrow.csv.ConvertOptions(
            column_types={name: _written_type(field.type) for name, field in fields.items()},
            null_values=[""] if is_own else None,
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        )
        name = Utf8Name(path)
        table = pyarrow.csv.read_csv(str(name), parse_options=_PARSE, convert_options=options)
        check_distinct_names(table.schema, str(path))
        table = _restore_identifiers(table, name, options)
        return HeldRows(_restore_fields(table, fields)), facts
    except (pa.ArrowException, OSError, ValueError, TypeError, AttributeError) as error:
        raise InputError(f"{path} cannot be read: {first_line(error)}", hint=_HINT) from None


_PARSE = pyarrow.csv.ParseOptions(newlines_in_values=True)


def _read_facts(companion: Path) -> dict[str, Any]:
    """Return what a companion holds.

    Raises:
        ValueError: It is no object of JSON.
    """
    facts = json.loads(companion.read_text(encoding="utf-8"))
    if not isinstance(facts, dict):
        raise ValueError(f"{companion.name} holds no object")  # noqa: TRY004 - of the file, not a call
    return facts


def _restore_identifiers(
    table: pa.Table, name: Utf8Name, options: pyarrow.csv.ConvertOptions
) -> pa.Table:
    """Return a table with those guessed numbers as text of which one begins with a 0, as 007."""
    guessed = [
        field.name
        for field in table.schema
        if pa.types.is_integer(field.type) and field.name not in options.column_types
    ]
    if not guessed:
        return table
    options.include_columns = guessed
    options.column_types = dict.fromkeys(guessed, pa.string())
    texts = pyarrow.csv.read_csv(str(name), parse_options=_PARSE, convert_options=options)
    for column in guessed:
        if pc.any(pc.match_substring_regex(texts[column], r"^[+-]?0[0-9]")).as_py():
            table = table.set_column(table.schema.get_field_index(column), column, texts[column])
    return table


def _list_fields(
    path: Path, type_names: Mapping[str, str], types: Mapping[str, pa.DataType]
) -> dict[str, pa.Field]:
    """Return the columns of a CSV file whose types are known, by name."""
    place = Utf8Name(path)
    with pyarrow.csv.open_csv(str(place), parse_options=_PARSE) as reader:
        names = reader.schema.names
    fields = {}
    for name in names:
        if name in type_names:
            text = type_names[name]
            kind = _parse_type(text.removesuffix(_REQUIRED))
            fields[name] = pa.field(name, kind, nullable=not text.endswith(_REQUIRED))
        elif (known := known_type(name) or types.get(name)) is not None:
            fields[name] = pa.field(name, known)
    return fields


def _flat_type(kind: pa.DataType) -> pa.DataType:
    """Return the type that a column has in the CSV file, where there are no lists."""
    return pa.string() if pa.types.is_list(kind) else kind


def _written_type(kind: pa.DataType) -> pa.DataType:
    """Return the type to read a column as: whole numbers as text, as some write them ``160.0``."""
    return pa.string() if pa.types.is_integer(kind) else _flat_type(kind)


def _join_lists(column: pa.Array) -> pa.Array:
    """Return a column of lists as texts, any other as it is."""
    if not pa.types.is_list(column.type):
        return column
    items = pc.cast(column.flatten(), pa.string())
    escaped = pc.replace_substring(items, "\\", "\\\\")
    escaped = pc.replace_substring(escaped, SEPARATOR, f"\\{SEPARATOR}")
    escaped = pc.if_else(pc.equal(items, ""), "\\E", escaped).fill_null("\\N")
    lengths = pc.fill_null(pc.list_value_length(column), 0)
    ends = np.concatenate([[0], np.cumsum(lengths.to_numpy(zero_copy_only=False))])
    lists = pa.ListArray.from_arrays(pa.array(ends, pa.int32()), escaped)
    return pc.if_else(column.is_valid(), pc.binary_join(lists, SEPARATOR), None)


def _split_list(text: str | None) -> list[str | None] | None:
    r"""Return the items that a text of `_join_lists` stands for.

    >>> _split_list(r"a\;b;\N;\E")
    ['a;b', None, '']
    """
    if text is None or text == "":
        return None if text is None else []
    if "\\" not in text:
        return list(text.split(SEPARATOR))
    items = []
    for match in _ITEM.finditer(text):
        items.append(_unescape(match[1]))
        if not match[2]:
            break
    return items


def _unescape(item: str) -> str | None:
    if item == "\\N":
        return None
    return "" if item == "\\E" else _ESCAPED.sub(r"\1", item)


def _restore_fields(table: pa.Table, fields: Mapping[str, pa.Field]) -> pa.Table:
    """Return the table with its joined lists as lists, whole numbers, and nulls where they may be.

    Raises:
        ValueError: There is a null where none may be.
    """
    columns, schema = [], []
    for read, column in zip(table.schema, table.columns, strict=True):
        field = fields.get(read.name, read)
        columns.append(_restore_column(column, field) if read.name in fields else column)
        schema.append(field)
    return pa.Table.from_arrays(columns, schema=pa.schema(schema, table.schema.metadata))


def _restore_column(column: pa.ChunkedArray, field: pa.Field) -> pa.ChunkedArray:
    """Return a column as its field has it.

    Raises:
        ValueError: There is a null where none may be.
    """
    if pa.types.is_list(field.type):
        texts = pc.dictionary_encode(column).combine_chunks()
        lists = [_split_list(text) for text in texts.dictionary.to_pylist()]
        column = pc.cast(pa.array(lists, STRING_LIST), field.type).take(texts.indices)
    elif pa.types.is_integer(field.type):
        column = pc.cast(pc.replace_substring_regex(column, r"\.0+$", ""), field.type)
    if not field.nullable and column.null_count:
        raise ValueError(
            f"the column {field.name!r} has no value in {count_of(column.null_count, 'row')}"
        )
    return column


def _type_name(field: pa.Field) -> str:
    """Return the name of a column's type.

    Raises:
        UsageError: It has no form in CSV.
    """
    required = "" if field.nullable else _REQUIRED
    kind = field.type
    try:
        if pa.types.is_list(kind) and pa.types.is_string(kind.value_type):
            return f"{_LIST}{required}"
        name = f"{_LIST_OF}{kind.value_type}" if pa.types.is_list(kind) else str(kind)
        _parse_type(name)
    except ValueError:
        raise UsageError(
            f"the column {field.name!r} of type {kind} cannot be written as CSV",
            hint="write a .parquet file, or drop the column",
        ) from None
    return f"{name}{required}"


def _parse_type(name: str) -> pa.DataType:
    """Return the type of a name.

    Raises:
        ValueError: There is none of that name.
    """
    if name == _LIST:
        return STRING_LIST
    if name.startswith(_LIST_OF):
        kind = pa.type_for_alias(name.removeprefix(_LIST_OF))
        return pa.list_(pa.field("element", kind))
    return pa.type_for_alias(name)
