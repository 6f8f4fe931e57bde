"""Merge: the columns of one manifest, or a table of one's own, joined to another."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.errors import InputError, UsageError
from curate.manifest.columns import KNOWN_TYPES
from curate.manifest.csv import is_csv, read_csv
from curate.manifest.joins import partners, possible_twins
from curate.manifest.manifest import read_manifest, write_manifest
from curate.manifest.parquet import ParquetRows
from curate.manifest.rows import Rows, TakenRows

SCANNED = frozenset({"path", "hash", "bytes", "width", "height", "format", "status", "reason"})


@dataclass(frozen=True, kw_only=True, slots=True)
class MergeResult:
    """What the stage did.

    Attributes:
        manifest: The file written.
        columns: Columns that were filled.
        n_matched: Rows that found a partner.
        n_rows: Rows of the manifest.
        n_unused: Rows of the other table that found none.
    """

    manifest: str
    columns: list[str]
    n_matched: int
    n_rows: int
    n_unused: int


def merge(
    manifest: Path | str,
    other: Path | str,
    *,
    out: Path | str,
    on: str = "path",
    columns: tuple[str, ...] = (),
) -> MergeResult:
    """Fill columns of a manifest from another manifest, a Parquet file or a CSV file.

    Args:
        manifest: Gives the rows.
        other: Gives the columns; its values of ``on`` must differ from each other.
        out: The manifest to write.
        on: Column that both share: ``path``, ``hash`` or one of yours.
        columns: Those to take; none takes all that a scan does not fill.

    Raises:
        InputError: A file cannot be used, or ``on`` is ambiguous in ``other``.
        UsageError: A column is not there.
    """
    left, right = read_manifest(Path(manifest)), _read_table(Path(other))
    left.check(on, hint="choose a column of both with --on")
    there = right.schema.names
    for name in (on, *columns):
        if name not in there:
            raise UsageError(f"{other} has no column {name!r}", hint=f"it has: {', '.join(there)}")
    if _is_ambiguous(right, on, left.rows.schema.field(on).type):
        raise InputError(
            f"{other} has several rows with one {on}",
            hint="leave one row each, or use another --on",
        )
    numbers = partners(left.rows, right, on=on)
    taken = columns or tuple(n for n in there if n != on and n not in SCANNED)
    fields = [pa.field(name, right.schema.field(name).type) for name in taken]
    joined = TakenRows(right, fields, numbers)
    filled = left.with_columns(joined, stage="merge", config={"on": on, "columns": list(taken)})
    write_manifest(filled, Path(out))
    found = numbers[numbers >= 0]
    return MergeResult(
        manifest=str(out),
        columns=list(taken),
        n_matched=len(found),
        n_rows=len(numbers),
        n_unused=int((np.bincount(found, minlength=len(right)) == 0).sum()),
    )


def _is_ambiguous(rows: Rows, on: str, kind: pa.DataType) -> bool:
    """Return whether two rows share a value, cast to a type, or one has none."""
    suspects = rows.take([on], possible_twins(rows, on, kind))[on]
    return bool(pc.count_distinct(pc.cast(suspects, kind)).as_py() != len(suspects))


def _read_table(path: Path) -> Rows:
    """Return the rows of a Parquet or CSV file.

    Raises:
        InputError: It is neither.
    """
    if not path.is_file():
        raise InputError(f"no file at {path}", hint="name a manifest, a Parquet or a CSV file")
    if is_csv(path):
        return read_csv(path, KNOWN_TYPES)[0]
    hint = "name a manifest, a Parquet or a CSV file"
    return ParquetRows(path, problem="cannot be read", hint=hint)
