"""Which of some images are copies of a further one, by what an earlier search of them left.

Nothing is written: any number of processes may ask, also while another one searches.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from curate.choices import Level
from curate.copies.cache.arrays import keys_of
from curate.copies.cache.keypoint_store import PointStore
from curate.copies.cache.last_run import Finished
from curate.copies.cache.pixel_digests import Seals
from curate.copies.cache.version import is_current
from curate.copies.candidates.from_hashes import of_further_hashes
from curate.copies.candidates.from_keypoints import PointIndex, of_further_points
from curate.copies.candidates.incremental import kept_index
from curate.copies.candidates.pairs import Candidates, joined
from curate.copies.config import DedupConfig
from curate.copies.find import one_thread_an_image
from curate.copies.placement import all_pairs, plain_pairs, relation
from curate.copies.probability.classifier import threshold_for
from curate.copies.records import Asked, Images, Pairs, PixelReader, Pixels
from curate.copies.rungs.exact import twins_of
from curate.copies.verification.keypoints import Features, working_copy
from curate.copies.verification.verifier import Findings, Verifier, best_per_pair, without_sure
from curate.copies.verification.verifier import joined as joined_findings

Ints = NDArray[np.int64]


class FurtherCopies:
    """Finds the copies of further images among those of a finished search.

    Attributes:
        threshold: Least probability that counts.
    """

    def __init__(
        self,
        images: Images,
        pixels: PixelReader,
        config: DedupConfig,
        *,
        memory: Path,
        finished: Finished,
    ) -> None:
        """Take up a finished search of ``images``, all of different contents.

        Raises:
            LookupError: It was of other images, or part of what it left is gone.
        """
        order = np.argsort(keys_of(list(images.content_hash)), kind="stable")
        keys = keys_of(list(images.content_hash))[order]
        if finished.seed != config.seed or not np.array_equal(keys, finished.keys):
            raise LookupError("that search was of other images")
        self._images, self._pixels = images, pixels
        self._twin = np.empty(len(order), np.int64)
        self._twin[order] = order[finished.twin]
        self._row_of = {name: row for row, name in enumerate(images.content_hash)}
        self._heads = np.unique(self._twin)
        self._judge = finished.judge
        self.threshold = config.threshold or threshold_for(finished.probability, config.precision)
        self._seals = Seals(memory / "seals.npz")
        self._take_points(PointStore(memory, is_writer=False), kept_index(memory))

    def _take_points(self, points: PointStore, kept: tuple[Ints, PointIndex] | None) -> None:
        """Take the points of the images, and the index unless no image has any.

        Raises:
            LookupError: Some are missing.
        """
        self._features = points.features
        self._slots = points.slots([self._images.content_hash[row] for row in self._heads])
        has_points = bool((self._slots >= 0).all() and self._features.counts[self._slots].any())
        if (self._slots < 0).any() or (has_points and kept is None):
            raise LookupError("points are missing")
        self._kept = kept if has_points else None
        if self._kept is not None and not np.isin(self._slots, self._kept[0]).all():
            raise LookupError("images are missing from the index")
        self._head_of_slot = np.full(len(points), -1, np.int64)
        self._head_of_slot[self._slots] = self._heads

    def copies_of(self, asked: Sequence[Asked]) -> Pairs:
        """Return the images that are copies of further ones, ordered by these, best first.

        Args:
            asked: Q further images; one of the images may be among them, and finds itself.

        Returns:
            Pairs of a row of ``asked`` and one of the images.
        """
        with one_thread_an_image():
            head = self._heads_of(asked)
            found = all_pairs([self._equal(asked, head), self._near(asked, head)])
        rung = np.array([Level(name).rank for name in found.match], np.int64)
        return found.take(np.lexsort((found.b, rung, -found.similarity, found.a)))

    def _heads_of(self, asked: Sequence[Asked]) -> Ints:
        """Return the image that stands for those of the very pixels of each, (Q,), -1 for none."""
        own = [self._row_of.get(one.content_hash, -1) for one in asked]
        head = np.array([self._twin[row] if row >= 0 else -1 for row in own], np.int64)
        strange = np.flatnonzero(head < 0)
        twins = twins_of(
            [asked[number] for number in strange.tolist()],
            self._images,
            self._pixels,
            self._heads,
            seals=self._seals,
        )
        for number, row in twins:
            head[strange[number]] = row
        return head

    def _equal(self, asked: Sequence[Asked], head: Ints) -> Pairs:
        """Return the images of the same bytes and of the same pixels."""
        a, b = self._spread(np.flatnonzero(head >= 0), head[head >= 0])
        same = [
            self._images.content_hash[row] == asked[number].content_hash
            for number, row in zip(a.tolist(), b.tolist(), strict=True)
        ]
        by_bytes = np.array(same, np.bool_)
        parts = []
        for level, which in ((Level.BYTES, by_bytes), (Level.PIXELS, ~by_bytes)):
            ones = np.ones(int(which.sum()), np.float32)
            parts.append(plain_pairs(a[which], b[which], level, ones))
        return all_pairs(parts)

    def _near(self, asked: Sequence[Asked], head: Ints) -> Pairs:
        """Return the images that one of other pixels can be laid on, and their twins."""
        features = Features.of([working_copy(one.pixels) for one in asked])
        pairs = self._candidates(asked, features)
        pairs = pairs.take(pairs.b != head[pairs.a])
        findings, shapes, rows = self._examined(asked, features, pairs)
        best, probability = best_per_pair(findings, self._judge)
        counts = probability >= self.threshold
        best, probability = best.take(counts), probability[counts]
        n_asked = len(asked)
        sizes = np.array([(one.height, one.width) for one in asked], np.int32).reshape(-1, 2)
        own = np.stack([self._images.height[rows], self._images.width[rows]], axis=1)
        best = best.turned(best.a >= n_asked)
        found = relation(best, shapes, np.concatenate([sizes, own]))
        near = Pairs(
            a=best.a,
            b=rows[best.b - n_asked],
            match=[str(Level.NEAR)] * len(best),
            similarity=probability.astype(np.float32),
            mirrored=found.mirrored,
            rotation=found.rotation,
            scale=found.scale,
            box=found.box,
            inliers=best.inliers,
            tile_agreement=best.agreement,
        )
        number, twin = self._spread(np.arange(len(near)), near.b)
        return near.take(number, b=twin)

    def _candidates(self, asked: Sequence[Asked], features: Features) -> Candidates:
        """Return pairs worth a look: a row of ``asked``, an image that stands for its twins."""
        hashes = np.array([one.phash for one in asked], np.uint64)
        alike = of_further_hashes(hashes, self._images.phash[self._heads])
        parts = [Candidates(a=alike.a, b=self._heads[alike.b], way=alike.way)]
        if self._kept is not None:
            searched, index = self._kept
            voted = of_further_points(features, self._features, index, searched)
            voted = Candidates(a=voted.a, b=self._head_of_slot[voted.b], way=voted.way)
            parts.append(voted.take(voted.b >= 0))
        return joined(parts)

    def _examined(
        self, asked: Sequence[Asked], features: Features, pairs: Candidates
    ) -> tuple[Findings, NDArray[np.int32], Ints]:
        """Return the evidence on pairs of a row of ``asked`` and an image.

        Returns:
            Findings, the shapes of their working copies, and the images that are involved. The
            rows of the findings are those of ``asked``, then those of the involved images.
        """
        rows, place = np.unique(pairs.b, return_inverse=True)
        n_asked = len(asked)
        slots = self._slots[np.searchsorted(self._heads, rows)]
        both = features.and_those_of(self._features.take(slots))
        names = [one.content_hash for one in asked]
        names += [self._images.content_hash[row] for row in rows.tolist()]

        def read(wanted: Sequence[int]) -> list[Pixels]:
            known = [number for number in wanted if number >= n_asked]
            cached = iter(self._pixels.read([names[number] for number in known]))
            return [asked[n].pixels if n < n_asked else next(cached) for n in wanted]

        # the image of the lower content hash comes first, as where a whole folder is searched
        rank = np.argsort(np.argsort(np.array(names), kind="stable"), kind="stable")
        laid = Candidates(a=pairs.a, b=place.astype(np.int64) + n_asked, way=pairs.way).along(rank)
        verifier = Verifier(both, read)
        first = laid.by_points
        found = verifier.examined(first.a, first.b, first.way).measured()
        rest = laid.by_frame
        rest = rest.take(without_sure(rest.a, rest.b, found))
        second = verifier.examined(rest.a, rest.b, rest.way).measured()
        return joined_findings([found, second]), both.shapes, rows

    def _spread(self, a: Ints, heads: Ints) -> tuple[Ints, Ints]:
        """Return pairs of a number and an image, for each image that ``heads`` stand for."""
        by_twin = np.argsort(self._twin, kind="stable")
        starts = np.searchsorted(self._twin[by_twin], heads)
        counts = np.searchsorted(self._twin[by_twin], heads, side="right") - starts
        ahead = np.repeat(np.cumsum(counts) - counts, counts)
        rank = np.repeat(starts, counts) + np.arange(int(counts.sum())) - ahead
        return np.repeat(a, counts), by_twin[rank].astype(np.int64)


def taken_up(
    images: Images, pixels: PixelReader, config: DedupConfig, *, memory: Path
) -> FurtherCopies | None:
    """Return what answers for images, or None if they were not searched, by this very code.

    Args:
        images: Images of different contents.
        pixels: Where their pixels come from.
        config: What to look for.
        memory: Folder of what earlier searches found out; nothing in it is changed.
    """
    finished = Finished.read(memory) if is_current(memory) else None
    if finished is None:
        return None
    try:
        return FurtherCopies(images, pixels, config, memory=memory, finished=finished)
    except LookupError:
        return None
