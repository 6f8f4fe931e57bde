"""Diff: what came, what went and what changed from one manifest to another."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.manifest.joins import differs, partners
from curate.manifest.manifest import read_manifest
from curate.manifest.rows import Rows, TakenRows

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
    old, new = read_manifest(Path(before)).rows, read_manifest(Path(after)).rows
    origin = partners(new, old, on="path")
    rows = np.flatnonzero(origin >= 0)
    old_rows = origin[rows]
    is_same = ~differs(_some(old, old_rows), _some(new, rows), "hash")
    is_gone = np.ones(len(old), bool)
    is_gone[old_rows] = False
    came, went = np.flatnonzero(origin < 0), np.flatnonzero(is_gone)
    moved = _moved(old, went, new, came)
    return DiffResult(
        before=str(before),
        after=str(after),
        came=_paths(new, np.setdiff1d(came, moved[1])),
        went=_paths(old, np.setdiff1d(went, moved[0])),
        moved=list(zip(_paths(old, moved[0]), _paths(new, moved[1]), strict=True)),
        changed=_paths(new, rows[~is_same]),
        n_same=int(is_same.sum()),
        columns=_column_changes(_some(old, old_rows[is_same]), _some(new, rows[is_same])),
    )


def _some(rows: Rows, numbers: NDArray[np.int64]) -> Rows:
    return TakenRows(rows, list(rows.schema), numbers)


def _paths(rows: Rows, numbers: NDArray[np.int64]) -> list[str]:
    return list(rows.take(["path"], numbers)["path"].to_pylist())


def _moved(
    old: Rows, went: NDArray[np.int64], new: Rows, came: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return rows, before and after, of contents that lie elsewhere; of several, the first."""
    partner = partners(_some(new, came), _some(old, went), on="hash")
    found = np.flatnonzero(partner >= 0)
    origin, first = np.unique(partner[found], return_index=True)
    order = np.argsort(first, kind="stable")
    return went[origin[order]], came[found[first[order]]]


def _column_changes(old: Rows, new: Rows) -> dict[str, int]:
    """Count values that differ; groups and clusters count by who is in them, not by number."""
    found = {}
    for name in TOLD:
        if name in old.schema.names and name in new.schema.names:
            compare = _company_differs if name in ("cluster", "group") else differs
            found[name] = int(compare(old, new, name).sum())
    return found


def _company_differs(old: Rows, new: Rows, name: str) -> NDArray[np.bool_]:
    """Return which rows share their number with other rows before than after."""
    before, after = old.read([name])[name], new.read([name])[name]
    a, b = _codes(before), _codes(after)
    pair, both = np.unique(a * (b.max(initial=0) + 1) + b, return_inverse=True)
    n_together = np.bincount(both, minlength=len(pair))[both]
    is_alike = (n_together == np.bincount(a)[a]) & (n_together == np.bincount(b)[b])
    was_missing, is_missing = np.asarray(before.is_null()), np.asarray(after.is_null())
    has_changed = np.where(was_missing | is_missing, was_missing != is_missing, ~is_alike)
    return np.asarray(has_changed, bool)


def _codes(column: pa.ChunkedArray) -> NDArray[np.int64]:
    """Return a column's values as numbers from 0, what is missing as one of them."""
    coded = pc.dictionary_encode(column, null_encoding="encode").combine_chunks()
    return np.asarray(coded.indices.to_numpy(zero_copy_only=False), np.int64)
