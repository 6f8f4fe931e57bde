"""Finding keypoints, here or on an engine."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from curate.copies.cache.keypoint_store import ExtractedKeypoints
from curate.copies.cache.version import CACHE_VERSION
from curate.copies.candidates.thumbnails import THUMBNAIL_SIDE, make_thumbnail
from curate.copies.records import Pixels
from curate.copies.sharded.helpers import Helpers
from curate.copies.verification.keypoints import RECORD, extract_keypoints, make_working_copy
from curate.engine.base import Failure, Task
from curate.engine.worker_files import WorkerFiles
from curate.parallel import ordered_map
from curate.workspace.shared_pixels import open_shared_pixels

_SHARD = 256  # images
_BATCH = 32  # images read at a time
_THUMBNAIL = (THUMBNAIL_SIDE, THUMBNAIL_SIDE)


def extract_from(pixels: Sequence[Pixels]) -> list[ExtractedKeypoints]:
    """Return the keypoints of cached images, (h, w, 3) uint8 each."""
    greys = [make_working_copy(image) for image in pixels]
    return [
        ExtractedKeypoints(
            shape=grey.shape,
            records=extract_keypoints(grey),
            thumbnail=make_thumbnail(grey),
        )
        for grey in greys
    ]


def extract_on(
    helpers: Helpers, content_hashes: Sequence[str]
) -> Iterator[list[ExtractedKeypoints | Failure]]:
    """Yield the keypoints of images, or why a worker has none, in order, some hundreds at a time.

    Raises:
        ResourceError: The engine cannot go on.
    """
    task = Task(
        opener="curate.copies.sharded.keypoints:open_worker",
        settings={"cache_version": CACHE_VERSION},
        files=helpers.pixels,
    )
    shards = (
        pa.table({"hash": pa.array(content_hashes[start : start + _SHARD], pa.string())})
        for start in range(0, len(content_hashes), _SHARD)
    )
    for result in helpers.engine.map_shards(task, shards):
        rows = iter(result.rows.to_pylist())
        yield [
            result.failed[number] if number in result.failed else _read_row(next(rows))
            for number in range(len(result.items))
        ]
    helpers.engine.barrier()


def _read_row(row: Mapping[str, Any]) -> ExtractedKeypoints:
    return ExtractedKeypoints(
        shape=(row["rows"], row["columns"]),
        records=np.frombuffer(row["records"], RECORD),
        thumbnail=np.frombuffer(row["thumbnail"], np.uint8).reshape(_THUMBNAIL),
    )


def open_worker(settings: Mapping[str, Any], files: WorkerFiles) -> "_KeypointWorker":
    """Return a worker that reads the shared pixels."""
    del settings
    return _KeypointWorker(files)


class _KeypointWorker:
    def __init__(self, files: WorkerFiles) -> None:
        self._pixels = open_shared_pixels(files)

    def work(self, items: pa.Table) -> pa.Table:
        """Return the keypoints of images."""
        names = items["hash"].to_pylist()
        blocks = [names[start : start + _BATCH] for start in range(0, len(names), _BATCH)]
        found = [
            one
            for block in ordered_map(lambda block: extract_from(self._pixels.read(block)), blocks)
            for one in block
        ]
        return pa.table(
            {
                "rows": pa.array([one.shape[0] for one in found], pa.int32()),
                "columns": pa.array([one.shape[1] for one in found], pa.int32()),
                "records": pa.array([one.records.tobytes() for one in found], pa.binary()),
                "thumbnail": pa.array([one.thumbnail.tobytes() for one in found], pa.binary()),
            }
        )
