"""Catalogue images: those of a workspace that are searched, every content once."""

import os
import posixpath
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
    contents = find_known_contents(space, paths)
    for path, content in zip(paths, contents, strict=True):
        if content is None:
            raise UsageError(
                f"the workspace has no readable image {path!r}",
                hint="name a path as the manifest has it, or an image file without --like",
            )
    return [content for content in contents if content is not None]


def find_known_contents(
    space: Workspace, paths: Sequence[str], *, source: str | None = None
) -> list[str | None]:
    """Return the content hashes of images of the workspace, None for one that it does not know.

    Args:
        space: The workspace.
        paths: As a manifest has them, or of files from here or whole, with the source before them.
        source: The one that counts where several have a path; the others by age, newest first.
    """
    if not paths:
        return []
    age = {name: number for number, name in enumerate(space.facts()["sources"])}
    meant = {path: _list_meant(path) for path in paths}
    every = {name for names in meant.values() for name in names}
    known = {(one, name.removeprefix(f"{one}/")) for name in every for one in age}
    wanted = pa.array(sorted({path for _, path in known}), pa.string())
    table = Catalogue(space).read_readable(["source", "path", "hash"])
    rows = table.filter(pc.is_in(table["path"], value_set=wanted)).to_pylist()
    rows.sort(key=lambda row: (row["source"] == source, age.get(row["source"], -1)))
    content_of = {f"{row['source']}/{row['path']}": row["hash"] for row in rows}
    content_of |= {row["path"]: row["hash"] for row in rows}
    return [
        next((content_of[name] for name in meant[path] if name in content_of), None)
        for path in paths
    ]


def _list_meant(path: str) -> list[str]:
    """Return what a path may be: one of a manifest, or one from here, the likeliest first."""
    return list(dict.fromkeys([path, posixpath.normpath(path), os.path.abspath(path)]))  # noqa: PTH100 - as text
