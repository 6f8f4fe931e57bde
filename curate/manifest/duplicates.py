"""What a manifest says need not be kept, counted once: for `dedup` that wrote it and for pages."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.choices import Level
from curate.manifest.rows import Rows
from curate.manifest.selection import is_kept, is_readable

LABELS_REASON = "its copies have other labels"
LINK_REASON = "another name of the same file"
LINK_LABELS_REASON = "another name of the same file: labels differ"
LINK_REASONS = (LINK_REASON, LINK_LABELS_REASON)
"""Why a row does not stay, in ``keep_reason``: all go for their labels, or the name of a link."""

LABELS = "labels"
"""What counts for images that no image stays for: their labels differ."""

UNKNOWN = "unknown"
"""What counts for images of which the manifest does not say why they go."""

_COLUMNS = ("bytes", "group", "match", "keep_reason")


@dataclass(frozen=True, kw_only=True, slots=True)
class RungCount:
    """What one kind of evidence found.

    Attributes:
        match: Level of the evidence, such as ``near``; ``file`` for links, the other names of
            files, which are no copies and take no bytes; ``labels`` for images that all go, as
            their labels differ.
        n_groups: Groups in which it is the evidence of at least one image, or link.
        n_images: Images that need not be kept; of ``file``, links.
        bytes: Their size.
    """

    match: str
    n_groups: int
    n_images: int
    bytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class DuplicateCounts:
    """What need not be kept, and what was found alike. Links are counted apart from images.

    Attributes:
        rungs: By evidence, strongest first: every level, and others where there are some.
        n_groups: Groups of two images or more, or of one that goes; links alone make none.
        n_duplicates: Images that need not be kept.
        n_links: Links that need not be kept.
        bytes: Size of these images.
        is_dropped: (N,) bool, the rows of these images.
    """

    rungs: list[RungCount]
    n_groups: int
    n_duplicates: int
    n_links: int
    bytes: int
    is_dropped: NDArray[np.bool_]


def count_duplicates(rows: Rows) -> DuplicateCounts:
    """Return what the rows of a manifest say; nothing goes where copies were not looked for."""
    table = rows.read([name for name in _COLUMNS if name in rows.schema.names])
    is_usable = is_readable(rows)
    goes, is_link = is_usable & ~is_kept(rows), _are_links(table)
    group, size = _read_numbers(table, "group", -1), _read_numbers(table, "bytes", 0)
    name = _name_evidence(table)
    known = [level.value for level in Level]
    others = set(name[goes & ~is_link].tolist()) - set(known)
    rungs = []
    for match in (*known, *sorted(others, key=lambda one: (one in (LABELS, UNKNOWN), one))):
        tied = goes & (is_link if match == Level.FILE.value else ~is_link & (name == match))
        rungs.append(
            RungCount(
                match=match,
                n_groups=len(np.unique(group[tied & (group >= 0)])),
                n_images=int(tied.sum()),
                bytes=0 if match == Level.FILE.value else int(size[tied].sum()),
            )
        )
    is_dropped = goes & ~is_link
    return DuplicateCounts(
        rungs=rungs,
        n_groups=_count_groups(group, is_usable & ~is_link, is_dropped),
        n_duplicates=int(is_dropped.sum()),
        n_links=int((goes & is_link).sum()),
        bytes=int(size[is_dropped].sum()),
        is_dropped=is_dropped,
    )


def _are_links(table: pa.Table) -> NDArray[np.bool_]:
    """Return which rows are other names of a file, (N,) bool."""
    is_link = np.zeros(len(table), np.bool_)
    reasons = pa.array(LINK_REASONS)
    for name, values in (("match", pa.array([Level.FILE.value])), ("keep_reason", reasons)):
        if name in table.column_names:
            texts = pc.cast(table[name], pa.string())
            is_link |= pc.is_in(texts, value_set=values).to_numpy()
    return is_link


def _name_evidence(table: pa.Table) -> NDArray[np.object_]:
    """Return what ties each row to what stays, or what else it goes for, (N,) of str."""
    nothing = pa.nulls(len(table), pa.string())
    match, reason = (
        pc.cast(table[name], pa.string()) if name in table.column_names else nothing
        for name in ("match", "keep_reason")
    )
    is_for_labels = pc.fill_null(pc.equal(reason, LABELS_REASON), fill_value=False)
    named = pc.coalesce(match, pc.if_else(is_for_labels, LABELS, UNKNOWN))
    return np.asarray(named.to_numpy(zero_copy_only=False), object)


def _read_numbers(table: pa.Table, name: str, default: int) -> NDArray[np.int64]:
    if name not in table.column_names:
        return np.full(len(table), default, np.int64)
    filled = pc.fill_null(pc.cast(table[name], pa.int64()), default)
    return np.maximum(np.asarray(filled.to_numpy(), np.int64), default)


def _count_groups(
    group: NDArray[np.int64], is_image: NDArray[np.bool_], is_dropped: NDArray[np.bool_]
) -> int:
    numbers, sizes = np.unique(group[is_image & (group >= 0)], return_counts=True)
    return len(np.union1d(numbers[sizes > 1], group[is_dropped & (group >= 0)]))
