"""WebDataset: tar archives, in shards, that training reads from start to end."""

import io
import json
import tarfile
from contextlib import ExitStack
from pathlib import Path

from curate.choices import ExportAs
from curate.exporters.base import Exporter, Item
from curate.exporters.paths import shorten_name
from curate.exporters.shards import DEFAULT_SHARDS, ShardParams, Shards
from curate.images.formats import EXTENSIONS, RAW_EXTENSIONS, ending_of

_LABEL, _OBJECTS = ".cls.txt", ".json"


class WebDatasetExporter(Exporter, form=ExportAs.TAR):
    """Tar shards whose members of one key, image, label and objects, are one sample."""

    columns = ("label",)
    optional_columns = ("format", "objects", "boxes", "details")
    writes_content = True

    def __init__(
        self, folder: Path, resources: ExitStack, params: ShardParams = DEFAULT_SHARDS
    ) -> None:
        """Begin without a shard.

        Args:
            folder: Where the shards go.
            resources: Closes the last shard.
            params: How large a shard is.
        """
        super().__init__(folder, resources)
        self._shards: Shards[tarfile.TarFile] = Shards(
            folder, ".tar", resources, max_bytes=params.max_bytes
        )
        self._n_samples = 0

    def add(self, item: Item) -> None:
        """Add a sample; its key has no dot, since WebDataset takes what follows for the ending."""
        stem, ending = _split_name(item)
        key = shorten_name(f"{self._n_samples:08d}-{stem.replace('.', '_')}", ending=_LABEL)
        members = {f"{key}{ending}": item.payload}
        if item.label is not None:
            members[f"{key}{_LABEL}"] = item.label.encode()
        objects = item.objects
        if objects is not None:
            boxes = [{**one.details, "name": one.name, "box": one.box} for one in objects]
            members[f"{key}{_OBJECTS}"] = json.dumps({"objects": boxes}).encode()
        archive = self._shards.writer(_create_tar)
        for name, content in members.items():
            header = tarfile.TarInfo(name)
            header.size = len(content)
            archive.addfile(header, io.BytesIO(content))
            self._shards.count(len(content))
        self._n_samples += 1


def _split_name(item: Item) -> tuple[str, str]:
    """Return the name of an image without its ending, and the ending, by which loaders decode.

    An ending that no image has is part of the name, and the format says which one there is.
    """
    ending = item.place.suffix.lower()
    if ending in EXTENSIONS | RAW_EXTENSIONS or item.format is None:
        return item.place.stem, ending
    return item.place.name, ending_of(item.format)


def _create_tar(path: Path) -> tarfile.TarFile:
    return tarfile.open(path, "w")
