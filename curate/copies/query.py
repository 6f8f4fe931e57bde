"""Queries: which of the images searched last are copies of other ones, down the same ladder.

Nothing is written: any number of processes may ask, also while another one searches.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from curate.choices import PART_OF, Level
from curate.copies.cache.arrays import pack_hashes
from curate.copies.cache.last_run import LastRun
from curate.copies.cache.version import is_current
from curate.copies.config import DedupConfig
from curate.copies.find import list_rungs
from curate.copies.pair_tables import concat_pairs, take_pairs
from curate.copies.probability.context import FolderContext
from curate.copies.records import Images, Pairs, PixelReader, QueryImage
from curate.copies.rungs.base import Searched
from curate.parallel import one_thread_each

Ints = NDArray[np.int64]
Value = TypeVar("Value", bound=np.generic)


class CopyQuery:
    """Finds the copies of query images among images searched.

    Attributes:
        threshold: Least probability that counts.
    """

    def __init__(self, searched: Searched) -> None:
        """Open what each rung of the ladder has left.

        Raises:
            LookupError: Part of it is missing.
        """
        rungs = list_rungs(searched.config.level)
        missing = {rung.level for rung in rungs if rung.level.rank < Level.NEAR.rank}
        if not missing <= searched.labels.keys():
            raise LookupError("that run knew other rungs")
        self._n_images = len(searched.images)
        self._rungs = [rung.open_query(searched) for rung in rungs]
        self.threshold = min(rung.threshold for rung in self._rungs)

    def find_copies(self, queries: Sequence[QueryImage]) -> Pairs:
        """Return the images that are copies of queries, ordered by these, best first.

        Args:
            queries: Q images; one of the images searched may be among them, and finds itself.

        Returns:
            Pairs of a row of ``queries`` and one of the images, each with the strongest evidence.
        """
        known = Pairs.none()
        with one_thread_each():
            for rung in self._rungs:
                pairs = rung.find_copies(queries, known)
                is_known = np.isin(self._make_keys(pairs), self._make_keys(known))
                known = concat_pairs([known, take_pairs(pairs, ~is_known)])
        ranks = {PART_OF: Level.NEAR.rank} | {str(level): level.rank for level in Level}
        rank = np.array([ranks[name] for name in known.match], np.int64)
        return take_pairs(known, np.lexsort((known.b, rank, -known.similarity, known.a)))

    def _make_keys(self, pairs: Pairs) -> Ints:
        return pairs.a * self._n_images + pairs.b


def load_query(
    images: Images, pixels: PixelReader, config: DedupConfig, *, cache: Path
) -> CopyQuery | None:
    """Return what answers queries, or None if these images were not searched last, by this code.

    Args:
        images: Images of different contents.
        pixels: Where their pixels come from.
        config: What to look for.
        cache: Folder of what earlier runs found out; nothing in it is changed.
    """
    last_run = LastRun.read(cache) if is_current(cache) else None
    if last_run is None:
        return None
    hashes = pack_hashes(images.content_hash)
    order = np.argsort(hashes, kind="stable")
    if last_run.seed != config.seed or not np.array_equal(hashes[order], last_run.hashes):
        return None
    searched = Searched(
        images=images,
        pixels=pixels,
        config=config,
        cache=cache,
        labels={level: _restore(label, order) for level, label in last_run.labels.items()},
        weights=last_run.weights,
        probability=last_run.probability,
        context=FolderContext(
            **{name: _restore_values(said, order) for name, said in last_run.context.items()}
        ),
    )
    try:
        return CopyQuery(searched)
    except LookupError:
        return None


def _restore_values(values: NDArray[Value], order: Ints) -> NDArray[Value]:
    """Return values of rows of the images, from those of rows in the order of their hashes."""
    restored = np.empty_like(values)
    restored[order] = values
    return restored


def _restore(label: Ints, order: Ints) -> Ints:
    """Return labels for rows of the images, from labels for rows in the order of their hashes."""
    restored = np.empty(len(order), np.int64)
    restored[order] = order[label]
    return restored
