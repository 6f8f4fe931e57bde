"""Lists of labelled images that other tools read: COCO's JSON, FiftyOne's classification format.

Both are a folder ``data`` of images and a file ``labels.json``, written image by image, so that a
list of millions does not lie in memory.
"""

import json
from pathlib import Path
from types import TracebackType
from typing import Any, Self

DATA = "data"
LABELS = "labels.json"


class _Listing:
    """Writes ``labels.json`` part by part."""

    def __init__(self, folder: Path) -> None:
        """Write below a folder that is there."""
        self._file = (folder / LABELS).open("w", encoding="utf-8")
        self._is_first = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        if kind is None:
            self._close()
        self._file.close()

    def _close(self) -> None:
        raise NotImplementedError

    def _write(self, text: str) -> None:
        self._file.write(text)

    def _item(self, text: str) -> None:
        self._file.write(f"{'' if self._is_first else ','}\n{text}")
        self._is_first = False


class CocoListing(_Listing):
    """COCO's annotations (Lin et al. 2014, arXiv:1405.0312): a label is a box around the image.

    Images without a label have no annotation. Categories are numbered from 1, in order of name.
    """

    def __init__(self, folder: Path, categories: list[str]) -> None:
        """Begin a list of images of these categories."""
        super().__init__(folder)
        self._number = {name: number for number, name in enumerate(categories, 1)}
        self._categories = [
            {"id": number, "name": name, "supercategory": ""}
            for name, number in self._number.items()
        ]
        self._annotations: list[tuple[int, int, int, int]] = []
        self._n_images = 0
        self._write('{"info": {"description": "curate export"}, "images": [')

    def add(self, name: Path, *, width: int, height: int, label: str | None) -> None:
        """Add an image of so many pixels."""
        self._n_images += 1
        row = {"id": self._n_images, "file_name": name.as_posix(), "width": width, "height": height}
        self._item(_json(row))
        if label is not None:
            self._annotations.append((self._n_images, self._number[label], width, height))

    def _close(self) -> None:
        self._write('\n], "annotations": [')
        self._is_first = True
        for number, (image, category, width, height) in enumerate(self._annotations, 1):
            row = {
                "id": number,
                "image_id": image,
                "category_id": category,
                "bbox": [0, 0, width, height],
                "area": width * height,
                "iscrowd": 0,
            }
            self._item(_json(row))
        self._write(f'\n], "categories": {_json(self._categories)}}}\n')


class FiftyOneListing(_Listing):
    """The ``FiftyOneImageClassificationDataset`` of FiftyOne: labels by path without its ending."""

    def __init__(self, folder: Path) -> None:
        """Begin a list."""
        super().__init__(folder)
        self._write('{"labels": {')

    def add(self, name: Path, *, label: str | None) -> None:
        """Add an image."""
        self._item(f"{_json(name.with_suffix('').as_posix())}: {_json(label)}")

    def _close(self) -> None:
        self._write("\n}}\n")


def _json(value: Any) -> str:  # noqa: ANN401 - whatever JSON can hold
    return json.dumps(value, ensure_ascii=False)
