"""The manifest: one Parquet file, one row per image, sorted by path, with a history in its footer.

A stage fills its own columns and keeps all others. Column names and types are a contract. A file
named ``.csv`` holds the same as text, with the footer in a JSON file beside it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.choices import Status
from curate.errors import InputError, UsageError
from curate.files import writable
from curate.manifest.columns import KNOWN_TYPES
from curate.manifest.csv import companion, is_csv, read_csv, write_csv
from curate.manifest.joins import differs, partners
from curate.manifest.parquet import ParquetRows, write_parquet
from curate.manifest.rows import FilledRows, Rows, TakenRows
from curate.version import __version__

FOOTER_KEY = b"curate"
_HINT = "name a file that `curate cluster` or `curate dedup` wrote"


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifest:
    """A manifest whose columns are read when they are asked for.

    Attributes:
        rows: One row per image, sorted by ``path``.
        source: Absolute folder that ``path`` is relative to.
        model: Name and weights hash of the model whose features it holds, or None.
        stages: What each stage was asked for, by stage name.
    """

    rows: Rows
    source: str
    model: str | None = None
    stages: Mapping[str, Any] = field(default_factory=dict)

    @property
    def n_unreadable(self) -> int:
        """How many rows cannot be used."""
        return len(self.rows) - int(self.is_readable().sum())

    def is_readable(self) -> NDArray[np.bool_]:
        """Return which rows can be used, (N,)."""
        status = self.rows.read(["status"])["status"]
        return np.asarray(pc.equal(status, Status.OK.value).to_numpy(), bool)

    def with_columns(self, columns: Rows, *, stage: str, config: Mapping[str, Any]) -> "Manifest":
        """Return this manifest with a stage's columns filled, others kept in their place."""
        return replace(
            self,
            rows=FilledRows(self.rows, columns),
            stages={**self.stages, stage: dict(config)},
        )

    def check(self, name: str, *, hint: str) -> None:
        """Check that there is a column.

        Raises:
            UsageError: There is none of that name.
        """
        if name not in self.rows.schema.names:
            raise UsageError(f"the manifest has no column {name!r}", hint=hint)

    def column(self, name: str, *, hint: str) -> pa.ChunkedArray:
        """Return a column by name.

        Raises:
            UsageError: There is no such column.
        """
        self.check(name, hint=hint)
        return self.rows.read([name])[name]


def write_manifest(manifest: Manifest, path: Path) -> None:
    """Write a manifest, as CSV where its name says so; it appears whole or not at all.

    It may be the file that the manifest was read from: rows are written as they are read.

    Raises:
        InputError: The rows cannot be read.
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
        write_csv(manifest.rows, path, footer)
        return
    others = {
        key: value
        for key, value in (manifest.rows.schema.metadata or {}).items()
        if key != FOOTER_KEY
    }
    told = {**others, FOOTER_KEY: json.dumps(footer, sort_keys=True).encode()}
    write_parquet(manifest.rows, path, told)


def read_manifest(path: Path) -> Manifest:
    """Open a manifest; of a Parquet file only the footer is read.

    Raises:
        InputError: There is no such file, or it is not a manifest that curate wrote.
    """
    if not path.is_file():
        raise InputError(
            f"no manifest at {path}", hint="write one with `curate cluster --out M.parquet`"
        )
    rows, facts = read_csv(path, KNOWN_TYPES) if is_csv(path) else _read_parquet(path)
    missing = [name for name in ("path", "hash", "status") if name not in rows.schema.names]
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
        rows=rows,
        source=facts["source"],
        model=facts.get("model"),
        stages=facts.get("stages", {}),
    )


def _read_parquet(path: Path) -> tuple[Rows, dict[str, Any]]:
    """Return the rows of a Parquet file and what its footer tells of the manifest, if anything.

    Raises:
        InputError: It is no Parquet file.
    """
    rows = ParquetRows(path, problem="is not a manifest", hint=_HINT)
    footer = (rows.schema.metadata or {}).get(FOOTER_KEY)
    return rows, dict(json.loads(footer)) if footer is not None else {}


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
    extra = [column for column in old.rows.schema if column.name not in fresh.rows.schema.names]
    if not extra:
        return fresh
    numbers = partners(fresh.rows, old.rows, on="path")
    found = TakenRows(old.rows, [old.rows.schema.field("hash")], numbers)
    numbers = np.where(differs(fresh.rows, found, "hash"), -1, numbers)
    return replace(
        fresh,
        rows=FilledRows(fresh.rows, TakenRows(old.rows, extra, numbers)),
        stages={**old.stages, **fresh.stages},
    )
