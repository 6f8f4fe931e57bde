"""Where exported images go below their folder: never out of it, and no two in one place."""

import os
import re
from collections.abc import Container, Iterable, Iterator
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from curate.choices import Layout
from curate.errors import InputError, UsageError
from curate.images.formats import EXTENSIONS, RAW_EXTENSIONS, ending_of
from curate.manifest.rows import Rows
from curate.sources.entry_names import tidy
from curate.sources.names import escape, unescape

NAME_BYTES = 255
"""Bytes of a file's name at most, on the usual file systems."""
_ENDING_BYTES = 16  # of an ending at most; a longer one, as in a query, is part of the name
_SCHEME = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*://")
_URL = re.compile(r"^([^/]+/)?[A-Za-z][A-Za-z0-9+.-]*://")  # behind the name of its source, if many
_FOLDER_COLUMNS = ("split", "label")
_MAY_LEAVE = r"^/|(^|/)\.\.(/|$)|%|\x00"
_MAY_MEET = r"//|%|(^|/)\.(/|$)"


def check_layout(rows: Rows, layout: Layout) -> None:
    """Check, before anything is written, that every image has a place in the folder.

    Args:
        rows: The images, with the columns that the layout needs.
        layout: What their places are made of.

    Raises:
        InputError: A path, or the name of a folder that it goes to, would leave the folder.
        UsageError: The layout needs a column that is not there.
    """
    check_names(rows, "path")
    if layout is Layout.SPLIT_LABEL:
        for name in _FOLDER_COLUMNS:
            if name not in rows.schema.names:
                raise UsageError(
                    f"the manifest has no column {name!r}, which the layout needs",
                    hint="run `curate split` and `curate cluster --labels folder` first",
                )
        for name in _FOLDER_COLUMNS:
            check_names(rows, name)


def assign_places(
    rows: Rows, layout: Layout, *, needs_unique_stems: bool, left_out: str | None = None
) -> Iterator[Path]:
    """Yield where each image goes, relative to the folder.

    Args:
        rows: The images.
        layout: What their places are made of.
        needs_unique_stems: Whether places that differ in their endings only count as one.
        left_out: Name of a folder that no place may have in it, and loses; then stems are unique.

    Raises:
        InputError: A path would leave the folder.
    """
    paths = (_path_inside(name) for name in _names(rows))
    places: Iterator[Path]
    match layout:
        case Layout.TREE:
            places = _number_repeats(paths) if _may_meet(rows) else paths
        case Layout.FLAT:
            places = _number_repeats(Path(path.name) for path in paths)
        case Layout.SPLIT_LABEL:
            folders = zip(*(_values(rows, name) for name in _FOLDER_COLUMNS), strict=True)
            places = _number_repeats(
                Path(*(_path_inside(str(folder or "none")) for folder in parents), path.name)
                for parents, path in zip(folders, paths, strict=True)
            )
    if left_out is not None:
        places = (_leave_out(place, left_out) for place in places)
    is_unique = needs_unique_stems or left_out is not None
    return _number_repeats(places, is_ending_ignored=True) if is_unique else places


def _leave_out(path: Path, folder: str) -> Path:
    """Return the path of a file without the folders that have a name."""
    return Path(*(part for part in path.parts[:-1] if part != folder), path.name)


def _names(rows: Rows) -> Iterator[str]:
    """Yield the path of each image as a file can have it: no ``https://``, and with an ending.

    Rows of a table have no ending; theirs is that of their format.
    """
    if "row" not in rows.schema.names or "format" not in rows.schema.names:
        yield from map(_path_of, _values(rows, "path"))
        return
    for path, number, image_format in zip(
        *(_values(rows, name) for name in ("path", "row", "format")), strict=True
    ):
        name = _path_of(path)
        has_ending = PurePosixPath(name).suffix.lower() in EXTENSIONS | RAW_EXTENSIONS
        yield name if number is None or has_ending else f"{name}{ending_of(image_format)}"


def _path_of(path: str) -> str:
    """Return a URL as a path below a folder: no scheme, no way up. A path stays what it is."""
    if not _URL.match(path):
        return path
    name = unescape(_SCHEME.sub("", path)).replace(b"\0", b"_")
    return escape(os.fsencode(tidy(os.fsdecode(name))))


def _values(rows: Rows, name: str) -> Iterator[Any]:
    """Yield the values of a column; those of one batch at a time are Python objects."""
    for batch in rows.batches([name]):
        yield from batch.column(0).to_pylist()


def check_names(rows: Rows, name: str) -> None:
    """Check the texts of a column that become paths below a folder.

    A pattern passes nearly all of them without a closer look.

    Args:
        rows: The images.
        name: Of the column.

    Raises:
        InputError: One would leave the folder.
    """
    for batch in rows.batches([name]):
        texts = pc.cast(batch.column(0), pa.string())
        for text in texts.filter(pc.match_substring_regex(texts, _MAY_LEAVE)).to_pylist():
            _path_inside(_path_of(text) if name == "path" else text)


def _may_meet(rows: Rows) -> bool:
    """Return whether two paths may want one place, as URLs and members of archives may.

    Those of the files of a folder do not, and need no list of the places that are taken.
    """
    names = [name for name in ("path", "container") if name in rows.schema.names]
    for batch in rows.batches(names):
        texts = pc.cast(batch.column("path"), pa.string())
        if pc.any(pc.match_substring_regex(texts, _MAY_MEET)).as_py():
            return True
        if "container" in names and batch.column("container").null_count < len(batch):
            return True
    return False


def _number_repeats(paths: Iterable[Path], *, is_ending_ignored: bool = False) -> Iterator[Path]:
    """Yield each path, with a number before its ending if an earlier one, or its folder, is equal.

    A folder that an earlier path is equal to has a number, too.
    """
    used: set[str] = set()
    folders = _Folders(() if is_ending_ignored else used)
    last_number: dict[str, int] = {}

    def key_of(path: Path) -> str:
        return str(path.with_suffix("") if is_ending_ignored else path)

    for wanted in paths:
        path = folders.find(wanted.parent) / wanted.name
        candidate, number = path, last_number.get(str(path), 1)
        while key_of(candidate) in used or candidate in folders:
            number += 1
            candidate = path.with_name(_add_to_stem(path.name, f"-{number}"))
        if number > 1:
            last_number[str(path)] = number
        used.add(key_of(candidate))
        yield candidate


class _Folders:
    """The folders of the places given out, none of which is a file."""

    def __init__(self, files: Container[str]) -> None:
        """Begin without a folder, with the files that were given out, which become more."""
        self._files = files
        self._found = {Path(): Path()}
        self._used: set[Path] = set()

    def find(self, folder: Path) -> Path:
        """Return a folder, with numbers where it or one above it is a file."""
        for above in () if folder in self._found else reversed((folder, *folder.parents)):
            if above not in self._found:
                self._found[above] = self._settle(self._found[above.parent] / above.name)
        return self._found[folder]

    def _settle(self, wanted: Path) -> Path:
        folder, number = wanted, 1
        while str(folder) in self._files:
            number += 1
            ending = f"-{number}"
            folder = wanted.with_name(f"{shorten_name(wanted.name, ending=ending)}{ending}")
        self._used.add(folder)
        return folder

    def __contains__(self, path: Path) -> bool:
        return path in self._used


def _add_to_stem(name: str, text: str) -> str:
    """Return a name with a text before its ending, short enough for a file."""
    ending = PurePosixPath(name).suffix
    if len(os.fsencode(ending)) > _ENDING_BYTES:
        ending = ""
    added = f"{text}{ending}"
    return f"{shorten_name(name.removesuffix(ending), ending=added)}{added}"


def shorten_name(stem: str, *, ending: str) -> str:
    """Return the start of a name that with an ending fits into `NAME_BYTES`; whole characters only.

    Args:
        stem: The name.
        ending: What follows.
    """
    room = NAME_BYTES - len(os.fsencode(ending))
    while len(os.fsencode(stem)) > room:
        stem = stem[:-1]
    return stem


def _path_inside(path: str) -> Path:
    """Return a manifest's path as one that stays in the folder it is joined to.

    Names that are too long for a file are cut; what tells them apart is a part of their digest.

    Raises:
        InputError: It would leave it, or no file can have that name.
    """
    name = os.fsdecode(unescape(path))
    if "\0" in name:
        raise InputError(
            f"the manifest's path {path!r} has a zero byte in it",
            hint="a manifest that curate wrote has none such; check where this one comes from",
        )
    if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
        raise InputError(
            f"the manifest's path {path!r} leads out of the folder",
            hint="a manifest that curate wrote has none such; check where this one comes from",
        )
    if len(os.fsencode(name)) <= NAME_BYTES:
        return Path(name)
    return Path(*map(_shorten_part, PurePosixPath(name).parts))


def _shorten_part(part: str) -> str:
    raw = os.fsencode(part)
    return part if len(raw) <= NAME_BYTES else _add_to_stem(part, f"-{sha256(raw).hexdigest()[:8]}")
