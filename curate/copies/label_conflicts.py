"""Copies whose labels differ: a finding of its own, and a policy for what stays of them."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from curate.choices import OnConflict
from curate.copies.records import Copies

REASON = "its copies have other labels"


def find_label_conflicts(
    group: NDArray[np.int32], labels: Sequence[str | None]
) -> NDArray[np.bool_]:
    """Return which images are in a duplicate group with more than one label, (N,) bool.

    Args:
        group: (N,) int32, the duplicate group of each image, -1 for images alone.
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
    is_tied = is_changed if keeps else np.zeros(len(is_changed), bool)
    similarity = copies.similarity.copy()
    similarity[is_tied] = np.nan
    reasons = [
        (None if keeps else REASON) if changed else reason
        for changed, reason in zip(is_changed, copies.reason, strict=True)
    ]
    return replace(
        copies,
        keep=np.where(is_changed, keeps, copies.keep),
        duplicate_of=np.where(is_tied, -1, copies.duplicate_of),
        similarity=similarity,
        match=[None if tied else one for tied, one in zip(is_tied, copies.match, strict=True)],
        reason=reasons,
    )
