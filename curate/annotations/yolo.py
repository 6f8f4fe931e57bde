"""YOLO's layout: ``data.yaml`` names the classes, a text file beside each image has its boxes."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from curate.annotations.base import AskedImages, FoundObjects, Labelled, gather_labels
from curate.annotations.places import yolo_places
from curate.errors import InputError, first_line

Numbers = tuple[int, float, float, float, float]
"""Class, then left, top, width and height as shares of the image."""

_SPACE = re.compile(r"[\s,]+")


class YoloLabels:
    """The text files that belong to a ``data.yaml``."""

    def __init__(self, file: Path) -> None:
        """Read the names of the classes.

        Raises:
            InputError: It is no such file.
        """
        self._file = file
        facts = _read_yaml(file)
        names = facts.get("names")
        if isinstance(names, list):
            names = dict(enumerate(names))
        if not isinstance(names, dict) or not names:
            raise InputError(f"{file} has no names", hint="it needs a line such as names: [cat]")
        try:
            self._names = {int(number): str(name) for number, name in names.items()}
        except (TypeError, ValueError):
            raise InputError(
                f"{file} numbers its classes with {next(iter(names))!r}",
                hint="classes are numbered from 0",
            ) from None
        self._has_keypoints = facts.get("kpt_shape") is not None

    def read(self, images: AskedImages) -> Labelled:
        """Return the objects in the images.

        Raises:
            InputError: None of them has a text file.
        """
        rows: list[int] = []
        classes: list[str] = []
        boxes: list[Sequence[float]] = []
        is_known = np.zeros(len(images), np.bool_)
        n_damaged, n_sizeless = 0, 0
        sizes = zip(images.width, images.height, strict=True)
        for number, (path, (width, height)) in enumerate(zip(images.path, sizes, strict=True)):
            text = _read_beside(images.locate(path.as_py()))
            if text is None:
                continue
            if not (width.is_valid and height.is_valid):
                n_sizeless += 1
                continue
            is_known[number] = True
            for line in filter(str.strip, text.splitlines()):
                found = parse_line(line, has_keypoints=self._has_keypoints)
                if found is None or found[0] not in self._names:
                    n_damaged += 1
                    continue
                rows.append(number)
                classes.append(self._names[found[0]])
                w, h = width.as_py(), height.as_py()
                boxes.append((found[1] * w, found[2] * h, found[3] * w, found[4] * h))
        if not is_known.any() and n_sizeless == 0:
            raise InputError(
                f"no image has a text file of boxes, such as "
                f"{yolo_places(images.locate(images.path[0].as_py()))[0]}",
                hint=f"they lie in a folder labels beside that of the images of {self._file}",
            )
        notes = [f"{n_damaged:,} lines of boxes cannot be used"] if n_damaged else []
        if n_sizeless:
            notes.append(f"{n_sizeless:,} images with boxes cannot be read")
        return gather_labels(
            FoundObjects(
                row=np.array(rows, np.int64),
                name=pa.array(classes, pa.string()),
                box=np.array(boxes, np.float32).reshape(-1, 4),
            ),
            is_known,
            classes={name: number for number, name in self._names.items()},
            notes=notes,
        )


def parse_line(line: str, *, has_keypoints: bool = False) -> Numbers | None:
    """Return class and box of a line of YOLO: a box, or an outline, whose box it is.

    Args:
        line: Class, then middle and size, or corners, as shares of the image.
        has_keypoints: Whether points follow the box.

    Returns:
        None where the line is none.
    """
    try:
        kind, *values = (float(word) for word in _SPACE.split(line.strip()))
    except ValueError:
        return None
    if not kind.is_integer() or not np.isfinite(values).all():
        return None
    if len(values) in (4, 5) or (has_keypoints and len(values) > 4):
        x, y, width, height = values[:4]
        return int(kind), x - width / 2, y - height / 2, width, height
    if len(values) < 6 or len(values) % 2:
        return None
    xs, ys = values[::2], values[1::2]
    return int(kind), min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)


def _read_beside(image: Path) -> str | None:
    for place in yolo_places(image):
        try:
            return place.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
    return None


def _read_yaml(file: Path) -> Mapping[str, Any]:
    import yaml

    try:
        facts = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{file} cannot be read: {first_line(error)}", hint="name YOLO's data.yaml"
        ) from None
    return facts if isinstance(facts, dict) else {}


def list_label_folders(file: Path) -> Iterator[Path]:
    """Yield the folders of boxes that lie beside a ``data.yaml``, or one folder further.

    Args:
        file: The ``data.yaml``.
    """
    for pattern in ("labels", "*/labels"):
        yield from sorted(folder for folder in file.parent.glob(pattern) if folder.is_dir())
