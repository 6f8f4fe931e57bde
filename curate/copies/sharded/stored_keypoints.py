"""The keypoints of all images for workers: the files of the cache, as they are."""

from pathlib import Path

from curate.copies.cache.arrays import list_shards
from curate.copies.cache.keypoint_store import KeypointStore
from curate.engine.base import SharedFile
from curate.engine.sharing import share_files
from curate.engine.store import SharedStore, digest_of
from curate.engine.worker_files import WorkerFiles
from curate.errors import InputError

_FOLDER = "keypoints"
_CHECKSUM_BYTES = 4


def share_keypoints(store: SharedStore, cache: Path) -> tuple[SharedFile, ...]:
    """Return the keypoints of a cache as a shared store has them.

    Raises:
        CurateError: The store cannot be written.
    """
    tables = list_shards(cache, "keypoints")
    paths = [*tables, cache / "keypoints.bin"]
    return share_files(store, {f"{_FOLDER}/{path.name}": path for path in paths})


def identify_keypoints(cache: Path) -> str:
    """Return what tells these keypoints, in this order, from all others."""
    parts = []
    for path in list_shards(cache, "keypoints"):  # each ends with the checksum of all before
        with path.open("rb") as file:
            file.seek(-_CHECKSUM_BYTES, 2)
            parts.append(f"{path.name} {file.read().hex()}")
    return digest_of("\n".join(parts).encode())


def open_shared_keypoints(files: WorkerFiles) -> KeypointStore:
    """Return the keypoints on the machine of a worker.

    Raises:
        InputError: They did not come as they were.
    """
    for name in files.list_names(f"{_FOLDER}/"):
        files.fetch(name)
    store = KeypointStore(files.folder / _FOLDER, is_writer=False)
    if store.was_damaged:
        raise InputError("the shared keypoints are damaged", hint="start the command again")
    return store
