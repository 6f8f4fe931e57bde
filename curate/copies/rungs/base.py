"""The protocol of a rung, and what is known when its turn comes.

A rung takes what the stronger ones have found and adds to it: among all images (`Rung.group`), and
between these and query images (`Rung.open_query`). To add one: a file beside this one, its name in
``LADDER`` of `curate.copies.find`, its value in `curate.choices.Level`.
"""

from abc import ABC, abstractmethod
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from curate.choices import KeepPolicy, Level
from curate.copies.config import DedupConfig
from curate.copies.grouping import Ranking, choose_best
from curate.copies.judged import Judged
from curate.copies.keep_policy import Looks, Qualities, find_worth, order_by_preference
from curate.copies.placement import pair_whole_images
from curate.copies.probability.context import FolderContext
from curate.copies.records import Images, Pairs, PixelReader, QueryImage, Vectors
from curate.copies.sharded.helpers import Helpers
from curate.progress import Progress

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Grouping:
    """What one rung has found among N images.

    Attributes:
        level: Its place on the ladder; ``reviewed`` where a person's word is what ties.
        label: (N,) int64, the same for all that belong together, at least those that did before.
        similarity: (N,) float64, probability of being a copy of the kept image of the label, as far
            as this rung is what ties them.
        pairs: The evidence.
        scenes: Pairs of one scene that are no copies, or None.
        looks: How the images look beside their copies, or None.
        misses: Pairs that are copies if anything, but not likely enough to count; None for none.
        threshold: Least probability that counted.
        notes: What the run should say.
    """

    level: str
    label: Ints
    similarity: Floats
    pairs: Pairs
    scenes: Pairs | None = None
    looks: Looks | None = None
    misses: Pairs | None = None
    threshold: float = 1.0
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Known:
    """What is known of N images when a rung's turn comes.

    Attributes:
        images: The images.
        pixels: Where their pixels come from.
        config: What to look for.
        cache: Folder of what earlier runs found out; this run is its only writer.
        vectors: What a trained model says of them, or None.
        progress: Hears how it gets on.
        is_protected: (N,) bool, must never be dropped.
        centrality: (N,) float32, cosine to the middle of its prototype, or None.
        judged: What a person decided, or None.
        helpers: An engine that does the costly steps; None does them here.
        groupings: What the stronger rungs have found, strongest first.
    """

    images: Images
    pixels: PixelReader
    config: DedupConfig
    cache: Path
    vectors: Vectors | None
    progress: Progress
    is_protected: NDArray[np.bool_]
    centrality: NDArray[np.float32] | None
    judged: Judged | None = None
    helpers: Helpers | None = None
    groupings: tuple[Grouping, ...] = ()

    def add(self, grouping: Grouping) -> "Known":
        """Return what is known after one more rung."""
        label = name_by_first(grouping.label)
        return replace(self, groupings=(*self.groupings, replace(grouping, label=label)))

    @cached_property
    def label(self) -> Ints:
        """(N,) int64, the first image of all that belong together so far."""
        return self.groupings[-1].label if self.groupings else np.arange(len(self.images))

    @cached_property
    def heads(self) -> Ints:
        """(R,) int64, rising, the first image of each label."""
        return np.unique(self.label)

    @cached_property
    def looks(self) -> Looks:
        """How the images look beside their copies."""
        parts = [one.looks for one in self.groupings if one.looks is not None]
        return parts[-1] if parts else Looks.alike(len(self.images))

    @cached_property
    def scenes(self) -> Pairs:
        """Pairs of one scene that are no copies."""
        parts = [one.scenes for one in self.groupings if one.scenes is not None]
        return parts[-1] if parts else Pairs.none()

    @cached_property
    def turn(self) -> Ints:
        """(N,) int64, what stays whatever the policy: 0 protected, 1 of both sources, 2 neither."""
        return np.where(self.is_protected, 0, np.where(self.images.is_shared, 1, 2))

    @cached_property
    def rank(self) -> Ints:
        """(N,) int64, place of each image in the order of preference."""
        return self.rank_images(self.looks).rank

    @cached_property
    def kept(self) -> Ints:
        """(N,) int64, the most preferred image of each one's label."""
        return choose_best(self.label, self.rank)

    def rank_images(self, looks: Looks) -> Ranking:
        """Return which images are worth keeping, beside copies that look so."""
        qualities = self.describe_qualities(looks)
        order = order_by_preference(qualities, self.config.keep)
        order = order[np.argsort(self.turn[order], kind="stable")]
        rank = np.empty(len(order), np.int64)
        rank[order] = np.arange(len(order))
        if self.config.keep is not KeepPolicy.BEST:  # they leave no room
            return Ranking(rank=rank, worth=rank)
        return Ranking(rank=rank, worth=self.turn * len(order) + find_worth(qualities))

    def describe_qualities(self, looks: Looks) -> Qualities:
        """Return what the policy of what stays looks at."""
        images = self.images
        return Qualities(
            path=images.path,
            is_other=images.is_other,
            width=images.width,
            height=images.height,
            bytes=images.bytes,
            format=images.format,
            sharpness=images.sharpness,
            mtime_ns=images.mtime_ns,
            taken_ms=images.taken_ms,
            has_camera=images.has_camera,
            looks=looks,
            is_protected=self.is_protected,
            frames=images.frames,
            centrality=self.centrality,
            is_chosen=self.judged.find_chosen(images.content_hash) if self.judged else None,
            same_pixels=self._find_label(Level.PIXELS),
        )

    def _find_label(self, level: Level) -> Ints | None:
        """Return what the rung of a level ties, or None if it was not asked."""
        return next((one.label for one in self.groupings if one.level == level), None)


@dataclass(frozen=True, kw_only=True, slots=True)
class Searched:
    """N images of different contents that the ladder has searched, to be compared with queries.

    Attributes:
        images: The images.
        pixels: Where their pixels come from.
        config: What to look for.
        cache: Folder of what the run has left; nothing in it is changed.
        labels: For each rung above ``near``: (N,) int64, the one image that stands for all that it
            says are the same.
        weights: (21,) float64, of the classifier fitted to the images.
        probability: (P,) float64, of their likely candidates.
        context: What the run said of each of the N images.
    """

    images: Images
    pixels: PixelReader
    config: DedupConfig
    cache: Path
    labels: dict[Level, Ints]
    weights: Floats
    probability: Floats
    context: FolderContext


class RungQuery(Protocol):
    """Finds the copies of query images among those searched, as far as one rung sees them."""

    @property
    def threshold(self) -> float:
        """Least probability that counts."""

    def find_copies(self, queries: Sequence[QueryImage], known: Pairs) -> Pairs:
        """Return pairs of a query and an image.

        Args:
            queries: Q images.
            known: Pairs that the stronger rungs have found; they may be found again.
        """


class Rung(Protocol):
    """One kind of evidence that images are copies."""

    level: Level

    def group(self, known: Known) -> Grouping:
        """Return which images belong together."""

    def open_query(self, searched: Searched) -> RungQuery:
        """Return what finds the copies of query images.

        Raises:
            LookupError: Part of what the run has left is missing.
        """


class EqualKeys(ABC):
    """Base of a rung by which images are copies if a key of them is equal."""

    level: Level

    @abstractmethod
    def list_keys(self, images: Images) -> Sequence[Hashable]:
        """Return a key for each image; equal contents have equal keys."""

    @abstractmethod
    def make_key(self, query: QueryImage) -> Hashable:
        """Return the key of a query image."""

    def group(self, known: Known) -> Grouping:
        """Return the images of equal keys."""
        keys, first = self.list_keys(known.images), dict[Hashable, int]()
        label = np.array([first.setdefault(keys[row], row) for row in known.heads.tolist()])
        return link_equal(known, label.astype(np.int64), self.level)

    def open_query(self, searched: Searched) -> "EqualKeysQuery":
        """Return what finds the images of a query's key."""
        return EqualKeysQuery(self, searched.images)


class EqualKeysQuery:
    """Finds the images that have the key of a query.

    Attributes:
        threshold: 1: equal is equal.
    """

    threshold = 1.0

    def __init__(self, rung: EqualKeys, images: Images) -> None:
        """Sort the images by key.

        Args:
            rung: What makes keys.
            images: Those searched.
        """
        self._rung = rung
        self._rows: dict[Hashable, list[int]] = {}
        for row, key in enumerate(rung.list_keys(images)):
            self._rows.setdefault(key, []).append(row)

    def find_copies(self, queries: Sequence[QueryImage], known: Pairs) -> Pairs:
        """Return pairs of a query and an image of equal keys."""
        rows = [self._rows.get(self._rung.make_key(query), []) for query in queries]
        counts = np.array([len(one) for one in rows], np.int64)
        a = np.repeat(np.arange(len(queries)), counts)
        b = np.array([row for one in rows for row in one], np.int64)
        return pair_whole_images(a, b, self._rung.level)


def link_equal(known: Known, label_of_heads: Ints, level: Level) -> Grouping:
    """Return what a rung has found that calls images equal.

    Args:
        known: What was known before.
        label_of_heads: (R,) int64, for each of ``known.heads`` the first of them that is equal.
        level: Of the rung.
    """
    heads = known.heads
    copies = label_of_heads != heads
    return Grouping(
        level=level,
        label=label_of_heads[np.searchsorted(heads, known.label)],
        similarity=np.ones(len(known.images)),
        pairs=pair_whole_images(label_of_heads[copies], heads[copies], level),
    )


def name_by_first(label: Ints) -> Ints:
    """Return labels named by the first image that has them, (N,) int64."""
    _, first, inverse = np.unique(label, return_index=True, return_inverse=True)
    return first[inverse].astype(np.int64)
