"""Catalogue images: those of a workspace that are searched, every content once."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.errors import InputError, ResourceError, UsageError
from curate.sources import Roots, is_text, list_names, open_source
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
            f"{space} has no images", hint="start with `curate train` or `curate dedup IMAGES`"
        )
    _, first = np.unique(np.array(table["hash"].to_pylist()), return_index=True)
    return table.take(pa.array(np.sort(first)))


def list_equal_files(space: Workspace) -> dict[str, list[str]]:
    """Return the whole paths of readable files by content hash, where several have one content."""
    table = Catalogue(space).read_readable(["source", "path", "hash"])
    counts = pc.value_counts(table["hash"].combine_chunks())
    several = counts.field("values").filter(pc.greater(counts.field("counts"), 1))
    equal: dict[str, list[str]] = {}
    for row in table.filter(pc.is_in(table["hash"], value_set=several)).to_pylist():
        equal.setdefault(row["hash"], []).append(f"{row['source']}/{row['path']}")
    return {content: sorted(paths) for content, paths in equal.items()}


@dataclass(frozen=True, slots=True)
class KnownImage:
    """An image of a workspace.

    Attributes:
        file: Whole path or address of the file: its source, a slash and its path there.
        content_hash: SHA-256 of the bytes, hex.
    """

    file: str
    content_hash: str


def find_images(space: Workspace, paths: Sequence[str]) -> list[KnownImage]:
    """Return images of the workspace, by path; of two, the newest source's.

    Args:
        space: The workspace.
        paths: As the manifest has them, or else as people type them: from here or whole.

    Raises:
        UsageError: One is not there, or could not be read.
    """
    known = dict(zip(paths, find_known_images(space, paths), strict=True))
    typed = _find_typed(space, [path for path, image in known.items() if image is None])
    images = [known[path] or typed.get(path) for path in paths]
    for path, image in zip(paths, images, strict=True):
        if image is None:
            raise UsageError(
                f"the workspace has no readable image {path!r}",
                hint="name a path as the manifest has it, or an image file without --like",
            )
    return [image for image in images if image is not None]


def find_known_images(
    space: Workspace, paths: Sequence[str], *, source: str | None = None
) -> list[KnownImage | None]:
    """Return images of the workspace, None for one that it does not know.

    Args:
        space: The workspace.
        paths: As a manifest has them, alone or behind the source and a slash.
        source: The one that counts where several have a path; the others by age, newest first.
    """
    if not paths:
        return []
    age = {name: number for number, name in enumerate(space.facts()["sources"])}
    behind = [path.removeprefix(f"{name}/") for path in paths for name in age]
    rows = _read_rows(space, [*paths, *behind])
    rows.sort(key=lambda row: (row["source"] == source, age.get(row["source"], -1)))
    images = [_make_image(row) for row in rows]
    image_of = {image.file: image for image in images}
    image_of |= {row["path"]: image for row, image in zip(rows, images, strict=True)}
    return [image_of.get(path) for path in paths]


def _make_image(row: dict[str, str]) -> KnownImage:
    return KnownImage(f"{row['source']}/{row['path']}", row["hash"])


def _find_typed(space: Workspace, paths: Sequence[str]) -> dict[str, KnownImage]:
    """Return those images whose paths people may have typed so."""
    if not paths:
        return {}
    sources = _open_roots(space)
    meant = {
        path: [(source, name) for source in sources for name in list_names(path, sources[source])]
        for path in paths
    }
    rows = _read_rows(space, [name for names in meant.values() for _, name in names])
    image_of = {(row["source"], row["path"]): _make_image(row) for row in rows}
    found = {
        path: next((image_of[one] for one in names if one in image_of), None)
        for path, names in meant.items()
    }
    return {path: image for path, image in found.items() if image is not None}


def _open_roots(space: Workspace) -> dict[str, Roots]:
    """Return the roots of the sources of a workspace, newest first; of one that is gone none."""
    roots: dict[str, Roots] = {}
    for address in reversed(space.facts()["sources"]):
        roots[address] = {}
        with suppress(InputError, ResourceError):
            roots[address] = open_source(address).roots
    return roots


def _read_rows(space: Workspace, paths: Sequence[str]) -> list[dict[str, str]]:
    """Return source, path and hash of the readable images that have one of some paths."""
    table = Catalogue(space).read_readable(["source", "path", "hash"])
    wanted = pa.array(sorted({path for path in paths if is_text(path)}), pa.string())
    rows: list[dict[str, str]] = table.filter(pc.is_in(table["path"], value_set=wanted)).to_pylist()
    return rows
