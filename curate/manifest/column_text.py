"""The values of a column as text, whatever their type: what they are grouped and split by."""

import pyarrow as pa
import pyarrow.compute as pc

from curate.errors import UsageError

SEPARATOR = ";"


def as_text(column: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    """Return the values of a column as text, null as null; those of a list are joined.

    Args:
        column: The values.
        name: Of the column.

    Raises:
        UsageError: They have no form as text, such as records or bytes.
    """
    try:
        if pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
            strings = pc.cast(column, pa.list_(pa.string()))
            return pc.binary_join(strings, SEPARATOR)
        return pc.cast(column, pa.string())
    except pa.ArrowException:
        raise UsageError(
            f"the column {name!r} of type {column.type} has no form as text",
            hint="choose a column of numbers, text or lists of text",
        ) from None
