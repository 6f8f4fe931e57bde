"""Where tools keep the annotations of an image, by its name."""

from pathlib import Path

TWIN_FOLDERS = {"images": ("labels", (".txt",)), "JPEGImages": ("Annotations", (".xml",))}
"""YOLO and VOC keep annotations in a tree beside that of the images, of the same inner paths."""


def twin_places(image: Path) -> list[Path]:
    """Return where the annotations of an image would lie in a tree beside that of the images.

    >>> [str(place) for place in twin_places(Path("a/images/train/b.jpg"))]
    ['a/labels/train/b.txt']
    """
    places = []
    for folder, (twin, endings) in TWIN_FOLDERS.items():
        parts = image.parts
        if folder in parts[:-1]:
            at = len(parts) - 2 - parts[-2::-1].index(folder)
            other = Path(*parts[:at], twin, *parts[at + 1 :])
            places += [other.with_name(f"{image.stem}{end}") for end in endings]
    return places


def yolo_places(image: Path) -> list[Path]:
    """Return where YOLO looks for the boxes of an image, the likeliest first."""
    beside = image.with_name(f"{image.stem}.txt")
    return [place for place in twin_places(image) if place.suffix == ".txt"] + [beside]


def voc_places(image: Path, folder: Path, path: str) -> list[Path]:
    """Return where the annotation of an image may lie below a folder of VOC.

    Args:
        image: The image.
        folder: Of the annotations, or that around it.
        path: Of the image, from its source on.
    """
    name = f"{image.stem}.xml"
    parts = Path(path).parent.parts
    folders = [folder / "Annotations", folder]
    inner = [Path(*parts[start:]) for start in range(len(parts) + 1)]
    twins = [place for place in twin_places(image) if place.suffix == ".xml"]
    return [one / place / name for one in folders for place in inner] + twins
