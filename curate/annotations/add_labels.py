"""Labels as columns of a manifest."""

from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from curate.annotations.base import AskedImages
from curate.annotations.open_labels import open_labels
from curate.manifest.manifest import Manifest
from curate.manifest.rows import FilledRows, HeldRows
from curate.progress import Progress
from curate.sources import open_source


def add_labels(
    manifest: Manifest, labels: str, progress: Progress, *, said: pa.ChunkedArray | None = None
) -> Manifest:
    """Return a manifest with ``label``, and what is known of objects.

    Args:
        manifest: Of the images.
        labels: Where labels come from, see `curate.annotations.open_labels`.
        progress: Is told what of the labels could not be used.
        said: What the source itself says of each image.

    Raises:
        InputError: The labels cannot be read, or none of them is of an image here.
        UsageError: There is no such source or column of labels.
    """
    facts = manifest.rows.read(["path", "width", "height"]).combine_chunks()
    columns = {name: facts[name].combine_chunks() for name in facts.column_names}
    # a frame is called by its time stamp: it lies where its clip does
    names = [name for name in ("track", "member") if name in manifest.rows.schema.names]
    if names:
        inner = manifest.rows.read(names).combine_chunks()
        columns["inside"] = pc.coalesce(*inner.columns, columns["path"]).combine_chunks()
    images = AskedImages(
        **columns,
        root=manifest.source,
        locate=open_source(manifest.source).local_file,
        said=said.combine_chunks() if said is not None else None,
    )
    found = open_labels(labels).read(images)
    for note in found.notes:
        progress.note(note)
    table = pa.table({"label": found.label})
    if found.objects is not None:
        table = table.append_column("objects", found.objects).append_column("boxes", found.boxes)
    if found.details is not None:
        table = table.append_column("details", found.details)
    scan: dict[str, Any] = {"labels": str(labels)}
    if found.classes:
        scan["classes"] = dict(found.classes)
    if found.class_facts:
        scan["class_facts"] = {name: dict(facts) for name, facts in found.class_facts.items()}
    return replace(
        manifest,
        rows=FilledRows(manifest.rows, HeldRows(table)),
        stages={**manifest.stages, "scan": scan},
    )
