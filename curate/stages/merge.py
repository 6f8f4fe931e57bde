"""Merge: columns of another manifest, or of a table of yours, joined to a manifest."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.argument_types import check_arguments
from curate.errors import InputError, UsageError
from curate.manifest.conformed_rows import ConformedRows
from curate.manifest.contract import ANNOTATIONS, filled_by
from curate.manifest.csv import is_csv, read_csv
from curate.manifest.joins import as_keys, find_partners, find_possible_twins, key_type
from curate.manifest.manifest import check_overwritable, read_manifest, write_manifest
from curate.manifest.parquet import ParquetRows
from curate.manifest.rows import FilledRows, PatchedRows, Rows, TakenRows
from curate.pages.notebook import ShownInNotebooks

FILE_FACTS = frozenset(column.name for column in filled_by("scan")) - {*ANNOTATIONS}
"""What a scan finds out about a file: no other table gives it."""
_HINT = "mend its values, or name other columns with --columns"


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

    Rows without a partner keep what they had.

    Args:
        manifest: Gives the rows.
        other: Gives the columns; its values of ``on`` must differ from each other.
        out: The manifest to write.
        on: Column that both share: ``path``, ``hash`` or one of yours.
        columns: Those to take, none that a scan finds out, such as the hash; none named takes all
            others.

    Raises:
        InputError: A file or the output cannot be used, ``on`` is ambiguous in ``other``, one of
            its values is not of its column's type, it has no column to take, or none of its rows
            is of an image of the manifest.
        UsageError: A column is not there, or is what a scan finds out.
    """
    left = read_manifest(Path(manifest))
    right = _read_table(Path(other), on=on, kind=_type_of(left.rows, on))
    check_overwritable(Path(out))
    left.check(on, hint="choose a column of both with --on")
    names = right.schema.names
    for name in (on, *columns):
        if name not in names:
            raise UsageError(f"{other} has no column {name!r}", hint=f"it has: {', '.join(names)}")
    filled = _choose_columns(str(other), names, on=on, columns=columns)
    if _is_ambiguous(right, on, key_type(left.rows, right, on)):
        raise InputError(
            f"{other} has several rows with one {on}",
            hint="leave one row each, or use another --on",
        )
    partners = find_partners(left.rows, right, on=on)
    if len(left.rows) and len(right) and (partners < 0).all():
        theirs, ours = (
            rows.take([on], np.zeros(1, np.int64))[on][0] for rows in (right, left.rows)
        )
        raise InputError(
            f"no row of {other} has a {on} of {manifest}",
            hint=f"its first {on} is {theirs}, that of the manifest {ours}; --on names another "
            "column to match by",
        )
    given = ConformedRows(right, str(other), problem="cannot be merged", hint=_HINT)
    merged = left.with_columns(
        _fill(left.rows, given, filled, partners),
        stage="merge",
        config={"on": on, "columns": filled},
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


def _choose_columns(
    other: str, names: list[str], *, on: str, columns: tuple[str, ...]
) -> list[str]:
    """Return which columns of the other table are taken.

    Raises:
        UsageError: One that is named is what a scan finds out of a file.
        InputError: None is left.
    """
    facts = [name for name in columns if name in FILE_FACTS]
    if facts:
        raise UsageError(
            f"{', '.join(facts)}: what a scan finds out of the files is not merged",
            hint="leave it out of --columns, or give your column another name",
        )
    chosen = list(columns) or [name for name in names if name != on and name not in FILE_FACTS]
    if not chosen:
        raise InputError(
            f"{other} has no column to take: {', '.join(names)}",
            hint="beside the one to match by, what a scan finds out of the files is left out",
        )
    return chosen


def _fill(rows: Rows, given: Rows, names: list[str], partners: NDArray[np.int64]) -> Rows:
    """Return columns of the partners; where rows without one have values, these stay.

    Args:
        rows: Of the manifest.
        given: Of the other table.
        names: The columns.
        partners: (N,) int64, the row of each, -1 where there is none.

    Raises:
        InputError: The values of both cannot be in one column.
    """
    fields = [given.schema.field(name) for name in names]
    taken = TakenRows(given, [pa.field(field.name, field.type) for field in fields], partners)
    kept = [name for name in names if name in rows.schema.names]
    if not kept or (partners >= 0).all():
        return taken
    patched = [pa.field(name, _common_type(rows, given, name)) for name in kept]
    return FilledRows(taken, PatchedRows(rows, taken, patched, partners >= 0))


def _common_type(rows: Rows, given: Rows, name: str) -> pa.DataType:
    """Return a type for values of a column of both tables.

    Raises:
        InputError: There is none.
    """
    was, will_be = (table.schema.field(name).type for table in (rows, given))
    if was == will_be:
        return was
    if pa.types.is_nested(was) or pa.types.is_nested(will_be):
        raise InputError(
            f"the column {name!r} is {was} in the manifest and {will_be} in the other table",
            hint="give every image a value, or another name to the column",
        )
    return key_type(rows, given, name)


def _type_of(rows: Rows, name: str) -> pa.DataType | None:
    return rows.schema.field(name).type if name in rows.schema.names else None


def _is_ambiguous(rows: Rows, on: str, kind: pa.DataType) -> bool:
    """Return whether two rows share a value, cast to a type; null counts as a value."""
    suspects = rows.take([on], find_possible_twins(rows, on, kind))[on]
    return bool(pc.count_distinct(as_keys(suspects, kind, on)).as_py() != len(suspects))


def _read_table(path: Path, *, on: str, kind: pa.DataType | None) -> Rows:
    """Return the rows of a Parquet or CSV file.

    Args:
        path: The file.
        on: Column by which rows are matched.
        kind: Its type in the manifest.

    Raises:
        InputError: It is neither.
    """
    if not path.is_file():
        raise InputError(f"no file at {path}", hint="name a manifest, a Parquet or a CSV file")
    if is_csv(path):
        return read_csv(path, types={on: kind} if kind is not None else {})[0]
    hint = "name a manifest, a Parquet or a CSV file"
    return ParquetRows(path, problem="cannot be read", hint=hint)
