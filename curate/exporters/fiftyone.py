"""FiftyOne's format of labelled images, ``FiftyOneImageClassificationDataset``."""

from contextlib import ExitStack
from pathlib import Path

from curate.choices import ExportAs
from curate.exporters.base import Exporter, Item
from curate.exporters.files import make_symlink
from curate.exporters.labels_json import DATA, LabelsJson, to_json


class FiftyOneExporter(Exporter, form=ExportAs.FIFTYONE):
    """Linked images with labels by path without its ending, so that no two may share one."""

    columns = ("label",)
    needs_unique_stems = True

    def __init__(self, folder: Path, resources: ExitStack) -> None:
        """Begin the list of labels."""
        super().__init__(folder, resources)
        self._json = LabelsJson(folder, resources)
        self._json.start_list('{"labels": {')

    def add(self, item: Item) -> None:
        """Link and label one image."""
        key = item.place.with_suffix("").as_posix()
        self._json.add_item(f"{to_json(key)}: {to_json(item.label)}")
        make_symlink(item.local_file, self.folder / DATA / item.place)

    def close(self) -> None:
        """End the list of labels."""
        self._json.end("\n}}")
