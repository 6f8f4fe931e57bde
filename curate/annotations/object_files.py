"""What YOLO and VOC share: annotations in a file for each image."""

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from curate.annotations.base import AskedImages, FoundObjects, Labelled, gather_labels

_AT_ONCE = 65_536  # details that are texts of Python at a time


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadObject:
    """An object that stands in a file.

    Attributes:
        name: Its class.
        box: Left, top, width and height in px.
        details: JSON of what else is known of it, as COCO writes it; None where nothing is.
    """

    name: str
    box: tuple[float, float, float, float]
    details: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class AskedImage:
    """An image whose file of annotations is looked for.

    Attributes:
        number: Its place among those asked for.
        path: As the manifest has it.
        file: Where it lies on this machine.
        size: Width and height in px, upright; None where not known.
    """

    number: int
    path: str
    file: Path
    size: tuple[int, int] | None


def list_images(images: AskedImages) -> Iterator[AskedImage]:
    """Yield the images one by one."""
    rows = zip(images.path, images.width, images.height, strict=True)
    for number, (path, width, height) in enumerate(rows):
        is_known = width.is_valid and height.is_valid
        yield AskedImage(
            number=number,
            path=path.as_py(),
            file=images.locate(path.as_py()),
            size=(width.as_py(), height.as_py()) if is_known else None,
        )


class ObjectCollector:
    """Gathers the objects of files image by image; none of them stays an object of Python."""

    def __init__(self, n_images: int) -> None:
        """Begin without an object in any of the images."""
        self._is_known = np.zeros(n_images, np.bool_)
        self._rows, self._classes, self._sides = array("q"), array("i"), array("f")
        self._number_of: dict[str, int] = {}
        self._texts: list[str | None] = []
        self._details: list[pa.Array] = []

    @property
    def is_empty(self) -> bool:
        """Whether no image has a file, be it without objects."""
        return not self._is_known.any()

    def add(self, image: AskedImage, objects: Iterable[ReadObject]) -> None:
        """Take the objects of an image that has a file."""
        self._is_known[image.number] = True
        for one in objects:
            self._rows.append(image.number)
            self._classes.append(self._number_of.setdefault(one.name, len(self._number_of)))
            self._sides.extend(one.box)
            self._texts.append(one.details)
        if len(self._texts) >= _AT_ONCE:
            self._store_texts()

    def gather(
        self, *, classes: Mapping[str, int] | None = None, notes: Sequence[str] = ()
    ) -> Labelled:
        """Return what was found.

        Args:
            classes: Number of each class in the source.
            notes: What could not be used.
        """
        self._store_texts()
        names = pa.DictionaryArray.from_arrays(
            pa.array(np.array(self._classes, np.int32)),
            pa.array(list(self._number_of), pa.string()),
        )
        found = FoundObjects(
            row=np.array(self._rows, np.int64),
            name=names.cast(pa.string()),
            box=np.array(self._sides, np.float32).reshape(-1, 4),
            details=pa.chunked_array(self._details, pa.large_string()),
        )
        return gather_labels(found, self._is_known, classes=classes, notes=notes)

    def _store_texts(self) -> None:
        self._details.append(pa.array(self._texts, pa.large_string()))
        self._texts = []
