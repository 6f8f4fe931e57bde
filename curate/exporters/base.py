"""What all export formats share: the item, the exporter, and which class writes which format.

A new format is one value of ``curate.choices.ExportAs`` and one module in this folder with a class
that names it: ``class TarExporter(Exporter, form=ExportAs.TAR)``.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from math import isnan
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, ClassVar, Self

import pyarrow as pa

from curate.choices import ExportAs
from curate.errors import InputError
from curate.manifest.rows import Rows

_MEND = "mend the manifest, or leave the image out with --where"
_EXPORTERS: dict[ExportAs, type["Exporter"]] = {}
"""The class of each format; classes enter themselves when their module is imported."""


@dataclass(frozen=True, slots=True)
class BoxedObject:
    """An object in an image.

    Attributes:
        name: Its class.
        box: Left, top, width and height in px.
        details: What else is known of it, as COCO writes it.
    """

    name: str
    box: tuple[float, float, float, float]
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """One image to export.

    Attributes:
        file: The source file, which is not open; None where the image lies in an archive or
            elsewhere, and then there is its content.
        place: Where the image goes, relative to the folder of images.
        row: Its row of the manifest, of length 1, with the columns that the exporter reads.
        content: The bytes of the file, for formats that write them; else None.
        name: What people are told of.
    """

    file: Path | None
    place: Path
    row: pa.RecordBatch
    content: bytes | None = None
    name: str = ""

    @property
    def local_file(self) -> Path:
        """The source file, which formats that link it are given.

        Raises:
            ValueError: There is none.
        """
        if self.file is None:
            raise ValueError(f"the item of {self.name} was given without a file")
        return self.file

    @property
    def payload(self) -> bytes:
        """The content, which formats that write it are given.

        Raises:
            ValueError: There is none.
        """
        if self.content is None:
            raise ValueError(f"the item of {self.name} was given without its content")
        return self.content

    @property
    def label(self) -> str | None:
        """The label, or None for an image without one."""
        label: str | None = self._value("label")
        return label

    @property
    def split(self) -> str | None:
        """The split, or None where there is none."""
        return self._value("split") if "split" in self.row.schema.names else None

    @property
    def objects(self) -> list[BoxedObject] | None:
        """The objects in the image that have a box; None where nothing is known of them.

        Raises:
            InputError: One of them has a box and no class.
        """
        if not {"objects", "boxes"} <= set(self.row.schema.names):
            return None
        names, sides = self._value("objects"), self._value("boxes")
        if names is None or sides is None or len(sides) != 4 * len(names):
            return None
        boxes = zip(*[iter(sides)] * 4, strict=True)
        texts = self._value("details") if "details" in self.row.schema.names else None
        if texts is None or len(texts) != len(names):
            texts = [None] * len(names)
        found = [
            BoxedObject(name, box, _read_details(text))
            for name, box, text in zip(names, boxes, texts, strict=True)
            if not any(side is None or isnan(side) for side in box)
        ]
        if any(one.name is None for one in found):
            raise InputError(f"an object of {self.name} has a box and no class", hint=_MEND)
        return found

    @property
    def format(self) -> str | None:
        """The format of the file, or None where the manifest does not say it."""
        return self._value("format") if "format" in self.row.schema.names else None

    @property
    def width(self) -> int:
        """Pixels in a row.

        Raises:
            InputError: The manifest does not say it.
        """
        return self._side("width")

    @property
    def height(self) -> int:
        """Pixels in a column.

        Raises:
            InputError: The manifest does not say it.
        """
        return self._side("height")

    def _side(self, column: str) -> int:
        n_pixels: int | None = self._value(column)
        if n_pixels is None:
            raise InputError(f"the manifest has no {column} of {self.name}", hint=_MEND)
        return n_pixels

    def _value(self, column: str) -> Any:  # noqa: ANN401 - whatever the column holds
        return self.row.column(column)[0].as_py()


def _read_details(text: str | None) -> dict[str, Any]:
    """Return the details of an object; none where somebody else's column holds no such."""
    try:
        details = json.loads(text or "{}")
    except ValueError:
        return {}
    return details if isinstance(details, dict) else {}


class Exporter(ABC):
    """Writes images below a folder in one format.

    Attributes:
        columns: Columns of the manifest that ``add`` reads; None for all of them.
        optional_columns: Columns that it reads where the manifest has them.
        takes_labels: Whether it is given all labels, sorted, as ``labels``.
        needs_unique_stems: Whether two images may not differ in the ending of their place only.
        left_out_folder: Name of a folder that no place may have in it, as tools find annotations by
            it; None for none.
        takes_classes: Whether it is given the numbers that classes had where they came from.
        takes_class_facts: Whether it is given what else was said of classes there.
        needs_objects: Whether an image of whose objects nothing is known cannot be written.
        writes_content: Whether ``add`` writes the bytes of the file, which the item then holds.
    """

    columns: ClassVar[tuple[str, ...] | None] = ()
    optional_columns: ClassVar[tuple[str, ...]] = ()
    writes_content: ClassVar[bool] = False
    takes_labels: ClassVar[bool] = False
    needs_unique_stems: ClassVar[bool] = False
    left_out_folder: ClassVar[str | None] = None
    takes_classes: ClassVar[bool] = False
    takes_class_facts: ClassVar[bool] = False
    needs_objects: ClassVar[bool] = False

    def __init_subclass__(cls, *, form: ExportAs | None = None) -> None:
        """Enter the class as the one that writes ``form``."""
        super().__init_subclass__()
        if form is not None:
            _EXPORTERS[form] = cls

    def __init__(self, folder: Path, resources: ExitStack) -> None:
        """Start to write; use ``open``, which also closes.

        Args:
            folder: An empty folder.
            resources: Closes what stays open between two items, also after a failure.
        """
        self.folder = folder
        self.resources = resources

    @classmethod
    @contextmanager
    def open(cls, folder: Path, **settings: Any) -> Iterator[Self]:  # noqa: ANN401 - the format's
        """Give an exporter that writes below an empty folder; it is closed if the block succeeds.

        After a failure its files are closed as they are, without what ``close`` would write.

        Args:
            folder: An empty folder.
            settings: Further arguments of the class.
        """
        with ExitStack() as resources:
            exporter = cls(folder, resources, **settings)
            yield exporter
            exporter.close()

    @classmethod
    def check_rows(cls, rows: Rows, **settings: Any) -> None:  # noqa: ANN401 - the format's
        """Check that the format can hold all images, before the first is written.

        Args:
            rows: The images.
            settings: As `open` takes them.

        Raises:
            UsageError: It cannot.
        """
        del rows, settings

    @classmethod
    def rename_columns(cls, names: Sequence[str]) -> dict[str, str]:
        """Return the columns of a manifest that have another name here, each with that name.

        Args:
            names: Of all its columns.
        """
        return {}

    @abstractmethod
    def add(self, item: Item) -> None:
        """Write one image.

        Raises:
            UsageError: The format cannot be written here.
        """

    def close(self) -> None:  # noqa: B027 - most formats have nothing to do here
        """Write what belongs after the last image."""


def find_exporter(form: ExportAs) -> type[Exporter]:
    """Return the class that writes a format; the modules of this folder are imported for it."""
    for module in iter_modules([str(Path(__file__).parent)]):
        import_module(f"{__package__}.{module.name}")
    return _EXPORTERS[form]
