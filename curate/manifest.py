"""The manifest: one Parquet file, one row per image, sorted by path, with a history in its footer.

A stage fills its own columns and keeps all others. Column names and types are a contract. A file
named ``.csv`` holds the same as text, with the footer in a JSON file beside it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curate.errors import InputError, UsageError, first_line
from curate.files import replacing, writable
from curate.records import Status
from curate.spreadsheets import TEXTS, companion, is_csv, read_csv, write_csv
from curate.version import __version__

SCAN_COLUMNS = pa.schema(
    [
        pa.field("path", pa.string(), nullable=False),
        pa.field("hash", pa.string()),
        pa.field("bytes", pa.int64()),
        pa.field("width", pa.int32()),
        pa.field("height", pa.int32()),
        pa.field("format", pa.string()),
        pa.field("status", pa.string(), nullable=False),
        pa.field("reason", pa.string()),
        pa.field("label", pa.string()),
        pa.field("sharpness", pa.float32()),
        pa.field("brightness", pa.float32()),
        pa.field("contrast", pa.float32()),
        pa.field("entropy", pa.float32()),
        pa.field("issues", TEXTS),
    ]
)
CLUSTER_COLUMNS = pa.schema(
    [
        pa.field("cluster", pa.int32()),
        pa.field("cluster_similarity", pa.float32()),
        pa.field("cluster_margin", pa.float32()),
        pa.field("outlier", pa.float32()),
        pa.field("isolation", pa.float32()),
        pa.field("medoid", pa.bool_()),
    ]
)
DEDUP_COLUMNS = pa.schema(
    [
        pa.field("group", pa.int32()),
        pa.field("match", pa.string()),
        pa.field("duplicate_of", pa.string()),
        pa.field("similarity", pa.float32()),
        pa.field("keep", pa.bool_()),
        pa.field("keep_reason", pa.string()),
    ]
)
SAMPLE_COLUMNS = pa.schema([pa.field("selected", pa.bool_()), pa.field("weight", pa.float32())])
SPLIT_COLUMNS = pa.schema([pa.field("split", pa.string())])

FOOTER_KEY = b"curate"
_HINT = "name a file that `curate cluster` or `curate dedup` wrote"

KNOWN_TYPES = {
    field.name: field.type
    for schema in (SCAN_COLUMNS, CLUSTER_COLUMNS, DEDUP_COLUMNS, SAMPLE_COLUMNS, SPLIT_COLUMNS)
    for field in schema
}
"""Type of every column of the contract, by name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifest:
    """A manifest in memory.

    Attributes:
        table: One row per image, sorted by ``path``.
        source: Absolute folder that ``path`` is relative to.
        model: Name and weights hash of the model whose features it holds, or None.
        stages: What each stage was asked for, by stage name.
    """

    table: pa.Table
    source: str
    model: str | None = None
    stages: Mapping[str, Any] = field(default_factory=dict)

    @property
    def n_unreadable(self) -> int:
        """How many rows cannot be used."""
        return len(self.table) - int(
            pc.sum(pc.equal(self.table["status"], Status.OK.value)).as_py()
        )

    def with_columns(
        self, columns: pa.Table, *, stage: str, config: Mapping[str, Any]
    ) -> "Manifest":
        """Return this manifest with a stage's columns filled, others kept in their place."""
        table = self.table
        for column in columns.schema:
            place = table.schema.get_field_index(column.name)
            values = columns[column.name]
            if place < 0:
                table = table.append_column(column, values)
            else:
                table = table.set_column(place, column, values)
        return Manifest(
            table=table,
            source=self.source,
            model=self.model,
            stages={**self.stages, stage: dict(config)},
        )

    def column(self, name: str, *, hint: str) -> pa.ChunkedArray:
        """Return a column by name.

        Raises:
            UsageError: There is no such column.
        """
        if name not in self.table.column_names:
            raise UsageError(f"the manifest has no column {name!r}", hint=hint)
        return self.table[name]


def write_manifest(manifest: Manifest, path: Path) -> None:
    """Write a manifest, as CSV where its name says so; it appears whole or not at all.

    Raises:
        UsageError: A column has no form in CSV.
        ResourceError: The disk is full or the place cannot be written.
    """
    footer = {
        "version": __version__,
        "source": manifest.source,
        "model": manifest.model,
        "stages": manifest.stages,
    }
    if is_csv(path):
        write_csv(manifest.table, path, footer)
        return
    others = {
        key: value
        for key, value in (manifest.table.schema.metadata or {}).items()
        if key != FOOTER_KEY
    }
    table = manifest.table.combine_chunks().replace_schema_metadata(
        {**others, FOOTER_KEY: json.dumps(footer, sort_keys=True).encode()}
    )
    with replacing(path) as scratch:
        pq.write_table(table, scratch, compression="zstd")


def read_manifest(path: Path) -> Manifest:
    """Read a manifest.

    Raises:
        InputError: There is no such file, or it is not a manifest that curate wrote.
    """
    if not path.is_file():
        raise InputError(
            f"no manifest at {path}", hint="write one with `curate cluster --out M.parquet`"
        )
    table, facts = read_csv(path, KNOWN_TYPES) if is_csv(path) else _read_parquet(path)
    missing = [name for name in ("path", "hash", "status") if name not in table.column_names]
    if missing:
        raise InputError(f"{path} is not a manifest: it lacks {', '.join(missing)}", hint=_HINT)
    if "source" not in facts and is_csv(path):
        raise InputError(
            f"{path} is not a manifest: no {companion(path).name} beside it says where the images "
            "are",
            hint=f"join it to one: `curate merge M.parquet {path.name} --out NEW.parquet`",
        )
    if "source" not in facts:
        raise InputError(f"{path} is not a manifest: its footer does not name curate", hint=_HINT)
    return Manifest(
        table=table,
        source=facts["source"],
        model=facts.get("model"),
        stages=facts.get("stages", {}),
    )


def _read_parquet(path: Path) -> tuple[pa.Table, dict[str, Any]]:
    """Return a Parquet file and what its footer tells; nothing if curate did not write it.

    Raises:
        InputError: It is no Parquet file.
    """
    try:
        table = pq.read_table(path, partitioning=None)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path} is not a manifest: {first_line(error)}", hint=_HINT) from None
    footer = (table.schema.metadata or {}).get(FOOTER_KEY)
    return table, dict(json.loads(footer)) if footer is not None else {}


def check_overwritable(path: Path) -> None:
    """Check that a manifest may be written to a place, before hours of work go into it.

    Raises:
        InputError: It is a folder, or a file that is no manifest and would be lost.
        ResourceError: Its folder cannot be written.
    """
    writable(path)
    if path.is_file():
        read_manifest(path)


def carry_over(fresh: Manifest, old: Manifest) -> Manifest:
    """Return ``fresh`` with the columns only ``old`` has, where path and hash agree."""
    if fresh.source != old.source:
        return fresh
    extra = [name for name in old.table.column_names if name not in fresh.table.column_names]
    if not extra:
        return fresh
    row_of = {
        key: row
        for row, key in enumerate(
            zip(old.table["path"].to_pylist(), old.table["hash"].to_pylist(), strict=True)
        )
    }
    keys = zip(fresh.table["path"].to_pylist(), fresh.table["hash"].to_pylist(), strict=True)
    rows = pa.array([row_of.get(key) for key in keys], pa.int64())
    table = fresh.table
    for name in extra:
        table = table.append_column(old.table.schema.field(name), old.table[name].take(rows))
    return Manifest(
        table=table,
        source=fresh.source,
        model=fresh.model,
        stages={**old.stages, **fresh.stages},
    )
