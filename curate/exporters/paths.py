"""Where exported images go below their folder: never out of it, and no two in one place."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from curate.choices import Layout
from curate.errors import InputError, UsageError
from curate.manifest.rows import Rows
from curate.sources.names import unescape

_FOLDERS = ("split", "label")
_MAY_LEAVE = r"^/|(^|/)\.\.(/|$)|%"


def check_layout(rows: Rows, layout: Layout) -> None:
    """Check, before anything is written, that every image has a place in the folder.

    Args:
        rows: The images, with the columns that the layout needs.
        layout: What their places are made of.

    Raises:
        InputError: A path, or the name of a folder that it goes to, would leave the folder.
        UsageError: The layout needs a column that is not there.
    """
    _check_inside(rows, "path")
    if layout is Layout.SPLIT_LABEL:
        for name in _FOLDERS:
            if name not in rows.schema.names:
                raise UsageError(
                    f"the manifest has no column {name!r}, which the layout needs",
                    hint="run `curate split` and `curate cluster --labels folder` first",
                )
        for name in _FOLDERS:
            _check_inside(rows, name)


def places(rows: Rows, layout: Layout, *, is_ending_ignored: bool) -> Iterator[Path]:
    """Yield where each image goes below the folder.

    Args:
        rows: The images.
        layout: What their places are made of.
        is_ending_ignored: Whether places that differ in their endings only count as one.

    Raises:
        InputError: A path would leave the folder.
    """
    paths = (_inside(path) for path in values(rows, "path"))
    found: Iterator[Path]
    match layout:
        case Layout.TREE:
            found = paths
        case Layout.FLAT:
            found = _apart(Path(path.name) for path in paths)
        case Layout.SPLIT_LABEL:
            folders = zip(*(values(rows, name) for name in _FOLDERS), strict=True)
            found = _apart(
                Path(*(_inside(str(part or "none")) for part in parts), path.name)
                for parts, path in zip(folders, paths, strict=True)
            )
    return _apart(found, is_ending_ignored=True) if is_ending_ignored else found


def values(rows: Rows, name: str) -> Iterator[Any]:
    """Yield the values of a column; those of one batch at a time are Python objects."""
    for batch in rows.batches([name]):
        yield from batch.column(0).to_pylist()


def _check_inside(rows: Rows, name: str) -> None:
    """Check the texts of a column; nearly all are seen to be harmless at a glance."""
    for batch in rows.batches([name]):
        texts = pc.cast(batch.column(0), pa.string())
        for text in texts.filter(pc.match_substring_regex(texts, _MAY_LEAVE)).to_pylist():
            _inside(text)


def _apart(paths: Iterable[Path], *, is_ending_ignored: bool = False) -> Iterator[Path]:
    """Yield paths with a number before the ending where one was given out before."""
    used: set[str] = set()
    last: dict[str, int] = {}
    for path in paths:
        other, number = path, last.get(str(path), 1)
        while (key := str(other.with_suffix("") if is_ending_ignored else other)) in used:
            number += 1
            other = path.with_name(f"{path.stem}-{number}{path.suffix}")
        if number > 1:
            last[str(path)] = number
        used.add(key)
        yield other


def _inside(path: str) -> Path:
    """Return a manifest's path as one that stays in the folder it is joined to.

    Raises:
        InputError: It would leave it.
    """
    name = os.fsdecode(unescape(path))
    if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
        raise InputError(
            f"the manifest's path {path!r} leads out of the folder",
            hint="a manifest that curate wrote has none such; check where this one comes from",
        )
    return Path(name)
