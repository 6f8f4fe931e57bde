"""COCO's annotations (Lin et al. 2014, arXiv:1405.0312): labels as boxes around whole images."""

from contextlib import ExitStack
from pathlib import Path

from curate.choices import ExportAs
from curate.exporters.base import Exporter, Item
from curate.exporters.files import make_symlink
from curate.exporters.labels_json import DATA, LabelsJson, to_json


class CocoExporter(Exporter, form=ExportAs.COCO):
    """Linked images with COCO's JSON: a label is a box around the image.

    Images without a label have no annotation. Categories are numbered from 1, in order of name.
    """

    columns = ("label", "width", "height")

    def __init__(self, folder: Path, resources: ExitStack) -> None:
        """Begin the list of images."""
        super().__init__(folder, resources)
        self._json = LabelsJson(folder, resources)
        self._json.start_list('{"info": {"description": "curate export"}, "images": [')
        self._n_images = 0
        self._label_numbers: dict[str, int] = {}  # in order of their first image
        self._annotations: list[tuple[int, int, int, int]] = []  # image, label, width, height

    def add(self, item: Item) -> None:
        """Link and list one image; its annotation is written at the end."""
        self._n_images += 1
        label, width, height = item.label, item.width, item.height
        image = {
            "id": self._n_images,
            "file_name": item.place.as_posix(),
            "width": width,
            "height": height,
        }
        self._json.add_item(to_json(image))
        if label is not None:
            number = self._label_numbers.setdefault(label, len(self._label_numbers))
            self._annotations.append((self._n_images, number, width, height))
        make_symlink(item.local_file, self.folder / DATA / item.place)

    def close(self) -> None:
        """Write annotations and categories, whose numbers are known only now."""
        category_of = {
            label: category for category, label in enumerate(sorted(self._label_numbers), 1)
        }
        categories = [category_of[label] for label in self._label_numbers]
        self._json.start_list('\n], "annotations": [')
        for number, (image, label, width, height) in enumerate(self._annotations, 1):
            annotation = {
                "id": number,
                "image_id": image,
                "category_id": categories[label],
                "bbox": [0, 0, width, height],
                "area": width * height,
                "iscrowd": 0,
            }
            self._json.add_item(to_json(annotation))
        names = [
            {"id": category, "name": label, "supercategory": ""}
            for label, category in category_of.items()
        ]
        self._json.end(f'\n], "categories": {to_json(names)}}}')
