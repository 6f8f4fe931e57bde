"""YOLO's layout: images, a text file of boxes for each, and ``data.yaml``."""

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from curate.choices import ExportAs
from curate.exporters.base import BoxedObject, Exporter, Item
from curate.exporters.class_numbers import ClassNumbers, renumber
from curate.exporters.files import make_symlink

IMAGES, LABELS = "images", "labels"


class YoloExporter(Exporter, form=ExportAs.YOLO):
    """Linked images, in a folder for each split, with boxes or outlines as shares of the image.

    YOLO's outline is one polygon. Where an object of an image has such a one, the others of it are
    written as polygons, too: their boxes, if they have none or several.

    Classes are numbered from 0 in the order that they came in, those of another YOLO as they were;
    others follow.
    """

    columns = ("objects", "boxes", "width", "height")
    optional_columns = ("split", "details")
    needs_unique_stems = True
    left_out_folder = IMAGES
    takes_classes = True
    needs_objects = True

    def __init__(
        self, folder: Path, resources: ExitStack, classes: Mapping[str, int] | None = None
    ) -> None:
        """Begin without an image.

        Args:
            folder: Where they go.
            resources: Unused; each file is closed when it is written.
            classes: Numbers that classes had.
        """
        super().__init__(folder, resources)
        self._numbers = ClassNumbers(renumber(classes or {}, first=0), first=0)
        self._folders: dict[str, str] = {}

    def add(self, item: Item) -> None:
        """Link one image and write its boxes; without objects the file is empty."""
        inner = Path(item.split) if item.split is not None else Path()
        self._folders[item.split or "train"] = (Path(IMAGES) / inner).as_posix()
        make_symlink(item.local_file, self.folder / IMAGES / inner / item.place)
        target = (self.folder / LABELS / inner / item.place).with_suffix(".txt")
        target.parent.mkdir(parents=True, exist_ok=True)
        objects = item.objects or []
        has_outlines = any(_find_polygon(one) for one in objects)
        lines = []
        for one in objects:
            values = (_find_polygon(one) or _list_corners(one)) if has_outlines else _center(one)
            shares = (value / (item.width, item.height)[n % 2] for n, value in enumerate(values))
            numbers = " ".join(f"{share:.6f}" for share in shares)
            lines.append(f"{self._numbers[one.name]} {numbers}\n")
        target.write_text("".join(lines))

    def close(self) -> None:
        """Write ``data.yaml``; a training needs ``train`` and ``val``, be they the same."""
        import yaml

        any_folder = next(iter(self._folders.values()), IMAGES)
        train = self._folders.get("train", any_folder)
        facts = {"train": train, "val": self._folders.get("val", train)} | self._folders
        content = {"path": ".", **facts, "names": self._numbers.by_number()}
        text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
        (self.folder / "data.yaml").write_text(text, encoding="utf-8")


def _find_polygon(one: BoxedObject) -> list[float] | None:
    """Return x and y of the corners of an outline of one polygon, in px; else None."""
    outline = one.details.get("segmentation")
    if not isinstance(outline, list) or len(outline) != 1:
        return None
    sides = outline[0]
    if not isinstance(sides, list) or len(sides) < 6:
        return None
    return sides if all(isinstance(side, int | float) for side in sides) else None


def _list_corners(one: BoxedObject) -> tuple[float, ...]:
    """Return x and y of the corners of a box, in px."""
    left, top, width, height = one.box
    right, bottom = left + width, top + height
    return left, top, right, top, right, bottom, left, bottom


def _center(one: BoxedObject) -> tuple[float, ...]:
    """Return middle and size of a box, in px."""
    left, top, width, height = one.box
    return left + width / 2, top + height / 2, width, height
