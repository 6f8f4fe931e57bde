"""Tables of pairs of images, one row each: how rows are taken, tables concatenated, pairs swapped.

A table is a dataclass with a column for each field: an array, a list, or a table again. All columns
have as many entries as there are pairs.
"""

from collections.abc import Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.integer[Any]] | NDArray[np.bool_]
Table = TypeVar("Table")


class Swappable(Protocol):
    """A table that knows what its columns say with first and second image exchanged."""

    def reverse(self) -> Self:
        """Return all pairs with first and second image exchanged."""


SwappableTable = TypeVar("SwappableTable", bound=Swappable)


def take_pairs(table: Table, rows: Rows) -> Table:
    """Return some rows of a table.

    Args:
        table: Of P pairs.
        rows: Numbers of rows, or (P,) bool.
    """
    if isinstance(table, list):
        return [table[row] for row in np.arange(len(table))[rows].tolist()]  # type: ignore[return-value]
    if not is_dataclass(table):
        return table[rows]  # type: ignore[index, no-any-return]
    return replace(
        table,  # type: ignore[type-var]
        **{field.name: take_pairs(getattr(table, field.name), rows) for field in fields(table)},
    )


def concat_pairs(tables: Sequence[Table]) -> Table:
    """Return several tables as one, in order; at least one."""
    first = tables[0]
    if isinstance(first, list):
        return [value for table in tables for value in table]  # type: ignore[return-value, attr-defined]
    if not is_dataclass(first):
        return np.concatenate(tables)  # type: ignore[return-value, arg-type]
    columns = {
        field.name: concat_pairs([getattr(table, field.name) for table in tables])
        for field in fields(first)
    }
    return replace(first, **columns)  # type: ignore[type-var]


def swap_pairs(table: SwappableTable, is_swapped: NDArray[np.bool_]) -> SwappableTable:
    """Return a table with first and second image exchanged in some rows.

    Args:
        table: Of P pairs; its columns are arrays.
        is_swapped: (P,) bool.
    """
    other = table.reverse()
    columns = {}
    for field in fields(table):  # type: ignore[arg-type]
        before, after = getattr(table, field.name), getattr(other, field.name)
        which = is_swapped.reshape(-1, *(1,) * (before.ndim - 1))
        columns[field.name] = np.where(which, after, before)
    return replace(table, **columns)  # type: ignore[type-var]
