"""The keypoints of the images that have none yet, found here or on an engine, and kept."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import count

import numpy as np
from numpy.typing import NDArray

from curate.copies.cache.keypoint_store import ExtractedKeypoints, KeypointStore
from curate.copies.records import PixelReader
from curate.copies.sharded.helpers import Helpers
from curate.copies.sharded.keypoints import extract_from, extract_on
from curate.engine.base import Failure
from curate.manifest.text_column import TextColumn
from curate.parallel import ordered_map
from curate.progress import Progress, task
from curate.workspace.refusals import ImagesRefused, split_failures

_BATCH = 32  # images read at a time
_SHARD = 4096  # images whose keypoints are written at a time


class MissingKeypoints:
    """Finds the keypoints of images and adds them to a store."""

    def __init__(
        self,
        store: KeypointStore,
        pixels: PixelReader,
        helpers: Helpers | None,
        progress: Progress,
    ) -> None:
        """Find nothing yet.

        Args:
            store: Gets the keypoints.
            pixels: Where cached pixels come from.
            helpers: An engine that finds them; None for this process.
            progress: Hears how it gets on.
        """
        self._store, self._pixels = store, pixels
        self._helpers, self._progress = helpers, progress

    def extract(self, hashes: TextColumn, phash: NDArray[np.uint64]) -> None:
        """Find the keypoints that the store lacks.

        Args:
            hashes: Content hashes of R images, all different.
            phash: (R,) uint64, their perceptual hashes.

        Raises:
            ImagesRefused: No worker survives some images; the keypoints of the others are kept.
            ResourceError: The disk is full, or the engine cannot go on.
        """
        is_missing = self._store.find_slots(hashes) < 0
        hashes, phash = hashes.take(np.flatnonzero(is_missing)), phash[is_missing]
        refused: dict[str, str] = {}
        with task(self._progress, "finding keypoints", len(hashes)):
            if self._helpers is not None and len(hashes):
                parts = extract_on(self._helpers, list(hashes))
                refused, rest = split_failures(self._keep(hashes, phash, parts), self._store)
                self._progress.advance(len(refused))
                rows = np.array(hashes.find(rest), np.int64)
                hashes, phash = hashes.take(rows), phash[rows]
            self._keep(hashes, phash, self._extract_here(hashes))
        if refused:
            raise ImagesRefused(refused)

    def _extract_here(self, hashes: TextColumn) -> Iterator[Sequence[ExtractedKeypoints]]:
        names = list(hashes)
        blocks = [names[start : start + _BATCH] for start in range(0, len(names), _BATCH)]
        return ordered_map(lambda block: extract_from(self._pixels.read(block)), blocks, ahead=8)

    def _keep(
        self,
        hashes: TextColumn,
        phash: NDArray[np.uint64],
        parts: Iterable[Sequence[ExtractedKeypoints | Failure]],
    ) -> dict[str, Failure]:
        """Write keypoints that come in parts; return what failed, by content hash."""
        failed: dict[str, Failure] = {}
        waiting: dict[int, ExtractedKeypoints] = {}

        def write() -> None:
            if waiting:
                rows = np.array(list(waiting))
                self._store.add(hashes.take(rows), phash[rows], list(waiting.values()))
                waiting.clear()

        numbers = count()
        for part in parts:
            for one in part:
                row = next(numbers)
                if isinstance(one, Failure):
                    failed[hashes[row]] = one
                else:
                    waiting[row] = one
                    self._progress.advance()
            if len(waiting) >= _SHARD:
                write()
        write()
        return failed
