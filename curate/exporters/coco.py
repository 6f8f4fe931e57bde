"""COCO's annotations (Lin et al. 2014, arXiv:1405.0312): objects, or labels of whole images."""

import json
from array import array
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from curate.choices import ExportAs
from curate.exporters.base import BoxedObject, Exporter, Item
from curate.exporters.class_numbers import ClassNumbers, renumber
from curate.exporters.files import make_symlink
from curate.exporters.labels_json import DATA, LabelsJson, to_json


class CocoExporter(Exporter, form=ExportAs.COCO):
    """Linked images with COCO's JSON: objects, else a label as a box around the image.

    What is known of an object beyond its box, such as its outline, is written as it came.

    Images without either have no annotation. Categories have the numbers that they came with, those
    of YOLO, which begin with 0, the next ones; others are numbered from 1, in order of name.
    """

    columns = ("label", "width", "height")
    optional_columns = ("objects", "boxes", "details")
    takes_classes = True
    takes_class_facts = True

    def __init__(
        self,
        folder: Path,
        resources: ExitStack,
        classes: Mapping[str, int] | None = None,
        class_facts: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        """Begin the list of images.

        Args:
            folder: Where it goes.
            resources: Closes it.
            classes: Numbers that classes had.
            class_facts: What else was said of them.
        """
        super().__init__(folder, resources)
        self._json = LabelsJson(folder, resources)
        self._json.start_list('{"info": {"description": "curate export"}, "images": [')
        known = classes or {}
        self._known = known if min(known.values(), default=1) >= 1 else renumber(known, first=1)
        self._class_facts = class_facts or {}
        self._n_images = 0
        # outlines are larger than all else; numbers of classes are known only at the end
        self._details = resources.enter_context(
            TemporaryFile("w+", dir=folder, encoding="utf-8")  # noqa: SIM115 - it is entered
        )
        self._places: dict[str, int] = {}  # of classes, in order of their first image
        self._image_of, self._class_of, self._sides = array("q"), array("l"), array("d")

    def add(self, item: Item) -> None:
        """Link and list one image; its annotations are written at the end."""
        self._n_images += 1
        width, height = item.width, item.height
        image = {
            "id": self._n_images,
            "file_name": item.place.as_posix(),
            "width": width,
            "height": height,
        }
        self._json.add_item(to_json(image))
        objects = item.objects
        if objects is None:
            whole = (0.0, 0.0, float(width), float(height))
            objects = [BoxedObject(item.label, whole)] if item.label is not None else []
        for one in objects:
            self._image_of.append(self._n_images)
            self._class_of.append(self._places.setdefault(one.name, len(self._places)))
            self._sides.extend(one.box)
            self._details.write(f"{json.dumps(one.details) if one.details else ''}\n")
        make_symlink(item.local_file, self.folder / DATA / item.place)

    def close(self) -> None:
        """Write annotations and categories, whose numbers are known only now."""
        numbers = ClassNumbers(self._known, first=1)
        number_of = {name: numbers[name] for name in sorted(self._places)}
        categories = [number_of[name] for name in self._places]
        self._json.start_list('\n], "annotations": [')
        sides = zip(*[iter(self._sides)] * 4, strict=True)
        self._details.seek(0)
        rows = zip(self._image_of, self._class_of, sides, self._details, strict=True)
        for number, (image, place, box, details) in enumerate(rows, 1):
            annotation = {
                "area": _as_number(box[2] * box[3]),
                "iscrowd": 0,
                **(json.loads(details) if details.strip() else {}),
                "id": number,
                "image_id": image,
                "category_id": categories[place],
                "bbox": [_as_number(side) for side in box],
            }
            self._json.add_item(to_json(annotation))
        names = [
            {"id": category, "name": name, "supercategory": "", **self._class_facts.get(name, {})}
            for category, name in numbers.by_number().items()
        ]
        self._json.end(f'\n], "categories": {to_json(names)}}}')


def _as_number(value: float) -> int | float:
    """Return a length as COCO writes it: whole px as such, parts with two decimals."""
    return int(value) if value.is_integer() else round(value, 2)
