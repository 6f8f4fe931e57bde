"""Files that say something of an image and lie where tools look for them by its name."""

import os
from collections.abc import Iterator
from pathlib import Path

from curate.annotations.places import twin_places

ENDINGS = (".txt", ".json", ".xml", ".xmp")


def find_sidecars(image: Path) -> list[Path]:
    """Return the sidecar files of an image that are there, sorted.

    They are those of its stem (``a.txt`` of ``a.jpg``) or of its name (``a.jpg.json``), beside it
    or in the tree of annotations that YOLO or VOC have beside theirs.
    """
    places = [
        image.with_name(f"{name}{end}") for name in (image.stem, image.name) for end in ENDINGS
    ]
    places += twin_places(image)
    return sorted({place for place in places if place != image and _is_file(place)})


def serves_another(sidecar: Path, image: Path) -> bool:
    """Return whether a sidecar belongs to a file that is still there beside the image's place.

    ``a.txt`` is of ``a.jpg`` and of ``a.png``; it goes with the last of them.
    """
    if sidecar.stem == image.name:
        return False
    return any(_others(image))


def _others(image: Path) -> Iterator[str]:
    """Yield the names beside an image that share its stem and are no sidecars."""
    with os.scandir(image.parent) as entries:
        for entry in entries:
            stem, ending = os.path.splitext(entry.name)  # noqa: PTH122 - a name, not a path
            is_sidecar = ending.lower() in ENDINGS
            if stem == image.stem and not is_sidecar and entry.name != image.name:
                yield entry.name


def _is_file(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()
