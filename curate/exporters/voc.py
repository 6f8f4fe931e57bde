"""Pascal VOC's layout (Everingham et al. 2010): images, a file of XML for each, lists of splits."""

import os
from contextlib import ExitStack
from pathlib import Path
from xml.etree import ElementTree as ET

from curate.choices import ExportAs
from curate.exporters.base import BoxedObject, Exporter, Item
from curate.exporters.files import make_symlink
from curate.sources.names import escape

IMAGES, ANNOTATIONS, LISTS = "JPEGImages", "Annotations", "ImageSets/Main"


class VocExporter(Exporter, form=ExportAs.VOC):
    """Linked images, their objects as XML, and a list of the images of each split."""

    columns = ("objects", "boxes", "width", "height")
    optional_columns = ("split",)
    needs_unique_stems = True
    left_out_folder = IMAGES
    needs_objects = True

    def __init__(self, folder: Path, resources: ExitStack) -> None:
        """Make the folder of lists."""
        super().__init__(folder, resources)
        (folder / LISTS).mkdir(parents=True)

    def add(self, item: Item) -> None:
        """Link one image, describe it and list it."""
        make_symlink(item.local_file, self.folder / IMAGES / item.place)
        target = (self.folder / ANNOTATIONS / item.place).with_suffix(".xml")
        target.parent.mkdir(parents=True, exist_ok=True)
        tree = ET.ElementTree(_describe(item))
        ET.indent(tree)
        tree.write(target, encoding="utf-8")
        name = (item.split or "train").replace("/", "_")
        with (self.folder / LISTS / f"{name}.txt").open("ab") as file:
            file.write(os.fsencode(item.place.with_suffix("")) + b"\n")


def _describe(item: Item) -> ET.Element:
    root = ET.Element("annotation")
    _add(root, "folder", IMAGES)
    _add(root, "filename", escape(os.fsencode(item.place)))
    size = ET.SubElement(root, "size")
    for name, value in (("width", item.width), ("height", item.height), ("depth", 3)):
        _add(size, name, str(value))
    for one in item.objects or []:
        root.append(_describe_object(one))
    return root


def _describe_object(one: BoxedObject) -> ET.Element:
    element = ET.Element("object")
    for name, text in (("name", one.name), ("truncated", "0"), ("difficult", "0")):
        _add(element, name, text)
    left, top, width, height = one.box
    box = ET.SubElement(element, "bndbox")
    sides = {"xmin": left, "ymin": top, "xmax": left + width, "ymax": top + height}
    for name, value in sides.items():
        _add(box, name, f"{value:.2f}".rstrip("0").rstrip("."))
    return element


def _add(parent: ET.Element, name: str, text: str) -> None:
    ET.SubElement(parent, name).text = text
