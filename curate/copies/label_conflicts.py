"""Copies whose labels differ: a finding of its own, and a policy for what stays of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.choices import OnConflict
from curate.copies.records import Copies
from curate.manifest.duplicates import LABELS_REASON, LINK_LABELS_REASON

_TIES = ("match", "duplicate_of", "similarity")


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelConflicts:
    """Which images, and which other names of their files, have copies with other labels.

    Attributes:
        images: (N,) bool.
        links: (L,) bool.
        group: (N + L,) int64, the duplicate group of each, the links last: that of their file, one
            of its own where the file has no copies. -1 for images alone.
    """

    images: NDArray[np.bool_]
    links: NDArray[np.bool_]
    group: NDArray[np.int64]


def find_conflicts(
    group: NDArray[np.int32],
    files: Sequence[str],
    rows: NDArray[np.int64],
    labels: Sequence[str | None],
) -> LabelConflicts:
    """Return which images and links have copies with other labels.

    A link is no copy, but one label of two goes with it all the same.

    Args:
        group: (N,) int32, the duplicate group of each image, -1 for images alone.
        files: L files that links are other names of.
        rows: (L,) int64, the image of each of these; -1 where it is none of them.
        labels: N + L labels, those of the links last; None where there is none.
    """
    n, first = len(group), int(group.max(initial=-1)) + 1
    _, own = np.unique(np.array(files, np.str_), return_inverse=True)
    is_image = rows >= 0
    of_link = np.where(is_image & (group[rows] >= 0), group[rows], first + own)
    groups = np.concatenate([group, of_link]).astype(np.int64)
    groups[rows[is_image]] = of_link[is_image]
    is_conflict = find_label_conflicts(groups, labels)
    return LabelConflicts(images=is_conflict[:n], links=is_conflict[n:], group=groups)


def find_label_conflicts(
    group: NDArray[np.integer], labels: Sequence[str | None]
) -> NDArray[np.bool_]:
    """Return which images are in a duplicate group with more than one label, (N,) bool.

    Args:
        group: (N,) int, the duplicate group of each image, -1 for images alone.
        labels: (N,) the label of each image, None where it has none, which conflicts with nothing.

    >>> find_label_conflicts(np.array([0, 0, 1, 1]), ["cat", "dog", "cat", None]).tolist()
    [True, True, False, False]
    """
    codes = {label: code for code, label in enumerate(sorted({one for one in labels if one}))}
    code = np.array([codes.get(one, -1) if one else -1 for one in labels], np.int64)
    counted = np.flatnonzero((code >= 0) & (group >= 0))
    pairs = np.unique(np.stack([group[counted], code[counted]], axis=1), axis=0)
    groups, n_labels = np.unique(pairs[:, 0], return_counts=True)
    return np.isin(group, groups[n_labels > 1])


def resolve_label_conflicts(
    copies: Copies,
    is_conflict: NDArray[np.bool_],
    policy: OnConflict,
    is_protected: NDArray[np.bool_],
) -> Copies:
    """Return copies of which those in conflict stay or go as a policy says.

    What goes with the image that would stay for it is a copy of nothing that is kept: it is tied to
    none.

    Args:
        copies: What was found.
        is_conflict: (N,) images whose copies have other labels.
        policy: What becomes of them.
        is_protected: (N,) images that never go.
    """
    if policy is OnConflict.REPORT:
        return copies
    keeps = policy is OnConflict.KEEP
    is_changed = is_conflict & (~copies.keep if keeps else ~is_protected)
    keep = np.where(is_changed, keeps, copies.keep)
    has_kept = (copies.duplicate_of >= 0) & keep[copies.duplicate_of]
    is_freed = is_changed & (keeps | ~has_kept)
    similarity = np.where(is_freed, np.nan, copies.similarity).astype(np.float32)
    reasons = [
        (None if keeps else LABELS_REASON) if changed else reason
        for changed, reason in zip(is_changed, copies.reason, strict=True)
    ]
    return replace(
        copies,
        keep=keep,
        duplicate_of=np.where(is_freed, -1, copies.duplicate_of),
        similarity=similarity,
        match=[None if freed else one for freed, one in zip(is_freed, copies.match, strict=True)],
        reason=reasons,
    )


def resolve_link_conflicts(
    columns: pa.Table, paths: pa.ChunkedArray, names: pa.Array, policy: OnConflict
) -> pa.Table:
    """Return duplicate columns in which links in conflict stay or go as a policy says.

    Args:
        columns: From `curate.copies.report.make_columns`, of images that are resolved.
        paths: Of the rows.
        names: Links whose file, or a copy of it, has another label.
        policy: What becomes of them.
    """
    if policy is OnConflict.REPORT or len(names) == 0:
        return columns
    keeps = policy is OnConflict.KEEP
    is_changed = pc.is_in(paths, value_set=names)
    row_of_file = pc.index_in(columns["duplicate_of"], value_set=paths.combine_chunks())
    has_kept = pc.fill_null(columns["keep"].take(row_of_file), fill_value=True)
    is_freed = is_changed if keeps else pc.and_(is_changed, pc.invert(has_kept))
    changed = {name: pc.if_else(is_freed, None, columns[name]) for name in _TIES}
    changed["keep"] = pc.if_else(is_changed, pa.scalar(keeps), columns["keep"])
    changed["keep_reason"] = pc.if_else(
        is_changed,
        pa.scalar(None if keeps else LINK_LABELS_REASON, pa.string()),
        columns["keep_reason"],
    )
    for name, column in changed.items():
        columns = columns.set_column(columns.schema.get_field_index(name), name, column)
    return columns
