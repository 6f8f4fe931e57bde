"""The pixel cache of a workspace for workers: its tables at once, its images as they are read."""

from pathlib import Path

from curate.engine.base import SharedFile
from curate.engine.sharing import share_files
from curate.engine.store import SharedStore
from curate.engine.worker_files import WorkerFiles
from curate.workspace.pixel_cache import PixelCache
from curate.workspace.pixel_shards import list_shards
from curate.workspace.workspace import Workspace

_FOLDER = "pixels"


def share_pixels(store: SharedStore, workspace: Workspace) -> tuple[SharedFile, ...]:
    """Return the shards of the pixel cache as a shared store has them.

    Raises:
        CurateError: The store cannot be written.
    """
    tables = list_shards(workspace.pixels)
    paths = [*tables, *(table.with_suffix(".bin") for table in tables)]
    return share_files(store, {f"{_FOLDER}/{one.name}": one for one in paths}, is_kept=True)


def open_shared_pixels(files: WorkerFiles) -> PixelCache:
    """Return the pixel cache on the machine of a worker.

    Raises:
        CurateError: The shared store cannot be read.
    """
    for name in files.list_names(f"{_FOLDER}/"):
        if name.endswith(".parquet"):
            files.fetch(name)

    def fetch(path: Path) -> None:
        files.fetch(f"{_FOLDER}/{path.name}")

    return PixelCache(files.folder / _FOLDER, fetch=fetch)
