"""Merge: the columns of one manifest, or a table of one's own, joined to another."""

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curate.errors import InputError, UsageError, first_line
from curate.manifest import KNOWN_TYPES, read_manifest, write_manifest
from curate.spreadsheets import is_csv, read_csv

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
    keys = left.column(on, hint="choose a column of both with --on")
    for name in (on, *columns):
        if name not in right.column_names:
            raise UsageError(
                f"{other} has no column {name!r}", hint=f"it has: {', '.join(right.column_names)}"
            )
    values = pc.cast(right[on], keys.type)
    if pc.count_distinct(values).as_py() != len(values):
        raise InputError(
            f"{other} has several rows with one {on}",
            hint="leave one row each, or use another --on",
        )
    rows = pc.index_in(keys, value_set=values.combine_chunks())
    taken = columns or tuple(n for n in right.column_names if n != on and n not in SCANNED)
    joined = pa.table({name: right[name].take(rows) for name in taken})
    filled = left.with_columns(joined, stage="merge", config={"on": on, "columns": list(taken)})
    write_manifest(filled, Path(out))
    n_matched = len(rows) - rows.null_count
    return MergeResult(
        manifest=str(out),
        columns=list(taken),
        n_matched=n_matched,
        n_rows=len(rows),
        n_unused=len(right) - pc.count_distinct(rows.drop_null()).as_py(),
    )


def _read_table(path: Path) -> pa.Table:
    """Return a Parquet or CSV file.

    Raises:
        InputError: It is neither.
    """
    if not path.is_file():
        raise InputError(f"no file at {path}", hint="name a manifest, a Parquet or a CSV file")
    if is_csv(path):
        return read_csv(path, KNOWN_TYPES)[0]
    try:
        return pq.read_table(path, partitioning=None)
    except (pa.ArrowException, OSError) as error:
        raise InputError(
            f"{path} cannot be read: {first_line(error)}",
            hint="name a manifest, a Parquet or a CSV file",
        ) from None
