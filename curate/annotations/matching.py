"""Which image a name in somebody's table means: tables name images in many ways."""

from itertools import takewhile

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.amounts import count_of
from curate.annotations.base import AskedImages
from curate.errors import InputError
from curate.sources.names import escape

Ints = NDArray[np.int64]

_ENDING = r"\.[A-Za-z0-9]{1,5}$"
_SHOWN = 3


def match_names(names: pa.Array, images: AskedImages, *, source: str) -> Ints:
    """Return the image that each name means, (M,) int64, -1 for none.

    A name is looked for as a path from the source, then from the folder that all images lie in,
    then as the end of such a path (``a/b.jpg`` is ``train/a/b.jpg``), then without its first
    folders, then without its ending. A name that could mean several images means none.

    Args:
        names: M different names.
        images: Those asked for.
        source: Where the names stand, for messages.

    Raises:
        InputError: None of them is an image.
    """
    typed = _normalize(names, images.root)
    rows = _match(_escape(typed), images)
    if pc.any(pc.match_substring(typed, "%")).as_py():  # paths of URLs are not escaped
        rows = np.where(rows < 0, _match(typed, images), rows)
    if len(names) and (rows < 0).all():
        shown = ", ".join(names.slice(0, _SHOWN).to_pylist())
        raise InputError(
            f"{source} names none of the images; it has {shown}, the folder "
            f"{', '.join(images.path.slice(0, _SHOWN).to_pylist())}",
            hint="name another file, or the column of paths by calling it path",
        )
    return rows


def _match(wanted: pa.Array, images: AskedImages) -> Ints:
    """Return the image that each normalized name means, -1 for none."""
    rows = _look_up(wanted, images.path)
    rows = _fill_in(rows, wanted, _strip_shared_folder(images.path))
    for depth in range(1 + _most_slashes(wanted)):
        rows = _fill_in(rows, _tail(wanted, depth), _tail(images.path, depth))
    for depth in range(_most_slashes(images.path), -1, -1):
        rows = _fill_in(rows, _tail(wanted, depth), images.path)
    stems = pc.replace_substring_regex(images.path, _ENDING, "")
    for depth in (_most_slashes(images.path), 0):
        rows = _fill_in(rows, _tail(wanted, depth), _tail(stems, depth))
    return rows


def _normalize(names: pa.Array, root: str) -> pa.Array:
    """Return names with slashes, from the source on."""
    names = pc.replace_substring(names, "\\", "/")
    names = pc.replace_substring_regex(names, r"^(\./)+", "")
    below = root.rstrip("/") + "/"
    inside = pc.utf8_slice_codeunits(names, len(below))
    return pc.if_else(pc.starts_with(names, below), inside, names)


def _escape(names: pa.Array) -> pa.Array:
    """Return names escaped as manifests have those of files."""
    if not pc.any(pc.match_substring(names, "%")).as_py():
        return names
    return pa.array([escape(name.encode()) for name in names.to_pylist()], pa.string())


def _most_slashes(paths: pa.Array) -> int:
    return int(pc.max(pc.count_substring(paths, "/")).as_py() or 0)


def _strip_shared_folder(paths: pa.Array) -> pa.Array:
    """Return paths from the innermost folder that they all lie in."""
    ends = pc.min_max(paths)
    first, last = ((ends[end].as_py() or "").split("/")[:-1] for end in ("min", "max"))
    # the folders that the first and the last in order begin with, all begin with
    both = takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False))
    shared = "/".join(folder for folder, _ in both)
    return pc.utf8_slice_codeunits(paths, len(shared) + 1) if shared else paths


def _tail(paths: pa.Array, depth: int) -> pa.Array:
    """Return the last name of each path with as many folders before it."""
    return pc.replace_substring_regex(paths, rf"^.*?((?:[^/]+/){{{depth}}}[^/]+)$", r"\1")


def _look_up(wanted: pa.Array, keys: pa.Array) -> Ints:
    """Return the place of each text among keys, -1 where there is none or more than one."""
    counts = pc.value_counts(keys)
    many = counts.field("values").filter(pc.greater(counts.field("counts"), 1))
    rows = pc.if_else(pc.is_in(wanted, value_set=many), None, pc.index_in(wanted, value_set=keys))
    return np.asarray(pc.fill_null(rows, -1).to_numpy(zero_copy_only=False), np.int64)


def _fill_in(rows: Ints, wanted: pa.Array, keys: pa.Array) -> Ints:
    """Return rows with those that are missing looked up."""
    missing = np.flatnonzero(rows < 0)
    if len(missing) == 0:
        return rows
    filled = rows.copy()
    filled[missing] = _look_up(wanted.take(pa.array(missing)), keys)
    return filled


def describe_unmatched(rows: Ints, *, source: str) -> list[str]:
    """Return a sentence on the names that mean no image, where there are some.

    Args:
        rows: (M,) int64, the image that each different name means, -1 for none.
        source: Where the names stand.
    """
    n_lost = int((rows < 0).sum())
    are = "is" if n_lost == 1 else "are"
    all_named = count_of(len(rows), "image")
    return [f"{n_lost:,} of the {all_named} in {source} {are} not here"] if n_lost else []
