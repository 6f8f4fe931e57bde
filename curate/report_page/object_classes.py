"""Classes of objects: how many objects and images of each there are, before and after."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.pages.images_table import ImagesTable

SHOWN = 100
"""Classes in the table at most, those of the most objects."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ObjectClass:
    """One class of objects.

    Attributes:
        name: The class.
        n_objects: Objects in readable images.
        n_images: Images that hold one.
        n_kept: Those of them that are kept.
        n_selected: Those of them that are in the sample.
    """

    name: str
    n_objects: int
    n_images: int
    n_kept: int
    n_selected: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ObjectClasses:
    """The classes of objects in the images.

    Attributes:
        classes: Those of the most objects first, at most ``SHOWN``.
        n_classes: How many there are.
        n_empty: Readable images that hold no object.
        n_unknown: Readable images of whose objects nothing is known.
    """

    classes: list[ObjectClass]
    n_classes: int
    n_empty: int
    n_unknown: int


def count_object_classes(images: ImagesTable) -> ObjectClasses | None:
    """Return the classes of the column ``objects``; None where nothing is known of any image."""
    if not images.has("objects"):
        return None
    lists = images.table["objects"].combine_chunks()
    row = np.asarray(pc.list_parent_indices(lists).to_numpy(), np.int64)
    coded = pc.dictionary_encode(pc.cast(pc.list_flatten(lists), pa.string()).fill_null(""))
    names, code = coded.dictionary.to_pylist(), np.asarray(coded.indices.to_numpy(), np.int64)
    in_one = images.is_readable[row]
    n_objects = np.bincount(code[in_one], minlength=len(names))
    row, code = np.divmod(np.unique(row * max(len(names), 1) + code), max(len(names), 1))

    def count(is_counted: NDArray[np.bool_]) -> NDArray[np.int64]:
        return np.bincount(code[is_counted[row]], minlength=len(names)).astype(np.int64)

    sets = [count(one) for one in (images.is_readable, images.is_kept, images.is_selected)]
    order = sorted(range(len(names)), key=lambda place: (-n_objects[place], names[place]))
    is_known = lists.is_valid().to_numpy(zero_copy_only=False)
    holds_some = np.zeros(len(images), np.bool_)
    holds_some[row] = True
    return ObjectClasses(
        classes=[
            ObjectClass(
                name=names[place],
                n_objects=int(n_objects[place]),
                n_images=int(sets[0][place]),
                n_kept=int(sets[1][place]),
                n_selected=int(sets[2][place]),
            )
            for place in order[:SHOWN]
        ],
        n_classes=len(names),
        n_empty=int((images.is_readable & is_known & ~holds_some).sum()),
        n_unknown=int((images.is_readable & ~is_known).sum()),
    )
