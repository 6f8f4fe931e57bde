"""What dedup writes into a manifest: its columns, with the labels and boxes there in view."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.copies.config import DedupConfig
from curate.copies.inputs import Inputs
from curate.copies.label_conflicts import find_label_conflicts, resolve_label_conflicts
from curate.copies.lost_boxes import LostBoxes, find_lost_boxes
from curate.copies.protected import find_protected, keep_protected
from curate.copies.records import Copies, Images
from curate.copies.report import OTHER_HASH, make_columns, tell_link_hashes
from curate.manifest.manifest import Manifest
from curate.manifest.rows import HeldRows, Rows
from curate.manifest.text_column import TextColumn


def are_counted(images: Images, copies: Copies, *, is_against: bool) -> NDArray[np.bool_]:
    """Return which images count, (N,): all, or our copies of the other source's, and what stays."""
    if not is_against:
        return ~images.is_other
    is_copy = copies.duplicate_of >= 0
    is_counted = is_copy & images.are_reported(np.arange(len(images)), copies.duplicate_of)
    is_counted[copies.duplicate_of[is_counted]] |= True
    return is_counted & ~images.is_other


def resolve_conflicts(
    manifest: Manifest, inputs: Inputs, copies: Copies, config: DedupConfig
) -> tuple[Copies, NDArray[np.bool_] | None]:
    """Return copies as the policy for labels wants them, and which images have copies with others.

    That is None where no image has a label.
    """
    if "label" not in manifest.rows.schema.names:
        return copies, None
    table = manifest.rows.read(["path", "label"])
    labels = pc.cast(table["label"], pa.string())
    if labels.null_count == len(labels):
        return copies, None
    images = inputs.images
    known = table["path"].cast(pa.large_string())
    rows = pc.index_in(images.path.array, value_set=known)
    rows = pc.if_else(pa.array(images.is_other), None, rows)
    is_conflict = find_label_conflicts(copies.group, labels.take(rows).to_pylist())
    is_protected = find_protected(images.path, config.protect) | images.is_other
    is_protected |= images.is_shared
    return (
        resolve_label_conflicts(copies, is_conflict, config.on_conflict, is_protected),
        is_conflict,
    )


def count_conflicts(
    copies: Copies, is_conflict: NDArray[np.bool_] | None, is_counted: NDArray[np.bool_]
) -> int:
    """Return in how many groups images that count have different labels."""
    return 0 if is_conflict is None else len(np.unique(copies.group[is_conflict & is_counted]))


def find_manifest_boxes(manifest: Manifest, inputs: Inputs, copies: Copies) -> LostBoxes:
    """Return how many boxes of the manifest go with dropped images."""
    if "objects" not in manifest.rows.schema.names:
        return LostBoxes(n_alike=0, n_moved=0)
    table = manifest.rows.read(["path", "objects"])
    known = table["path"].filter(table["objects"].is_valid())
    has_boxes = pc.is_in(inputs.images.path.array, value_set=known.cast(pa.large_string()))
    is_own = ~inputs.images.is_other
    return find_lost_boxes(inputs.images, copies, has_boxes.to_numpy(zero_copy_only=False) & is_own)


def make_manifest_columns(
    manifest: Manifest,
    inputs: Inputs,
    copies: Copies,
    config: DedupConfig,
    is_counted: NDArray[np.bool_],
    is_conflict: NDArray[np.bool_] | None,
) -> Rows:
    """Return the columns for a manifest, a row for each of its images."""
    paths = manifest.rows.read(["path"])["path"]
    columns = make_columns(inputs, copies, paths, is_counted=is_counted)
    columns = keep_protected(columns, find_protected(TextColumn(paths), config.protect))
    if OTHER_HASH in columns.schema.names:
        columns = tell_link_hashes(columns, manifest.rows.read(["path", "hash"]))
    if is_conflict is not None:
        here = np.flatnonzero(~inputs.images.is_other)
        known = inputs.images.path.take(here).array
        flags = pa.array(is_conflict[here] & is_counted[here])
        column = flags.take(pc.index_in(paths.cast(pa.large_string()), value_set=known))
        columns = columns.append_column("label_conflict", column)
    return HeldRows(columns)
