"""Parquet with the bytes of the images, in shards, as the ``datasets`` library reads it."""

import os
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from curate.choices import ExportAs
from curate.exporters.base import Exporter, Item
from curate.exporters.shards import DEFAULT_SHARDS, ShardParams, Shards
from curate.files import Utf8Name
from curate.sources.names import escape

_COLUMN = "image"
IMAGE = pa.struct([pa.field("bytes", pa.binary()), pa.field("path", pa.string())])
"""What the ``datasets`` library takes for an image."""


class ParquetExporter(Exporter, form=ExportAs.PARQUET):
    """Rows of the manifest, each with a column ``image`` of the file's bytes and path.

    A column of that name of the manifest is ``image_1``.
    """

    columns = None
    writes_content = True

    def __init__(
        self, folder: Path, resources: ExitStack, params: ShardParams = DEFAULT_SHARDS
    ) -> None:
        """Begin without a shard.

        Args:
            folder: Where the shards go.
            resources: Closes the last shard.
            params: How large a shard and its row groups are.
        """
        super().__init__(folder, resources)
        self._shards: Shards[pq.ParquetWriter] = Shards(
            folder, ".parquet", resources, max_bytes=params.max_bytes
        )
        self._images_per_row_group = params.images_per_row_group
        self._rows: list[pa.RecordBatch] = []
        self._images: list[dict[str, object]] = []

    @classmethod
    def rename_columns(cls, names: Sequence[str]) -> dict[str, str]:
        """Return what a column ``image`` of the manifest is called: ``image_1``, or the next free.

        Args:
            names: Of all columns.
        """
        if _COLUMN not in names:
            return {}
        return {_COLUMN: next(name for n in count(1) if (name := f"{_COLUMN}_{n}") not in names)}

    def add(self, item: Item) -> None:
        """Add a row with its image to the row group, and write the group once it is full."""
        self._rows.append(item.row)
        place = escape(os.fsencode(item.place))
        self._images.append({"bytes": item.payload, "path": place})
        self._shards.count(len(item.payload))
        if len(self._images) >= self._images_per_row_group:
            self._write_row_group()

    def close(self) -> None:
        """Write the last row group."""
        if self._images:
            self._write_row_group()

    def _write_row_group(self) -> None:
        rows = pa.Table.from_batches(self._rows).replace_schema_metadata(None).combine_chunks()
        names = rows.schema.names
        renamed = self.rename_columns(names)
        rows = rows.rename_columns([renamed.get(name, name) for name in names])
        rows = rows.append_column(_COLUMN, pa.array(self._images, IMAGE))
        writer = self._shards.writer(lambda path: open_writer(path, rows.schema))
        writer.write_table(rows)
        self._rows, self._images = [], []


def open_writer(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    """Return a writer of a Parquet file of any name."""
    name = Utf8Name(path)  # lives until the file is open
    return pq.ParquetWriter(str(name), schema)
