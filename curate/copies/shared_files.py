"""Shared files: of two sources that are compared, images that are one object reached twice."""

import os
from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from curate.sources import OpenSources, is_url

IDENTITY = ("device", "inode")
"""Columns of the catalogue that tell which file one is; 0 where it is no file of its own."""
_COLUMNS = ("source", "path", *IDENTITY, "container", "member", "row", "offset")


@dataclass(frozen=True, kw_only=True, slots=True)
class SharedFiles:
    """Which images of two tables are one object.

    Attributes:
        itself: Rows of our table that are an image of the other table itself; and the row there.
        names: Rows of our table that are another name, a link, of a file of the other table; and
            the row there.
    """

    itself: dict[int, int]
    names: dict[int, int]


def find_shared(own: pa.Table, other: pa.Table, sources: OpenSources) -> SharedFiles:
    """Return which images of two sources are one object.

    Args:
        own: Of our source: ``source``, ``path``, ``hash``, `IDENTITY`, and where the bytes lie.
        other: Of the other one.
        sources: Opens both.
    """
    alike = pc.is_in(other["hash"], value_set=own["hash"].combine_chunks()).to_pylist()
    rows_of: dict[Hashable, int] = {}
    for number, row in enumerate(other.select(_COLUMNS).to_pylist()):
        if alike[number]:
            rows_of[_identify(row)] = number
    itself: dict[int, int] = {}
    names: dict[int, int] = {}
    for number, row in enumerate(own.select(_COLUMNS).to_pylist() if rows_of else ()):
        there = rows_of.get(_identify(row))
        if there is None:
            continue
        place = {name: other[name][there].as_py() for name in ("source", "path")}
        is_file = row["inode"] and row["container"] is None
        if is_file and _is_another_name(row, place, sources):
            names[number] = there
        else:
            itself[number] = there
    return SharedFiles(itself=itself, names=names)


def _identify(row: dict[str, Any]) -> Hashable:
    """Return what is equal for one object: the file, by disk and inode or URL, and where in it."""
    name = row["container"] or row["path"]
    place: Hashable = name if is_url(name) else f"{row['source']}/{name}"
    if row["inode"]:
        place = row["device"], row["inode"]
    return place, row["member"], row["row"], row["offset"]


def _is_another_name(own: dict[str, Any], other: dict[str, Any], sources: OpenSources) -> bool:
    """Return whether one could remove the name of our file, and the other file would stay."""
    file, there = (sources.find(one["source"]).local_file(one["path"]) for one in (own, other))
    return Path(os.path.realpath(file.parent)) / file.name != Path(os.path.realpath(there))
