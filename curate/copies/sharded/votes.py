"""Candidates by keypoints on an engine: blocks of images vote, each with the whole index."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa

from curate.copies.cache.arrays import read_arrays, sum_file, write_arrays
from curate.copies.cache.version import CACHE_VERSION
from curate.copies.candidates.ann_index import DescriptorIndex
from curate.copies.candidates.from_keypoints import Ints, KeypointIndex, locate_in, vote
from curate.copies.candidates.pairs import Candidates
from curate.copies.sharded.helpers import Helpers
from curate.copies.sharded.stored_keypoints import (
    identify_keypoints,
    open_shared_keypoints,
    share_keypoints,
)
from curate.engine.base import Task
from curate.engine.sharing import share_files
from curate.engine.worker_files import WorkerFiles
from curate.errors import InputError, ResourceError

_LISTS, _ARRAYS = "index/lists.faiss", "index/arrays.npz"


class VoteOn:
    """Has blocks of images vote on an engine."""

    def __init__(self, helpers: Helpers, cache: Path) -> None:
        """Use the keypoints of a cache, which must all be there."""
        self._helpers, self._cache = helpers, cache

    def __call__(
        self, index: KeypointIndex, order: Ints, blocks: Sequence[Ints], n_neighbors: int
    ) -> Iterator[Candidates]:
        """Yield the pairs that each block of images votes for.

        Args:
            index: The keypoints of all images.
            order: (S,) int64, the images in the order in which the index has them.
            blocks: Images that vote.
            n_neighbors: Keypoints of the index that each one votes for.

        Raises:
            ResourceError: A block fails, or the engine cannot go on.
        """
        store = self._helpers.engine.store
        with TemporaryDirectory(prefix="curate-") as scratch:
            lists, arrays = Path(scratch) / "lists.faiss", Path(scratch) / "arrays.npz"
            index.lists.write(lists)
            write_arrays(arrays, mean=index.mean, axes=index.axes, order=order)
            task = Task(
                opener="curate.copies.sharded.votes:open_worker",
                settings={
                    "cache_version": CACHE_VERSION,
                    "keypoints": identify_keypoints(self._cache),
                    "lists": sum_file(lists),
                    "arrays": sum_file(arrays),
                    "n_neighbors": n_neighbors,
                },
                files=(
                    *share_keypoints(store, self._cache),
                    *share_files(store, {_LISTS: lists, _ARRAYS: arrays}),
                ),
            )
        shards = (pa.table({"slot": block}) for block in blocks)
        for result in self._helpers.engine.map_with_worker(task, shards):
            for failure in result.failed.values():
                raise ResourceError(
                    f"candidates cannot be found: {failure.reason}",
                    hint="give the workers more memory, or leave out --cluster",
                )
            columns = {name: _numbers(result.rows[name]) for name in ("a", "b", "method")}
            yield Candidates(**columns)
        self._helpers.engine.barrier()


def open_worker(settings: Mapping[str, Any], files: WorkerFiles) -> "_VoteWorker":
    """Return a worker that holds the index.

    Raises:
        InputError: It did not come as it was.
    """
    arrays = read_arrays(files.fetch(_ARRAYS))
    lists = DescriptorIndex.read(files.fetch(_LISTS))
    if arrays is None or lists is None:
        raise InputError("the shared index is damaged", hint="start the command again")
    index = KeypointIndex(
        mean=arrays["mean"].astype(np.float32), axes=arrays["axes"].astype(np.float32), lists=lists
    )
    return _VoteWorker(files, index, arrays["order"].astype(np.int64), settings["n_neighbors"])


class _VoteWorker:
    def __init__(
        self, files: WorkerFiles, index: KeypointIndex, order: Ints, n_neighbors: int
    ) -> None:
        self._keypoints = open_shared_keypoints(files).keypoints
        self._index, self._n_neighbors = index, n_neighbors
        self._locate = locate_in(self._keypoints, order)

    def work(self, items: pa.Table) -> pa.Table:
        """Return the pairs that images vote for."""
        block = _numbers(items["slot"])
        pairs = vote(self._keypoints, block, self._index, self._locate, self._n_neighbors)
        return pa.table({"a": pairs.a, "b": pairs.b, "method": pairs.method})


def _numbers(column: pa.ChunkedArray) -> Ints:
    return np.asarray(column.to_numpy(), np.int64)
