"""Rows of Parquet and Arrow files: which columns hold images, and these from any row on."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from curate.files import Utf8Name
from curate.sources.remote import RangeFile
from curate.sources.store import Store

_BATCH = 16  # rows in memory
_BUFFER = 4 << 20  # bytes of a column that are read at a time
_NAMES = ("image", "img", "jpg", "jpeg", "png", "webp", "bytes", "image_bytes", "content")
_LABELS = ("label", "labels", "class", "cls", "fine_label")


class NoImages(ValueError):
    """A table without a column of images."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageColumns:
    """Which columns of a table hold images and their labels.

    Attributes:
        image: Column of bytes, or of struct<bytes, path>.
        is_struct: Whether it is the latter.
        label: Column of labels, or None.
        label_names: Names of the classes that a number stands for; empty where it is the label.
    """

    image: str
    is_struct: bool
    label: str | None
    label_names: Sequence[str]

    @property
    def names(self) -> list[str]:
        """The columns, as Arrow is asked for them."""
        return [self.image, *([self.label] if self.label is not None else [])]

    def label_of(self, value: object) -> str | None:
        """Return the label that a value of the column stands for."""
        if value is None or isinstance(value, list | dict):
            return None
        if isinstance(value, int) and not isinstance(value, bool) and self.label_names:
            return self.label_names[value] if 0 <= value < len(self.label_names) else None
        return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def find_columns(schema: pa.Schema) -> ImageColumns:
    """Return which columns of a table hold images and labels.

    Raises:
        NoImages: None does.
    """
    features = _features(schema)
    by_feature = [name for name, one in features.items() if one.get("_type") == "Image"]
    candidates = [name for name in (*by_feature, *_NAMES) if name in schema.names]
    candidates += [field.name for field in schema if _is_image_struct(field.type)]
    image = next((name for name in candidates if _holds_bytes(schema.field(name).type)), None)
    if image is None:
        raise NoImages("has no column of images")
    classes = [name for name, one in features.items() if one.get("_type") == "ClassLabel"]
    label = next((name for name in (*classes, *_LABELS) if name in schema.names), None)
    names = features.get(label or "", {}).get("names") or ()
    return ImageColumns(
        image=image,
        is_struct=pa.types.is_struct(schema.field(image).type),
        label=label,
        label_names=tuple(map(str, names)),
    )


def _features(schema: pa.Schema) -> Mapping[str, Any]:
    """Return what the `datasets` library says of the columns, empty where it says nothing."""
    text = (schema.metadata or {}).get(b"huggingface", b"{}")
    with suppress(ValueError, RecursionError, AttributeError, KeyError, TypeError):
        features = json.loads(text)["info"]["features"]
        return {name: one for name, one in features.items() if isinstance(one, dict)}
    return {}


def _is_image_struct(kind: pa.DataType) -> bool:
    return pa.types.is_struct(kind) and {"bytes", "path"} <= {field.name for field in kind}


def _is_binary(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _holds_bytes(kind: pa.DataType) -> bool:
    return _is_binary(kind) or (_is_image_struct(kind) and _is_binary(kind.field("bytes").type))


class TableRows:
    """The images of a table, row by row from any row on."""

    def __init__(self, store: Store, name: str, version: str | None) -> None:
        """Open a table.

        Args:
            store: Where it lies.
            name: Its name there.
            version: Which it must be, or None.

        Raises:
            NoImages: It has no column of images.
            OSError: It cannot be read, or is of another version.
        """
        self._file: Any = store.open_seekable(name, version)
        try:
            if PurePosixPath(name).suffix.lower() == ".arrow":
                self._map_memory(store.disk_path(name))
                self._table: _ParquetRows | _ArrowRows = _ArrowRows(self._file)
            else:
                self._table = _ParquetRows(self._file)
            self._columns = find_columns(self._table.schema)
        except BaseException:
            self._file.close()
            raise
        self.n_rows = self._table.n_rows

    def _map_memory(self, path: Path | None) -> None:
        """Have a file of this machine read through memory: what is passed by is not read."""
        if path is not None:
            self._file.close()
            name = Utf8Name(path)  # lives until the file is open
            self._file = pa.memory_map(str(name))

    def __enter__(self) -> "TableRows":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def end_of_part(self, number: int) -> int:
        """Return the number after the last row of the part, such as a row group, of a row."""
        return self._table.end_of_part(number) if number >= 0 else -1

    def iterate(self, start: int) -> Iterator[tuple[int, dict[str, Any], str | None]]:
        """Yield number, bytes and path, and label of each row from ``start`` on."""
        columns = self._columns
        for first, batch in self._table.batches(columns, start):
            images = batch.column(columns.image)
            labels = batch.column(columns.label) if columns.label is not None else None
            for row in range(max(0, start - first), len(batch)):
                value = images[row].as_py()
                image = value if columns.is_struct else {"bytes": value, "path": None}
                label = columns.label_of(labels[row].as_py()) if labels is not None else None
                yield first + row, image or {"bytes": None, "path": None}, label


class _ParquetRows:
    """A Parquet file, of which a row group is found by the footer."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._parquet = pq.ParquetFile(file, buffer_size=_BUFFER, pre_buffer=False)
        self.schema = self._parquet.schema_arrow
        self.n_rows = self._parquet.metadata.num_rows

    def _groups(self) -> Iterator[tuple[int, int, int]]:
        """Yield number, first row and the row after the last of each row group."""
        first = 0
        for group in range(self._parquet.num_row_groups):
            end = first + self._parquet.metadata.row_group(group).num_rows
            yield group, first, end
            first = end

    def end_of_part(self, number: int) -> int:
        return next((end for _, first, end in self._groups() if first <= number < end), -1)

    def batches(self, columns: ImageColumns, start: int) -> Iterator[tuple[int, pa.RecordBatch]]:
        """Yield record batches with the number of their first row."""
        leaves = self._leaves(columns)
        groups = [(group, first) for group, first, end in self._groups() if end > start]
        if isinstance(self._file, RangeFile):
            self._file.announce([self._list_parts(group, leaves) for group, _ in groups])
        for group, first in groups:
            n_before = first
            for batch in self._parquet.iter_batches(
                _BATCH, row_groups=[group], columns=leaves, use_threads=False
            ):
                yield n_before, batch
                n_before += len(batch)

    def _list_parts(self, group: int, leaves: list[str]) -> list[tuple[int, int]]:
        """Return where the bytes of some columns of a row group begin and end."""
        facts = self._parquet.metadata.row_group(group)
        parts = []
        for number in range(facts.num_columns):
            column = facts.column(number)
            if column.path_in_schema in leaves:
                starts = (column.dictionary_page_offset, column.data_page_offset)
                begin = min(offset for offset in starts if offset)
                parts.append((begin, begin + column.total_compressed_size))
        return parts

    def _leaves(self, columns: ImageColumns) -> list[str]:
        if not columns.is_struct:
            return columns.names
        return [f"{columns.image}.bytes", f"{columns.image}.path", *columns.names[1:]]


class _ArrowRows:
    """An Arrow file or stream, as `datasets.save_to_disk` writes it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        reader, n_batches = self._open()
        self.schema = reader.schema
        self._ends: list[int] = []
        end = 0
        for number in range(n_batches) if n_batches is not None else ():
            end += len(reader.get_batch(number))
            self._ends.append(end)
        if n_batches is None:
            for batch in reader:
                end += len(batch)
                self._ends.append(end)
        self.n_rows = end

    def _open(self) -> tuple[Any, int | None]:
        """Return a reader and the number of its batches, None for a stream."""
        self._file.seek(0)
        magic = self._file.read(6)
        self._file.seek(0)
        if magic == b"ARROW1":
            reader = pa.ipc.open_file(self._file)
            return reader, reader.num_record_batches
        return pa.ipc.open_stream(self._file), None

    def end_of_part(self, number: int) -> int:
        return next((end for end in self._ends if number < end), -1)

    def batches(self, columns: ImageColumns, start: int) -> Iterator[tuple[int, pa.RecordBatch]]:
        """Yield record batches with the number of their first row."""
        reader, n_batches = self._open()
        first = 0
        for number, end in enumerate(self._ends):
            is_stream = n_batches is None
            if is_stream or end > start:
                batch = reader.read_next_batch() if is_stream else reader.get_batch(number)
                if end > start:
                    yield first, batch.select(columns.names)
            first = end
