"""Labels in a CSV or Parquet file: a column that names images, a column of their classes."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from curate.annotations.base import AskedImages, FoundObjects, Labelled, gather_labels
from curate.annotations.matching import describe_unmatched, match_names
from curate.choices import closest
from curate.errors import InputError, UsageError, first_line
from curate.files import Utf8Name
from curate.manifest.column_text import as_text

PATHS = (
    "path", "file_path", "filepath", "image_path", "img_path", "file", "filename", "file_name",
    "image", "image_name", "image_id", "img", "name", "id",
)  # fmt: skip
"""What people call the column that names images; where there is none of these, the first counts."""
LABELS = ("label", "labels", "class", "class_name", "category", "target", "species", "breed", "y")
_PARSE = pyarrow.csv.ParseOptions(newlines_in_values=True)


class TableLabels:
    """A table of names and classes; an image may have several rows."""

    def __init__(self, file: Path, column: str | None) -> None:
        """Look at the columns.

        Args:
            file: The table.
            column: Of the classes; None takes ``label``, ``class`` or the like.

        Raises:
            InputError: It cannot be read.
            UsageError: There is no such column.
        """
        self._file = file
        self._is_csv = file.suffix.lower() != ".parquet"
        self._name = Utf8Name(file)
        fields = self._list_columns()
        self._label = self._choose_label(fields.names, column)
        others = [one.name for one in fields if one.name != self._label and _may_name(one.type)]
        if not others:
            raise InputError(
                f"{file} has no column of text beside {self._label!r}",
                hint="add one that names the images",
            )
        known = {name.lower(): name for name in reversed(others)}
        self._path = next((known[name] for name in PATHS if name in known), others[0])

    def read(self, images: AskedImages) -> Labelled:
        """Return the classes of the images.

        Raises:
            InputError: The table cannot be read, or names none of them.
        """
        table = self._read_columns()
        classes = as_text(table[self._label], self._label).combine_chunks()
        coded = pc.dictionary_encode(table[self._path]).combine_chunks()
        row_of = match_names(coded.dictionary, images, source=self._file.name)
        index = np.asarray(pc.fill_null(coded.indices, -1).to_numpy(zero_copy_only=False), np.int64)
        row = np.append(row_of, -1)[index]
        kept = np.flatnonzero((row >= 0) & classes.is_valid().to_numpy(zero_copy_only=False))
        found = FoundObjects(row=row[kept], name=classes.take(pa.array(kept)))
        return gather_labels(
            found,
            np.zeros(len(images), np.bool_),
            notes=describe_unmatched(row_of, source=self._file.name),
        )

    def _list_columns(self) -> pa.Schema:
        try:
            if not self._is_csv:
                return pq.read_schema(str(self._name))
            with pyarrow.csv.open_csv(str(self._name), parse_options=_PARSE) as reader:
                return pa.schema([pa.field(name, pa.string()) for name in reader.schema.names])
        except (pa.ArrowException, OSError) as error:
            raise self._explain(error) from None

    def _read_columns(self) -> pa.Table:
        names = [self._path, self._label]
        try:
            if not self._is_csv:
                table = pq.read_table(str(self._name), columns=names)
                at = table.schema.get_field_index(self._path)
                return table.set_column(at, self._path, pc.cast(table[self._path], pa.string()))
            convert = pyarrow.csv.ConvertOptions(
                include_columns=names, column_types=dict.fromkeys(names, pa.string()),
                null_values=[""], strings_can_be_null=True,
            )  # fmt: skip
            name = str(self._name)
            return pyarrow.csv.read_csv(name, parse_options=_PARSE, convert_options=convert)
        except (pa.ArrowException, OSError) as error:
            raise self._explain(error) from None

    def _explain(self, error: Exception) -> InputError:
        kind = "CSV" if self._is_csv else "Parquet"
        return InputError(
            f"{self._file} cannot be read as {kind}: {first_line(error)}",
            hint="name a table with a line of column names",
        )

    def _choose_label(self, names: list[str], column: str | None) -> str:
        if column is not None:
            if column not in names:
                raise UsageError(
                    f"{self._file} has no column {column!r}{closest(column, names)}",
                    hint=f"it has {', '.join(names)}",
                )
            return column
        known = {name.lower(): name for name in reversed(names)}
        for name in LABELS:
            if name in known:
                return known[name]
        if len(names) == 2:
            return names[1]
        raise UsageError(
            f"{self._file} has no column named label; which one is it?",
            hint=f"write --labels {self._file}:COLUMN, one of {', '.join(names)}",
        )


def _may_name(kind: pa.DataType) -> bool:
    """Return whether values of a type may name images: text, or whole numbers."""
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    is_text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    return bool(is_text or pa.types.is_string_view(kind) or pa.types.is_integer(kind))
