"""Diff: which images were added, removed, moved or changed from one manifest to another."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.argument_types import check_arguments
from curate.manifest.joins import compare_column, find_partners
from curate.manifest.manifest import read_manifest
from curate.manifest.rows import Rows, TakenRows
from curate.pages.notebook import ShownInNotebooks

Ints = NDArray[np.int64]

MEMBERSHIPS = ("cluster", "scene", "group")
"""Columns of numbers that mean nothing but who shares them."""

COMPARED = (*MEMBERSHIPS, "keep", "selected", "split", "label")


@dataclass(frozen=True, kw_only=True, slots=True)
class DiffResult(ShownInNotebooks):
    """How the second manifest differs from the first.

    Attributes:
        before: The first manifest.
        after: The second.
        came: Paths that only the second has.
        went: Paths that only the first has.
        moved: Pairs of paths, before and after, of contents that have another path now.
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


@check_arguments
def diff(before: Path | str, after: Path | str) -> DiffResult:
    """Compare two manifests, row by row, by path and content.

    Args:
        before: The older manifest.
        after: The newer one.

    Raises:
        InputError: A manifest cannot be used.
    """
    old, new = read_manifest(Path(before)).rows, read_manifest(Path(after)).rows
    partners = find_partners(new, old, on="path")
    new_rows = np.flatnonzero(partners >= 0)
    old_rows = partners[new_rows]
    is_same = ~compare_column(_take_all(old, old_rows), _take_all(new, new_rows), "hash")
    is_removed = np.ones(len(old), bool)
    is_removed[old_rows] = False
    added, removed = np.flatnonzero(partners < 0), np.flatnonzero(is_removed)
    moved_from, moved_to = _find_moves(old, removed, new, added)
    return DiffResult(
        before=str(before),
        after=str(after),
        came=_paths(new, np.setdiff1d(added, moved_to)),
        went=_paths(old, np.setdiff1d(removed, moved_from)),
        moved=list(zip(_paths(old, moved_from), _paths(new, moved_to), strict=True)),
        changed=_paths(new, new_rows[~is_same]),
        n_same=int(is_same.sum()),
        columns=_count_changes(
            _take_all(old, old_rows[is_same]), _take_all(new, new_rows[is_same])
        ),
    )


def _take_all(rows: Rows, numbers: Ints) -> Rows:
    """Return some rows with all columns."""
    return TakenRows(rows, list(rows.schema), numbers)


def _paths(rows: Rows, numbers: Ints) -> list[str]:
    return list(rows.take(["path"], numbers)["path"].to_pylist())


def _find_moves(old: Rows, removed: Ints, new: Rows, added: Ints) -> tuple[Ints, Ints]:
    """Return rows, before and after, of contents with another path; of several, the first."""
    partners = find_partners(_take_all(new, added), _take_all(old, removed), on="hash")
    has_partner = np.flatnonzero(partners >= 0)
    origins, first = np.unique(partners[has_partner], return_index=True)
    order = np.argsort(first, kind="stable")
    return removed[origins[order]], added[has_partner[first[order]]]


def _count_changes(old: Rows, new: Rows) -> dict[str, int]:
    """Count values that differ; clusters and duplicate groups differ by who is in them."""
    n_changes = {}
    for name in COMPARED:
        if name in old.schema.names and name in new.schema.names:
            compare = _compare_membership if name in MEMBERSHIPS else compare_column
            n_changes[name] = int(compare(old, new, name).sum())
    return n_changes


def _compare_membership(old: Rows, new: Rows, name: str) -> NDArray[np.bool_]:
    """Return which rows share their number with other rows before than after."""
    before, after = old.read([name])[name], new.read([name])[name]
    a, b = _codes(before), _codes(after)
    pairs, pair_of = np.unique(a * (b.max(initial=0) + 1) + b, return_inverse=True)
    n_in_both = np.bincount(pair_of, minlength=len(pairs))[pair_of]
    has_same_members = (n_in_both == np.bincount(a)[a]) & (n_in_both == np.bincount(b)[b])
    was_null, is_null = np.asarray(before.is_null()), np.asarray(after.is_null())
    has_changed = np.where(was_null | is_null, was_null != is_null, ~has_same_members)
    return np.asarray(has_changed, bool)


def _codes(column: pa.ChunkedArray) -> Ints:
    """Return a column's values as numbers from 0, null as one of them."""
    coded = pc.dictionary_encode(column, null_encoding="encode").combine_chunks()
    return np.asarray(coded.indices.to_numpy(zero_copy_only=False), np.int64)
