"""Catalogue images: those of a workspace that are searched, every content once."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.errors import InputError, UsageError
from curate.workspace.catalogue import Catalogue
from curate.workspace.workspace import Workspace


def read_distinct_images(space: Workspace, columns: Sequence[str]) -> pa.Table:
    """Return columns of the first file of each different readable content of the catalogue.

    Args:
        space: The workspace.
        columns: Names in the catalogue, ``hash`` and ``status`` among them.

    Raises:
        InputError: There is no readable image.
    """
    table = Catalogue(space).read_readable(columns)
    if len(table) == 0:
        raise InputError(
            f"{space.root} has no images", hint="start with `curate train` or `curate dedup IMAGES`"
        )
    _, first = np.unique(np.array(table["hash"].to_pylist()), return_index=True)
    return table.take(pa.array(np.sort(first)))


def find_contents(space: Workspace, paths: Sequence[str]) -> list[str]:
    """Return the content hashes of images of the workspace, by path; of two, the newest source's.

    Args:
        space: The workspace.
        paths: As the manifest has them.

    Raises:
        UsageError: One is not there, or could not be read.
    """
    if not paths:
        return []
    table = Catalogue(space).read_readable(["source", "path", "hash"])
    table = table.filter(pc.is_in(table["path"], value_set=pa.array(list(paths), pa.string())))
    sources = space.facts()["sources"]
    age = {source: number for number, source in enumerate(sources)}
    rows = sorted(table.to_pylist(), key=lambda row: age.get(row["source"], -1))
    content_of = {row["path"]: row["hash"] for row in rows}
    for path in paths:
        if path not in content_of:
            raise UsageError(
                f"the workspace has no readable image {path!r}",
                hint="name a path as the manifest has it, or an image file without --like",
            )
    return [content_of[path] for path in paths]
