"""WebDataset: tar archives, in shards, that training reads from start to end."""

import io
import tarfile
from contextlib import ExitStack
from pathlib import Path

from curate.choices import ExportAs
from curate.exporters.base import Exporter, Item
from curate.exporters.shards import DEFAULT_SHARDS, ShardParams, Shards


class WebDatasetExporter(Exporter, form=ExportAs.TAR):
    """Tar shards whose members of one key, image and label, are one sample."""

    columns = ("label",)

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
        image, label = item.file.read_bytes(), item.label
        key = f"{self._n_samples:08d}-{item.place.stem.replace('.', '_')}"
        members = {f"{key}{item.place.suffix.lower()}": image}
        if label is not None:
            members[f"{key}.cls.txt"] = label.encode()
        archive = self._shards.writer(_create_tar)
        for name, content in members.items():
            header = tarfile.TarInfo(name)
            header.size = len(content)
            archive.addfile(header, io.BytesIO(content))
            self._shards.count(len(content))
        self._n_samples += 1


def _create_tar(path: Path) -> tarfile.TarFile:
    return tarfile.open(path, "w")
