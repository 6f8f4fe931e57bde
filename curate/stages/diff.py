"""Diff: what came, what went and what changed from one manifest to another."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.manifest import read_manifest

TOLD = ("cluster", "group", "keep", "selected", "split", "label")


@dataclass(frozen=True, kw_only=True, slots=True)
class DiffResult:
    """How the second manifest differs from the first.

    Attributes:
        before: The first manifest.
        after: The second.
        came: Paths that only the second has.
        went: Paths that only the first has.
        moved: Pairs of paths, before and after, of contents that lie elsewhere now.
        changed: Paths whose content is another.
        n_same: Paths with the same content in both.
        columns: Of these, how many have another value, by column.
    """

    before: str
    after: str
    came: list[str]
    went: list[str]
    moved: list[tuple[str, str]]
    changed: list[str]
    n_same: int
    columns: dict[str, int]


def diff(before: Path | str, after: Path | str) -> DiffResult:
    """Compare two manifests, row by row, by path and content.

    Raises:
        InputError: A manifest cannot be used.
    """
    old, new = read_manifest(Path(before)).table, read_manifest(Path(after)).table
    origin = pc.index_in(_strings(new, "path"), value_set=_strings(old, "path"))
    in_both = np.asarray(origin.is_valid())
    rows = np.flatnonzero(in_both)
    old_rows = origin.drop_null().to_numpy()
    is_same = ~_differs(old["hash"].take(pa.array(old_rows)), new["hash"].take(pa.array(rows)))
    is_gone = np.ones(len(old), bool)
    is_gone[old_rows] = False
    came, went = np.flatnonzero(~in_both), np.flatnonzero(is_gone)
    moved = _moved(_strings(old, "hash"), went, _strings(new, "hash"), came)
    return DiffResult(
        before=str(before),
        after=str(after),
        came=_paths(new, np.setdiff1d(came, moved[1])),
        went=_paths(old, np.setdiff1d(went, moved[0])),
        moved=list(zip(_paths(old, moved[0]), _paths(new, moved[1]), strict=True)),
        changed=_paths(new, rows[~is_same]),
        n_same=int(is_same.sum()),
        columns=_column_changes(
            old.take(pa.array(old_rows[is_same])), new.take(pa.array(rows[is_same]))
        ),
    )


def _strings(table: pa.Table, name: str) -> pa.Array:
    return table[name].combine_chunks()


def _paths(table: pa.Table, rows: NDArray[np.int64]) -> list[str]:
    return list(table["path"].take(pa.array(rows)).to_pylist())


def _moved(
    old_hash: pa.Array, went: NDArray[np.int64], new_hash: pa.Array, came: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return rows, before and after, of contents that lie elsewhere; of several, the first."""
    gone, there = old_hash.take(pa.array(went)), new_hash.take(pa.array(came))
    partner = pc.index_in(there, value_set=gone, skip_nulls=True)
    found = np.flatnonzero(np.asarray(partner.is_valid()))
    origin, first = np.unique(partner.drop_null().to_numpy(), return_index=True)
    order = np.argsort(first, kind="stable")
    return went[origin[order]], came[found[first[order]]]


def _column_changes(old: pa.Table, new: pa.Table) -> dict[str, int]:
    """Count values that differ; groups and clusters count by who is in them, not by number."""
    found = {}
    for name in TOLD:
        if name in old.column_names and name in new.column_names:
            compare = _company_differs if name in ("cluster", "group") else _differs
            found[name] = int(compare(old[name], new[name]).sum())
    return found


def _differs(before: pa.ChunkedArray, after: pa.ChunkedArray) -> NDArray[np.bool_]:
    """Return where two columns differ; what is missing equals what is missing."""
    if before.type != after.type:
        before, after = pc.cast(before, pa.string()), pc.cast(after, pa.string())
    one_missing = pc.not_equal(before.is_null(), after.is_null())
    return np.asarray(pc.coalesce(pc.not_equal(before, after), one_missing), bool)


def _company_differs(before: pa.ChunkedArray, after: pa.ChunkedArray) -> NDArray[np.bool_]:
    """Return which rows share their number with other rows before than after."""
    a, b = _codes(before), _codes(after)
    pair, both = np.unique(a * (b.max(initial=0) + 1) + b, return_inverse=True)
    n_together = np.bincount(both, minlength=len(pair))[both]
    is_alike = (n_together == np.bincount(a)[a]) & (n_together == np.bincount(b)[b])
    is_missing = np.asarray(before.is_null()) | np.asarray(after.is_null())
    return np.where(is_missing, _differs(before.is_null(), after.is_null()), ~is_alike)


def _codes(column: pa.ChunkedArray) -> NDArray[np.int64]:
    """Return a column's values as numbers from 0, what is missing as one of them."""
    coded = pc.dictionary_encode(column, null_encoding="encode").combine_chunks()
    return np.asarray(coded.indices.to_numpy(zero_copy_only=False), np.int64)
