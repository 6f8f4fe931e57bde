"""What dedup writes into a manifest: its columns, with the labels and boxes there in view."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.copies.config import DedupConfig
from curate.copies.inputs import Inputs
from curate.copies.label_conflicts import (
    LabelConflicts,
    find_conflicts,
    resolve_label_conflicts,
    resolve_link_conflicts,
)
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
) -> tuple[Copies, LabelConflicts | None]:
    """Return copies as the policy for labels wants them, and which have copies with others.

    That is None where no image has a label.
    """
    if "label" not in manifest.rows.schema.names:
        return copies, None
    table = manifest.rows.read(["path", "label"])
    labels = pc.cast(table["label"], pa.string())
    if labels.null_count == len(labels):
        return copies, None
    images, known = inputs.images, table["path"].cast(pa.large_string())
    n_other = int(images.is_other.sum())  # these come first, and have no labels here
    own = images.path.array[n_other:]
    names, files = _list_links(inputs)
    rows = pc.index_in(pa.concat_arrays([own, names]), value_set=known)
    of_files = pc.fill_null(pc.add(pc.index_in(files, value_set=own), n_other), fill_value=-1)
    conflicts = find_conflicts(
        copies.group,
        files.to_pylist(),
        of_files.to_numpy().astype(np.int64),
        [None] * n_other + labels.take(rows).to_pylist(),
    )
    is_protected = find_protected(images.path, config.protect) | images.is_other
    is_protected |= images.is_shared
    return (
        resolve_label_conflicts(copies, conflicts.images, config.on_conflict, is_protected),
        conflicts,
    )


def _list_links(inputs: Inputs) -> tuple[pa.Array, pa.Array]:
    """Return the other names of files, and the file of each."""
    names, files = list(inputs.links), list(inputs.links.values())
    return pa.array(names, pa.large_string()), pa.array(files, pa.large_string())


def count_conflicts(conflicts: LabelConflicts | None, is_counted: NDArray[np.bool_]) -> int:
    """Return in how many groups images that count, or links, have different labels."""
    if conflicts is None:
        return 0
    is_told = np.concatenate([conflicts.images & is_counted, conflicts.links])
    return len(np.unique(conflicts.group[is_told]))


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
    conflicts: LabelConflicts | None,
) -> Rows:
    """Return the columns for a manifest, a row for each of its images."""
    paths = manifest.rows.read(["path"])["path"]
    columns = make_columns(inputs, copies, paths, is_counted=is_counted)
    names, _ = _list_links(inputs)
    if conflicts is not None:
        in_conflict = names.filter(pa.array(conflicts.links)).cast(paths.type)
        columns = resolve_link_conflicts(columns, paths, in_conflict, config.on_conflict)
    columns = keep_protected(columns, find_protected(TextColumn(paths), config.protect))
    if OTHER_HASH in columns.schema.names:
        columns = tell_link_hashes(columns, manifest.rows.read(["path", "hash"]))
    if conflicts is not None:
        here = np.flatnonzero(~inputs.images.is_other)
        known = pa.concat_arrays([inputs.images.path.take(here).array, names])
        told = conflicts.images[here] & is_counted[here]
        flags = pa.array(np.concatenate([told, conflicts.links]))
        column = flags.take(pc.index_in(paths.cast(pa.large_string()), value_set=known))
        columns = columns.append_column("label_conflict", column)
    return HeldRows(columns)
