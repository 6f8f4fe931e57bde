"""Images in archives that training reads in order: WebDataset tars, Parquet with the files' bytes.

Both are written in shards of some 512 MB, ``000000.tar`` and so on.
"""

import io
import tarfile
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa
import pyarrow.parquet as pq

SHARD_BYTES = 512 << 20
_ROW_GROUP = 256

IMAGE = pa.struct([pa.field("bytes", pa.binary()), pa.field("path", pa.string())])
"""What the ``datasets`` library takes for an image."""


class TarShards:
    """WebDataset shards: the members of one key, image and label, are one sample."""

    def __init__(self, folder: Path) -> None:
        """Write below a folder that is there."""
        self._folder = folder
        self._archive: tarfile.TarFile | None = None
        self._bytes = self._shards = self._samples = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        if self._archive is not None:
            self._archive.close()

    def add(self, name: Path, blob: bytes, label: str | None) -> None:
        """Add an image; its key has no dot, since WebDataset takes what follows for the ending."""
        if self._archive is None or self._bytes >= SHARD_BYTES:
            if self._archive is not None:
                self._archive.close()
            path = self._folder / f"{self._shards:06d}.tar"
            self._archive, self._bytes = tarfile.open(path, "w"), 0  # noqa: SIM115 - closed on exit
            self._shards += 1
        key = f"{self._samples:08d}-{name.stem.replace('.', '_')}"
        self._put(f"{key}{name.suffix.lower()}", blob)
        if label is not None:
            self._put(f"{key}.cls.txt", label.encode())
        self._samples += 1

    def _put(self, name: str, content: bytes) -> None:
        assert self._archive is not None
        member = tarfile.TarInfo(name)
        member.size = len(content)
        self._archive.addfile(member, io.BytesIO(content))
        self._bytes += len(content)


class ParquetShards:
    """Rows of a manifest, each with a column ``image`` of the file's bytes and path."""

    def __init__(self, folder: Path) -> None:
        """Write below a folder that is there."""
        self._folder = folder
        self._writer: pq.ParquetWriter | None = None
        self._rows: list[pa.RecordBatch] = []
        self._images: list[dict[str, object]] = []
        self._bytes = self._shards = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        if kind is None:
            self._flush()
        if self._writer is not None:
            self._writer.close()

    def add(self, row: pa.RecordBatch, name: Path, blob: bytes) -> None:
        """Add a row and its image."""
        self._rows.append(row)
        self._images.append({"bytes": blob, "path": name.as_posix()})
        self._bytes += len(blob)
        if len(self._images) >= _ROW_GROUP:
            self._flush()

    def _flush(self) -> None:
        if not self._images:
            return
        rows = pa.Table.from_batches(self._rows).replace_schema_metadata(None).combine_chunks()
        rows = rows.append_column("image", pa.array(self._images, IMAGE))
        if self._writer is None or self._bytes >= SHARD_BYTES:
            if self._writer is not None:
                self._writer.close()
            path = self._folder / f"{self._shards:06d}.parquet"
            self._writer, self._bytes = pq.ParquetWriter(path, rows.schema), 0
            self._shards += 1
        self._writer.write_table(rows)
        self._rows, self._images = [], []
