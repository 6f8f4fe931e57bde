"""Merge: columns of another manifest, or of a table of yours, joined to a manifest."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.argument_types import check_arguments
from curate.errors import InputError, UsageError
from curate.manifest.csv import is_csv, read_csv
from curate.manifest.joins import find_partners, find_possible_twins
from curate.manifest.manifest import check_overwritable, read_manifest, write_manifest
from curate.manifest.parquet import ParquetRows
from curate.manifest.rows import Rows, TakenRows
from curate.pages.notebook import ShownInNotebooks

FILE_FACTS = frozenset({"path", "hash", "bytes", "width", "height", "format", "status", "reason"})
"""Columns that say what file a row is of: another table gives them only where it is told to."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MergeResult(ShownInNotebooks):
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


@check_arguments
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
        columns: Those to take; none takes all but facts of the file, such as its hash.

    Raises:
        InputError: A file or the output cannot be used, or ``on`` is ambiguous in ``other``.
        UsageError: A column is not there.
    """
    left, right = read_manifest(Path(manifest)), _read_table(Path(other))
    check_overwritable(Path(out))
    left.check(on, hint="choose a column of both with --on")
    names = right.schema.names
    for name in (on, *columns):
        if name not in names:
            raise UsageError(f"{other} has no column {name!r}", hint=f"it has: {', '.join(names)}")
    if _is_ambiguous(right, on, left.rows.schema.field(on).type):
        raise InputError(
            f"{other} has several rows with one {on}",
            hint="leave one row each, or use another --on",
        )
    partners = find_partners(left.rows, right, on=on)
    filled = list(columns) or [n for n in names if n != on and n not in FILE_FACTS]
    fields = [pa.field(name, right.schema.field(name).type) for name in filled]
    merged = left.with_columns(
        TakenRows(right, fields, partners), stage="merge", config={"on": on, "columns": filled}
    )
    write_manifest(merged, Path(out))
    used = partners[partners >= 0]
    return MergeResult(
        manifest=str(out),
        columns=filled,
        n_matched=len(used),
        n_rows=len(partners),
        n_unused=int((np.bincount(used, minlength=len(right)) == 0).sum()),
    )


def _is_ambiguous(rows: Rows, on: str, kind: pa.DataType) -> bool:
    """Return whether two rows share a value, cast to a type; null counts as a value."""
    suspects = rows.take([on], find_possible_twins(rows, on, kind))[on]
    return bool(pc.count_distinct(pc.cast(suspects, kind)).as_py() != len(suspects))


def _read_table(path: Path) -> Rows:
    """Return the rows of a Parquet or CSV file.

    Raises:
        InputError: It is neither.
    """
    if not path.is_file():
        raise InputError(f"no file at {path}", hint="name a manifest, a Parquet or a CSV file")
    if is_csv(path):
        return read_csv(path)[0]
    hint = "name a manifest, a Parquet or a CSV file"
    return ParquetRows(path, problem="cannot be read", hint=hint)
