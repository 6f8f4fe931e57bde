"""YOLO's layout: ``data.yaml`` names the classes, a text file beside each image has its boxes."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from curate.amounts import count_of
from curate.annotations.base import AskedImages, Labelled
from curate.annotations.coco import to_details
from curate.annotations.object_files import ObjectCollector, ReadObject, list_images
from curate.annotations.places import yolo_places
from curate.errors import InputError, first_line

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
        self._n_dimensions = _read_dimensions(facts.get("kpt_shape"))

    def read(self, images: AskedImages) -> Labelled:
        """Return the objects in the images.

        Raises:
            InputError: None of them has a text file.
        """
        found = ObjectCollector(len(images))
        n_damaged, n_sizeless = 0, 0
        for image in list_images(images):
            text = _read_beside(image.file)
            if text is None:
                continue
            if image.size is None:
                n_sizeless += 1
                continue
            lines = [line for line in text.splitlines() if line.strip()]
            objects = [self._read_line(line, image.size) for line in lines]
            found.add(image, filter(None, objects))
            n_damaged += objects.count(None)
        if found.is_empty and n_sizeless == 0:
            raise InputError(
                f"no image has a text file of boxes, such as "
                f"{yolo_places(images.locate(images.path[0].as_py()))[0]}",
                hint=f"they lie in a folder labels beside that of the images of {self._file}",
            )
        unusable = count_of(n_damaged, "line of boxes", "lines of boxes")
        notes = [f"{unusable} cannot be used"] if n_damaged else []
        if n_sizeless:
            pictures = count_of(n_sizeless, "image with boxes", "images with boxes")
            notes.append(f"{pictures} cannot be read")
        return found.gather(
            classes={name: number for number, name in self._names.items()}, notes=notes
        )

    def _read_line(self, line: str, size: tuple[int, int]) -> ReadObject | None:
        """Return the object of a line, in px; None where the line is none."""
        read = parse_line(line, n_dimensions=self._n_dimensions)
        if read is None or read.number not in self._names:
            return None
        width, height = size
        details: dict[str, Any] = {}
        if read.outline:
            details["segmentation"] = [_round_px(read.outline, (width, height))]
        if read.keypoints:
            points = _round_px(read.keypoints, (width, height, 1))
            details |= {"keypoints": points, "num_keypoints": sum(v > 0 for v in points[2::3])}
        left, top, across, down = read.box
        return ReadObject(
            name=self._names[read.number],
            box=(left * width, top * height, across * width, down * height),
            details=to_details(details),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """A line of YOLO; all places are shares of the image.

    Attributes:
        number: Of the class.
        box: Left, top, width and height.
        outline: x and y of each corner, one after the other; empty where only a box is known.
        keypoints: x, y and visibility of each, as COCO has it: 0 unknown, 1 hidden, 2 seen.
    """

    number: int
    box: tuple[float, float, float, float]
    outline: tuple[float, ...] = ()
    keypoints: tuple[float, ...] = ()


def parse_line(line: str, *, n_dimensions: int = 0) -> Line | None:
    """Return what a line of YOLO says: a box, a box and keypoints, or an outline.

    Args:
        line: Class, then middle and size, or corners, as shares of the image.
        n_dimensions: Numbers of each keypoint after the box: 2 or 3; 0 where there are none.

    Returns:
        None where the line is none.
    """
    try:
        kind, *values = (float(word) for word in _SPACE.split(line.strip()))
    except ValueError:
        return None
    if not kind.is_integer() or not np.isfinite(values).all():
        return None
    number = int(kind)
    if len(values) in (4, 5) or (n_dimensions and len(values) > 4):
        x, y, width, height, *points = values
        box = (x - width / 2, y - height / 2, width, height)
        return Line(number=number, box=box, keypoints=_read_points(points, n_dimensions))
    if len(values) < 6 or len(values) % 2:
        return None
    xs, ys = values[::2], values[1::2]
    box = (min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys))
    return Line(number=number, box=box, outline=tuple(values))


def _read_points(values: Sequence[float], n_dimensions: int) -> tuple[float, ...]:
    """Return keypoints of 2 or 3 numbers each with 3; of 2 numbers, those at 0, 0 are unknown."""
    if n_dimensions == 0 or len(values) % n_dimensions:
        return ()
    points = np.reshape(values, (-1, n_dimensions))
    if n_dimensions == 2:
        points = np.append(points, np.where(points.any(axis=1), 2, 0)[:, None], axis=1)
    return tuple(points.ravel().tolist())


def _round_px(shares: Sequence[float], sizes: tuple[int, ...]) -> list[float]:
    """Return shares of the image in px, two decimals, as whole numbers where they are."""
    values = (share * sizes[place % len(sizes)] for place, share in enumerate(shares))
    return [int(value) if value.is_integer() else round(value, 2) for value in values]


def _read_beside(image: Path) -> str | None:
    for place in yolo_places(image):
        try:
            return place.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
    return None


def _read_dimensions(shape: object) -> int:
    """Return the numbers that each keypoint has, 2 or 3; 0 where there are none."""
    if isinstance(shape, list) and len(shape) == 2 and shape[1] in (2, 3):
        return int(shape[1])
    return 0


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
