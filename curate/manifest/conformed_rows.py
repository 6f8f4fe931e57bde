"""Rows whose columns of the contract have the types and values that the contract says.

A manifest comes from anywhere: other tools write its columns as dictionaries, large strings or
wider numbers, and people write what they like. Here columns of the contract become what they should
be, or the file is refused, so that no stage has to ask.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from curate.errors import InputError, first_line
from curate.manifest.columns import SCAN_COLUMNS, known_type
from curate.manifest.rows import Rows

if TYPE_CHECKING:
    import pyarrow.dataset

_REQUIRED = frozenset(field.name for field in SCAN_COLUMNS if not field.nullable)
_HINT = "name a file that `curate cluster` or `curate dedup` wrote"


class ConformedRows(Rows):
    """Rows of a file; columns that are not of the contract stay as they are."""

    def __init__(
        self, rows: Rows, name: str, *, problem: str = "is not a manifest", hint: str = _HINT
    ) -> None:
        """Look at the types.

        Args:
            rows: Those of the file.
            name: Of the file.
            problem: What is wrong with a file that has other values.
            hint: What to do about it.

        Raises:
            InputError: A column of the contract can never have its type.
        """
        self._rows, self._name, self._problem, self._hint = rows, name, problem, hint
        self._kinds = {
            field.name: kind
            for field in rows.schema
            if (kind := known_type(field.name)) is not None and kind != field.type
        }
        for column in self._kinds:
            self._conform(pa.nulls(0, rows.schema.field(column).type), column)
        fields = [self._conform_field(field) for field in rows.schema]
        self._schema = pa.schema(fields, rows.schema.metadata)

    @property
    def schema(self) -> pa.Schema:
        """Those of the file, with the types of the contract."""
        return self._schema

    def __len__(self) -> int:
        return len(self._rows)

    def batches(
        self, names: Sequence[str], *, first: int = 0, end: int | None = None
    ) -> Iterator[pa.RecordBatch]:
        """Yield some columns as the contract has them."""
        schema = pa.schema([self._schema.field(name) for name in names], self._schema.metadata)
        for batch in self._rows.batches(names, first=first, end=end):
            columns = [
                self._conform(column, name)
                for name, column in zip(names, batch.columns, strict=True)
            ]
            yield pa.RecordBatch.from_arrays(columns, schema=schema)

    def dataset(self) -> "pa.dataset.Dataset":
        """Return the rows as what other tools scan column by column."""
        return super().dataset() if self._kinds else self._rows.dataset()

    def _conform_field(self, field: pa.Field) -> pa.Field:
        if known_type(field.name) is None:
            return field
        kind = self._kinds.get(field.name, field.type)
        return pa.field(field.name, kind, nullable=field.name not in _REQUIRED)

    def _conform(self, column: pa.Array, name: str) -> pa.Array:
        """Return a column as the contract has it, or as it is where that knows none.

        Raises:
            InputError: It has values that cannot be so.
        """
        if known_type(name) is None:
            return column
        try:
            if name in self._kinds:
                column = pc.cast(column, self._kinds[name])
            column.validate(full=True)
        except (pa.ArrowException, UnicodeDecodeError) as error:
            raise InputError(
                f"{self._name} {self._problem}: its column {name!r} is no {known_type(name)}: "
                f"{first_line(error)}",
                hint=self._hint,
            ) from None
        if name in _REQUIRED and column.null_count:
            raise InputError(
                f"{self._name} {self._problem}: its column {name!r} has rows without a value",
                hint=self._hint,
            )
        return column
