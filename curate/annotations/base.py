"""What all sources of labels share: the images that are asked about, and what is said of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Boxes = NDArray[np.float32]

SEPARATOR = ";"
"""Between the classes of an image that has several."""

OBJECTS = pa.list_(pa.field("element", pa.string()))
BOXES = pa.list_(pa.field("element", pa.float32()))
DETAILS = OBJECTS

_AT_ONCE = 16_384  # images whose details are one array: a text array has room for 2 GB


@dataclass(frozen=True, kw_only=True, slots=True)
class AskedImages:
    """The N images whose labels are asked for.

    Attributes:
        path: N paths, as the manifest has them.
        width: (N,) int32, px, upright; null where not known.
        height: (N,) int32, px, upright; null where not known.
        root: Address of the source that paths are relative to.
        locate: Gives the file of a path on this machine.
        inside: N paths, of members and rows their names in the archive or table; None where there
            are none.
        said: (N,) string, what the source itself says; None where that is not known.
    """

    path: pa.Array
    width: pa.Array
    height: pa.Array
    root: str
    locate: Callable[[str], Path]
    inside: pa.Array | None = None
    said: pa.Array | None = None

    def __len__(self) -> int:
        return len(self.path)


@dataclass(frozen=True, kw_only=True, slots=True)
class Labelled:
    """What a source of labels says of N images.

    Attributes:
        label: (N,) string, the class of each image; several in order of name, joined by ``;``; null
            where nothing is known.
        objects: (N,) list of string, the class of each object in the image; None where the source
            knows no objects.
        boxes: (N,) list of float32, left, top, width and height in px of each of them.
        details: (N,) list of string, what else the source says of each object, as COCO writes it;
            None where it says no more of any.
        classes: Number of each class in the source, by name, where classes have numbers there.
        class_facts: What else the source says of a class, by name, such as the names of keypoints.
        notes: What could not be used, a sentence each.
    """

    label: pa.Array
    objects: pa.Array | None = None
    boxes: pa.Array | None = None
    details: pa.ChunkedArray | None = None
    classes: Mapping[str, int] = field(default_factory=dict)
    class_facts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    notes: Sequence[str] = ()


class LabelSource(Protocol):
    """Where labels come from; a new kind is one file and a line in ``open_labels``."""

    def read(self, images: AskedImages) -> Labelled:
        """Return what is known of some images.

        Raises:
            InputError: The source cannot be read, or knows none of them.
        """


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundObjects:
    """M objects in images, in any order.

    Attributes:
        row: (M,) int64, the image of each.
        name: (M,) string, the class of each.
        box: (M, 4) float32, left, top, width, height in px; None for classes without boxes.
        details: (M,) large_string, JSON of what else is known of each, null where nothing is; None
            where that is so of all.
    """

    row: Ints
    name: pa.Array
    box: Boxes | None = None
    details: pa.ChunkedArray | None = None


def gather_labels(
    found: FoundObjects,
    is_known: NDArray[np.bool_],
    *,
    classes: Mapping[str, int] | None = None,
    class_facts: Mapping[str, Mapping[str, Any]] | None = None,
    notes: Sequence[str] = (),
) -> Labelled:
    """Return objects image by image.

    Args:
        found: The objects.
        is_known: (N,) bool, images that the source names, be it that they have no object.
        classes: Number of each class in the source.
        class_facts: What else the source says of a class.
        notes: What could not be used.
    """
    order = np.argsort(found.row, kind="stable")
    row, names = found.row[order], found.name.take(pa.array(order))
    counts = np.bincount(row, minlength=len(is_known))
    label = _join_classes(row, names, counts)
    if found.box is None:
        return Labelled(label=label, classes=classes or {}, notes=notes)
    is_null = np.append(~is_known, False)
    ends = pa.array(np.append(0, np.cumsum(counts)), pa.int32(), mask=is_null)
    corners = pa.array(np.append(0, np.cumsum(4 * counts)), pa.int32(), mask=is_null)
    boxes = pa.array(np.ascontiguousarray(found.box[order], np.float32).ravel(), pa.float32())
    return Labelled(
        label=label,
        objects=pa.ListArray.from_arrays(ends, names, type=OBJECTS),
        boxes=pa.ListArray.from_arrays(corners, boxes, type=BOXES),
        details=_list_details(found.details, order, counts, is_known),
        classes=classes or {},
        class_facts=class_facts or {},
        notes=notes,
    )


def _list_details(
    details: pa.ChunkedArray | None, order: Ints, counts: Ints, is_known: NDArray[np.bool_]
) -> pa.ChunkedArray | None:
    """Return the details of the objects image by image, (N,); None where there are none."""
    if details is None or details.null_count == len(details):
        return None
    ends = np.append(0, np.cumsum(counts))
    chunks = []
    for start in range(0, len(counts), _AT_ONCE):
        stop = min(start + _AT_ONCE, len(counts))
        texts = details.take(pa.array(order[ends[start] : ends[stop]])).combine_chunks()
        is_null = np.append(~is_known[start:stop], False)
        places = pa.array(ends[start : stop + 1] - ends[start], pa.int32(), mask=is_null)
        chunks.append(pa.ListArray.from_arrays(places, texts.cast(pa.string()), type=DETAILS))
    return pa.chunked_array(chunks, DETAILS)


def _join_classes(row: Ints, names: pa.Array, counts: Ints) -> pa.Array:
    """Return the different classes of each image, joined; null where there is none.

    Args:
        row: (M,) int64, ascending.
        names: (M,) string.
        counts: (N,) int64, objects of each image.
    """
    coded = pc.dictionary_encode(names)
    by_name = np.argsort(np.argsort(np.array(coded.dictionary.to_pylist(), object), kind="stable"))
    rank = by_name[coded.indices.to_numpy()] if len(names) else np.zeros(0, np.int64)
    order = np.lexsort((rank, row))
    is_new = np.ones(len(row), np.bool_)
    is_new[1:] = (row[order][1:] != row[order][:-1]) | (rank[order][1:] != rank[order][:-1])
    chosen = order[is_new]
    ends = np.append(0, np.cumsum(np.bincount(row[chosen], minlength=len(counts))))
    lists = pa.ListArray.from_arrays(pa.array(ends, pa.int32()), names.take(pa.array(chosen)))
    return pc.if_else(pa.array(counts > 0), pc.binary_join(lists, SEPARATOR), None)
