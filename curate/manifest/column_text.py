"""The values of a column as text, whatever their type: what they are grouped and split by."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.errors import UsageError

SEPARATOR = ";"


def find_rarest(column: pa.ChunkedArray) -> pa.Array:
    """Return of each list of texts the one that is in the fewest lists; ties go by name.

    >>> find_rarest(pa.chunked_array([[["cat", "dog"], ["cat"], [], None]])).to_pylist()
    ['dog', 'cat', '', None]

    Args:
        column: (N,) lists of text.

    Returns:
        (N,) string: empty for an empty list, null for none.
    """
    lists = column.combine_chunks()
    row = np.asarray(pc.list_parent_indices(lists).to_numpy(), np.int64)
    coded = pc.dictionary_encode(pc.cast(pc.list_flatten(lists), pa.string()).fill_null(""))
    names = coded.dictionary.take(order := pc.sort_indices(coded.dictionary))
    code = np.argsort(order.to_numpy())[coded.indices.to_numpy()].astype(np.int64)
    pairs = np.unique(row * max(len(names), 1) + code)
    row, code = np.divmod(pairs, max(len(names), 1))
    n_lists = np.bincount(code, minlength=len(names))
    best = np.lexsort((code, n_lists[code], row))
    chosen = best[np.diff(row[best], prepend=-1) > 0]
    code_of = np.full(len(lists), -1, np.int64)
    code_of[row[chosen]] = code[chosen]
    rarest = names.take(pa.array(code_of, mask=code_of < 0)).fill_null("")
    return pc.if_else(lists.is_valid(), rarest, None)


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
