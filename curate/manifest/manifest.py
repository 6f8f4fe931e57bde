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

from curate.argument_types import check_arguments
from curate.choices import Labels
from curate.errors import InputError, ResourceError, UsageError
from curate.manifest.conformed_rows import ConformedRows
from curate.manifest.contract import ANNOTATIONS, find_filler
from curate.manifest.csv import companion_path, is_companion, is_csv, read_csv, write_csv
from curate.manifest.joins import compare_column, find_partners
from curate.manifest.notebook import draw_manifest
from curate.manifest.parquet import ParquetRows, write_parquet
from curate.manifest.rows import FilledRows, Rows, TakenRows
from curate.manifest.selection import is_readable
from curate.output_checks import check_output
from curate.version import __version__

FOOTER_KEY = b"curate"
_ENDINGS = (".parquet", ".csv")
_HINT = "name a file that `curate cluster` or `curate dedup` wrote"


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifest:
    """A manifest whose columns are read when they are asked for.

    Attributes:
        rows: One row per image, sorted by ``path``.
        source: Absolute folder that ``path`` is relative to.
        model: Name and weights hash of the model whose features it holds, or None.
        stages: Options of each stage that ran, by its name.
    """

    rows: Rows = field(repr=False)
    source: str
    model: str | None = None
    stages: Mapping[str, Any] = field(default_factory=dict)

    @property
    def n_unreadable(self) -> int:
        """How many rows cannot be used."""
        return len(self.rows) - int(is_readable(self.rows).sum())

    def with_columns(
        self, columns: Rows, *, stage: str, config: Mapping[str, Any], fills_all: bool = True
    ) -> "Manifest":
        """Return this manifest with a stage's columns filled, others kept in their place.

        Args:
            columns: The stage's columns, as many rows as the manifest.
            stage: Name of the stage.
            config: Its options, for the history in the footer.
            fills_all: Columns of the stage that it does not fill are of an earlier run, and go.
        """
        there = self.rows.schema.names if fills_all else []
        stale = {name for name in there if find_filler(name) == stage} - {*columns.schema.names}
        return replace(
            self,
            rows=FilledRows(self.rows, columns, without=stale),
            stages={**self.stages, stage: dict(config)},
        )

    def to_pandas(self) -> Any:  # noqa: ANN401 - pandas is no dependency
        """Return all rows as a pandas DataFrame.

        Raises:
            ResourceError: pandas is not installed.
        """
        try:
            import pandas as _  # noqa: F401 - Arrow needs it
        except ImportError:
            raise ResourceError("pandas is not installed", hint="pip install pandas") from None
        return self.rows.read().to_pandas()

    def _repr_html_(self) -> str:
        """Return what it is of and its first rows, for a notebook."""
        facts = {
            "images": f"{len(self.rows):,}",
            "unreadable": f"{self.n_unreadable:,}",
            "source": self.source,
            "model": self.model or "–",
            "stages": ", ".join(self.stages) or "–",
        }
        return draw_manifest(self.rows, facts)

    def check(self, name: str, *, hint: str) -> None:
        """Check that there is a column.

        Args:
            name: Of the column.
            hint: What to do where there is none.

        Raises:
            UsageError: There is none of that name.
        """
        if name not in self.rows.schema.names:
            raise UsageError(f"the manifest has no column {name!r}", hint=hint)

    def column(self, name: str, *, hint: str) -> pa.ChunkedArray:
        """Return a column by name.

        Args:
            name: Of the column.
            hint: What to do where there is none.

        Raises:
            UsageError: There is no such column.
        """
        self.check(name, hint=hint)
        return self.rows.read([name])[name]


def write_manifest(manifest: Manifest, path: Path) -> None:
    """Write a manifest, as CSV where its name says so; it appears whole or not at all.

    It may be the file that the manifest was read from: rows are written as they are read.

    Args:
        manifest: What to write.
        path: The file.

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
    foreign = {
        key: value
        for key, value in (manifest.rows.schema.metadata or {}).items()
        if key != FOOTER_KEY
    }
    ours = json.dumps(footer, sort_keys=True).encode()
    write_parquet(manifest.rows, path, {**foreign, FOOTER_KEY: ours})


@check_arguments
def read_manifest(path: Path | str) -> Manifest:
    """Open a manifest; of a Parquet file only the footer is read.

    Raises:
        InputError: There is no such file, or it is not a manifest that curate wrote.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(
            f"no manifest at {path}", hint="write one with `curate cluster --out M.parquet`"
        )
    rows, footer = read_csv(path) if is_csv(path) else _read_parquet(path)
    rows = ConformedRows(rows, str(path))
    missing = [name for name in ("path", "hash", "status") if name not in rows.schema.names]
    if missing:
        raise InputError(f"{path} is not a manifest: it lacks {', '.join(missing)}", hint=_HINT)
    if "source" not in footer:
        lacks = "its footer does not name curate"
        if is_csv(path):
            lacks = f"no {companion_path(path).name} beside it says where the images are"
        raise InputError(
            f"{path} is not a manifest: {lacks}",
            hint=f"join it to one: `curate merge M.parquet {path.name} --out NEW.parquet`",
        )
    _check_footer(footer, path)
    return Manifest(
        rows=rows,
        source=footer["source"],
        model=footer.get("model"),
        stages=footer.get("stages", {}),
    )


def _check_footer(footer: Mapping[str, Any], path: Path) -> None:
    """Check the types of what a manifest's footer says.

    Raises:
        InputError: One is another.
    """
    source, model, stages = footer["source"], footer.get("model"), footer.get("stages", {})
    is_sound = (
        isinstance(source, str)
        and source not in ("", ".")
        and "\0" not in source
        and (model is None or (isinstance(model, str) and model != ""))
        and isinstance(stages, dict)
    )
    if not is_sound:
        raise InputError(f"{path} is not a manifest: its footer is damaged", hint=_HINT)


def _read_parquet(path: Path) -> tuple[Rows, dict[str, Any]]:
    """Return the rows of a Parquet file and our part of its footer, empty if it has none.

    Raises:
        InputError: It is no Parquet file, or our part of its footer is no JSON.
    """
    rows = ParquetRows(path, problem="is not a manifest", hint=_HINT)
    footer = (rows.schema.metadata or {}).get(FOOTER_KEY)
    try:
        facts = json.loads(footer) if footer is not None else {}
    except (ValueError, RecursionError):
        facts = None
    if not isinstance(facts, dict):
        raise InputError(f"{path} is not a manifest: its footer is damaged", hint=_HINT)
    return rows, facts


def check_overwritable(path: Path) -> None:
    """Check that a manifest may be written to a place, before hours of work go into it.

    Raises:
        InputError: It is a folder, or a file that is no manifest and would be lost.
        UsageError: A new file would have a name that no command takes for a manifest's.
        ResourceError: Its folder cannot be written.
    """
    if not path.exists() and path.suffix.lower() not in _ENDINGS:
        raise UsageError(
            f"{path} is no name for a manifest: it ends in neither .parquet nor .csv",
            hint=f"name it {path.stem or 'manifest'}.parquet",
        )
    check_output(path, _is_own, what="a manifest")
    if is_csv(path):
        check_output(companion_path(path), is_companion, what="the facts of a manifest")


def _is_own(path: Path) -> bool:
    """Return whether a file is a manifest, or an empty file named like one."""
    if path.stat().st_size == 0:
        return path.suffix.lower() in _ENDINGS
    try:
        read_manifest(path)
    except InputError:
        return False
    return True


def carry_over(fresh: Manifest, old: Manifest) -> Manifest:
    """Return ``fresh`` with what ``old`` has and it was not asked for, where path and hash agree.

    Those are the columns that only ``old`` has and, unless ``fresh`` was told where labels come
    from, the labels and boxes. Columns of a stage that filled ``fresh`` are of an earlier run, and
    are left.

    Args:
        fresh: Gives the rows and their columns.
        old: Gives further columns; of the same source.
    """
    extra = find_carried(fresh, old)
    if not extra:
        return fresh
    numbers = find_partners(fresh.rows, old.rows, on="path")
    old_hashes = TakenRows(old.rows, [old.rows.schema.field("hash")], numbers)
    numbers = np.where(compare_column(fresh.rows, old_hashes, "hash"), -1, numbers)
    stages = {**old.stages, **fresh.stages}
    if not _names_labels(fresh) and "scan" in old.stages:
        stages["scan"] = old.stages["scan"]  # says where the labels that stay came from
    return replace(
        fresh, rows=FilledRows(fresh.rows, TakenRows(old.rows, extra, numbers)), stages=stages
    )


def find_carried(fresh: Manifest, old: Manifest) -> list[pa.Field]:
    """Return the columns of an older manifest that `carry_over` keeps.

    Args:
        fresh: The manifest that takes its place.
        old: The older one.
    """
    there = set(fresh.rows.schema.names)
    kept = set() if _names_labels(fresh) else set(ANNOTATIONS)
    return [
        column
        for column in old.rows.schema
        if column.name in kept
        or (
            column.name not in there
            and (column.name == "track" or find_filler(column.name) not in fresh.stages)
        )
    ]


def _names_labels(manifest: Manifest) -> bool:
    """Return whether a scan was told where labels come from."""
    return bool(manifest.stages.get("scan", {}).get("labels", Labels.NONE) != Labels.NONE)
