"""Pascal VOC's layout (Everingham et al. 2010): a file of XML for each image."""

from pathlib import Path
from xml.etree import ElementTree as ET

from curate.annotations.base import AskedImages, Labelled
from curate.annotations.coco import describe_other_sizes
from curate.annotations.object_files import ObjectCollector, ReadObject, list_images
from curate.annotations.places import voc_places
from curate.errors import InputError

MOST_BYTES = 16 << 20
"""A larger file is none of VOC."""

Object = tuple[str, tuple[float, float, float, float]]
"""Class, and left, top, width and height in px, as they stand there."""


class VocLabels:
    """The XML files below a folder."""

    def __init__(self, folder: Path) -> None:
        """Name the folder of annotations, or that around it."""
        self._folder = folder

    def read(self, images: AskedImages) -> Labelled:
        """Return the objects in the images.

        Raises:
            InputError: None of them has a file.
        """
        found = ObjectCollector(len(images))
        n_damaged, n_other = 0, 0
        for image in list_images(images):
            file = _find_file(image.file, self._folder, image.path)
            if file is None:
                continue
            read = read_objects(file)
            if read is None:
                n_damaged += 1
                continue
            objects, size = read
            found.add(image, (ReadObject(name=name, box=box) for name, box in objects))
            n_other += None not in (size, image.size) and size != image.size
        if found.is_empty:
            raise InputError(
                f"no image has an XML file below {self._folder}",
                hint="name the folder Annotations, whose files are named like the images",
            )
        notes = [f"{n_damaged:,} XML files cannot be used"] if n_damaged else []
        return found.gather(notes=[*notes, *describe_other_sizes(n_other)])


def read_objects(file: Path) -> tuple[list[Object], tuple[int, int] | None] | None:
    """Return the objects of a file of VOC and the size they were drawn on; None if it is none.

    Args:
        file: Of XML.
    """
    try:
        if file.stat().st_size > MOST_BYTES:
            return None
        root = ET.parse(file).getroot()
        objects = [found for one in root.iter("object") if (found := _read_object(one))]
        size = tuple(int(root.findtext(f"size/{side}") or 0) for side in ("width", "height"))
    except (ET.ParseError, OSError, ValueError):
        return None
    return objects, (size[0], size[1]) if all(size) else None


def _read_object(element: ET.Element) -> Object | None:
    name, box = element.findtext("name"), element.find("bndbox")
    if not name or box is None:
        return None
    left, top, right, bottom = (
        float(box.findtext(side) or "nan") for side in ("xmin", "ymin", "xmax", "ymax")
    )
    return name.strip(), (left, top, right - left, bottom - top)


def _find_file(image: Path, folder: Path, path: str) -> Path | None:
    return next((place for place in voc_places(image, folder, path) if place.is_file()), None)
