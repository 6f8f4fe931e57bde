"""Paths of a source as people type them: relative to it or to the working directory, or whole."""

import os
import posixpath
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from curate.sources.entry_names import FROM_ROOT
from curate.sources.names import escape, is_text

Roots = Mapping[str, Path | str]
"""The folders and URLs below which the images of a source lie, by how its paths begin there."""


def list_names(named: str, roots: Roots) -> list[str]:
    """Return the paths of a source that a person may mean, escaped; "" is the whole source.

    What lies here and below a root, or holds one, is meant as it lies here and in no other way:
    ``.`` in a folder of the source is that folder.

    Args:
        named: A file or folder, as it was typed.
        roots: Of the source.
    """
    from_here = [
        f"{prefix}{escape(os.fsencode(below))}".rstrip("/")
        for prefix, below in find_below(named, roots)
    ]
    if from_here and os.path.lexists(named):
        return list(dict.fromkeys(from_here))
    inside = posixpath.normpath(named)
    as_manifests_have_it = [named.rstrip("/")] if is_text(named) else []
    escaped = "" if inside == "." else escape(os.fsencode(inside))
    return list(dict.fromkeys([*as_manifests_have_it, escaped, *from_here]))


def find_below(named: str, roots: Roots) -> Iterator[tuple[str, str]]:
    """Yield how the paths of a root begin and the rest, for each root that a path leads into.

    Args:
        named: A file, folder or URL; of one that holds a whole root the rest is empty.
        roots: Of a source.
    """
    for prefix, root in roots.items():
        if isinstance(root, str):
            if f"{named}/".startswith(f"{root.rstrip('/')}/"):
                yield prefix, named[len(root.rstrip("/")) + 1 :]
            continue
        for whole in (os.path.abspath, os.path.realpath):
            path, folder = Path(whole(named)), Path(whole(root))
            if path.is_relative_to(folder):
                yield prefix, "" if path == folder else str(path.relative_to(folder))
            elif folder.is_relative_to(path):
                yield prefix, ""


def place_patterns(patterns: Sequence[str], roots: Roots) -> tuple[str, ...]:
    """Return patterns of what is passed over as they are of the paths of a source.

    One with a slash is of one path: from here, if it leads into the source, or else in there.

    Args:
        patterns: As they were typed.
        roots: Of the source.
    """
    placed = []
    for pattern in patterns:
        inside = posixpath.normpath(pattern)
        if "/" not in pattern.rstrip("/"):
            placed.append(inside)
            continue
        found = [f"{FROM_ROOT}{start}{rest}" for start, rest in find_below(pattern, roots) if rest]
        placed += found or [f"{FROM_ROOT}{start}{inside}" for start in ("", *roots)]
    return tuple(dict.fromkeys(placed))
