"""COCO's JSON (Lin et al. 2014, arXiv:1405.0312): objects with all that is said of them."""

import json
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.amounts import count_of
from curate.annotations.base import AskedImages, FoundObjects, Labelled, gather_labels
from curate.annotations.matching import describe_unmatched, match_names
from curate.errors import InputError, first_line

_AT_ONCE = 65_536
_IMAGES = pa.schema(
    [("id", pa.string()), ("file", pa.string()), ("width", pa.int32()), ("height", pa.int32())]
)
_OBJECTS = pa.schema(
    [
        ("image", pa.string()), ("category", pa.string()), ("left", pa.float32()),
        ("top", pa.float32()), ("width", pa.float32()), ("height", pa.float32()),
        ("details", pa.large_string()),
    ]
)  # fmt: skip
_OF_AN_OBJECT = {"id", "image_id", "category_id", "bbox"}
_OF_A_CLASS = {"id", "name"}


class CocoLabels:
    """One file of annotations, read as a stream."""

    def __init__(self, file: Path) -> None:
        """Name the file."""
        self._file = file

    def read(self, images: AskedImages) -> Labelled:
        """Return the objects in the images.

        Raises:
            InputError: It is no such file, or names none of the images.
        """
        try:
            listed = _collect(map(_image_row, self._items("images")), _IMAGES)
            objects = _collect(filter(None, map(_object_row, self._items("annotations"))), _OBJECTS)
            classes = list(self._items("categories"))
            names = {_text_of(one["id"]): str(one["name"]) for one in classes}
        except (KeyError, TypeError, ValueError, OSError, pa.ArrowException) as error:
            raise InputError(
                f"{self._file} is no COCO file: {first_line(error)}",
                hint="it has lists named images, annotations and categories",
            ) from None
        if len(listed) == 0:
            raise InputError(f"{self._file} lists no images", hint="name a COCO file with images")
        files = pc.dictionary_encode(listed["file"]).combine_chunks()
        row_of_file = match_names(files.dictionary, images, source=self._file.name)
        row_of_image = row_of_file[files.indices.to_numpy()]
        is_known = np.zeros(len(images), np.bool_)
        is_known[row_of_image[row_of_image >= 0]] = True
        place = pc.index_in(objects["image"], value_set=listed["id"].combine_chunks())
        place = np.asarray(pc.fill_null(place, -1).to_numpy(), np.int64)
        row = np.append(row_of_image, -1)[place]
        known = pa.array(list(names), pa.string())
        category = pc.index_in(objects["category"], value_set=known).combine_chunks()
        name = pa.array(list(names.values()), pa.string()).take(category)
        is_named = name.is_valid().to_numpy(zero_copy_only=False)
        kept = np.flatnonzero((row >= 0) & is_named)
        n_stray = int(((place < 0) | ~is_named).sum())
        box = np.stack(
            [objects[side].to_numpy() for side in ("left", "top", "width", "height")], axis=1
        )
        return gather_labels(
            FoundObjects(
                row=row[kept],
                name=name.take(pa.array(kept)),
                box=box[kept],
                details=objects["details"].take(pa.array(kept)),
            ),
            is_known,
            classes=_number_classes(names),
            class_facts={str(one["name"]): facts for one in classes if (facts := _facts_of(one))},
            notes=[
                *describe_unmatched(row_of_file, source=self._file.name),
                *_describe_stray(n_stray),
                *_describe_sizes(listed, row_of_image, images),
            ],
        )

    def _items(self, name: str) -> Iterator[Mapping[str, Any]]:
        """Yield the objects of a list.

        Raises:
            ValueError: It is no JSON.
        """
        import ijson

        try:
            with self._file.open("rb") as file:
                yield from ijson.items(file, f"{name}.item", use_float=True)
        except ijson.JSONError as error:
            raise ValueError(first_line(error)) from None


def _collect(rows: Iterator[dict[str, Any]], schema: pa.Schema) -> pa.Table:
    """Return rows as a table; few of them are Python objects at a time."""
    parts = [schema.empty_table()]
    while part := list(islice(rows, _AT_ONCE)):
        parts.append(pa.Table.from_pylist(part, schema=schema))
    return pa.concat_tables(parts).combine_chunks()


def _image_row(image: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": _text_of(image["id"]),
        "file": str(image["file_name"]),
        "width": image.get("width"),
        "height": image.get("height"),
    }


def _object_row(annotation: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return an object; None for an annotation without a class, such as a caption."""
    if "category_id" not in annotation:
        return None
    left, top, width, height = annotation.get("bbox") or (np.nan,) * 4
    return {
        "image": _text_of(annotation["image_id"]),
        "category": _text_of(annotation["category_id"]),
        "left": left,
        "top": top,
        "width": width,
        "height": height,
        "details": to_details(
            {name: value for name, value in annotation.items() if name not in _OF_AN_OBJECT}
        ),
    }


def to_details(facts: Mapping[str, Any]) -> str | None:
    """Return what is known of an object beyond class and box as JSON; None where nothing is.

    Args:
        facts: As COCO writes them.
    """
    return json.dumps(facts, ensure_ascii=False, separators=(",", ":")) if facts else None


def _facts_of(category: Mapping[str, Any]) -> dict[str, Any]:
    """Return what else is said of a class, such as the names of its keypoints."""
    return {name: value for name, value in category.items() if name not in _OF_A_CLASS and value}


def _number_classes(names: Mapping[str, str]) -> dict[str, int]:
    return {name: int(number) for number, name in names.items() if number.isdecimal()}


def _text_of(identifier: object) -> str:
    """Return an identifier as text: of a whole number without the point that some tools write."""
    if isinstance(identifier, float) and identifier.is_integer():
        return str(int(identifier))
    return str(identifier)


def _describe_stray(n: int) -> list[str]:
    """Return a sentence on annotations of images or categories that the file does not list."""
    if n == 0:
        return []
    one = "annotation is of an image or category that the file does not list"
    return [count_of(n, one, one.replace("annotation is", "annotations are"))]


def _describe_sizes(
    listed: pa.Table, row_of_image: np.ndarray[Any, Any], images: AskedImages
) -> list[str]:
    """Return a sentence on images that have another size than their boxes were drawn on."""
    rows = pa.array(row_of_image, pa.int64(), mask=row_of_image < 0)
    differs = pc.or_(
        pc.not_equal(listed["width"], images.width.take(rows)),
        pc.not_equal(listed["height"], images.height.take(rows)),
    )
    return describe_other_sizes(int(pc.sum(differs).as_py() or 0))


def describe_other_sizes(n_images: int) -> list[str]:
    """Return a sentence on images whose upright size is not the annotated one, if there are any.

    Args:
        n_images: How many.
    """
    if n_images == 0:
        return []
    one = "image is of another size, upright, than its boxes were drawn on"
    many = "images are of another size, upright, than their boxes were drawn on"
    return [count_of(n_images, one, many)]
