"""Near copies of query images, by the keypoints and the classifier that the last run has left."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations, pairwise

import numpy as np
from numpy.typing import NDArray

from curate.choices import PART_OF, Level
from curate.copies.cache.keypoint_store import KeypointStore
from curate.copies.candidates.from_hashes import HashedImages, pair_queries_by_hashes
from curate.copies.candidates.from_keypoints import KeypointIndex, pair_queries_by_keypoints
from curate.copies.candidates.incremental import read_index
from curate.copies.candidates.pairs import Candidates, order_pairs
from curate.copies.candidates.thumbnails import make_thumbnail
from curate.copies.grouping import spread_over_label
from curate.copies.pair_tables import concat_pairs, take_pairs
from curate.copies.placement import place_pairs
from curate.copies.probability.classifier import CLOSE_LOOK, FIRST_LOOK, find_threshold
from curate.copies.probability.context import (
    CONTEXT_PARAMS,
    FolderContext,
    judge_in_context,
    measure_context,
)
from curate.copies.records import Pairs, Pixels, QueryImage
from curate.copies.relations import sort_relations
from curate.copies.rungs.base import Searched
from curate.copies.verification.close_look import CLOSE_LOOK_PARAMS, CloseLook
from curate.copies.verification.findings import Findings, Links, drop_unaligned, select_best
from curate.copies.verification.frames import drop_other_frames
from curate.copies.verification.keypoints import Keypoints, concat_keypoints, make_working_copy
from curate.copies.verification.verifier import Verifier

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class NearQuery:
    """Finds the near copies of queries among the images searched.

    Attributes:
        threshold: Least probability that counts.
    """

    def __init__(self, searched: Searched) -> None:
        """Take the keypoints of the images, and the index unless no image has any.

        Raises:
            LookupError: Some are missing.
        """
        config = self._config = searched.config
        self._images, self._pixels = searched.images, searched.pixels
        self._context = searched.context
        self._label = list(searched.labels.values())[-1]
        self._heads = np.unique(self._label)
        self._classifier = replace(CLOSE_LOOK, weights=searched.weights)
        self.threshold = config.threshold or find_threshold(searched.probability, config.precision)
        store = KeypointStore(searched.cache, is_writer=False)
        self._keypoints = store.keypoints
        self._slots = store.find_slots([self._images.content_hash[row] for row in self._heads])
        self._index = self._take_index(read_index(searched.cache))
        self._hashed = store.hashed(self._slots)
        self._head_of_slot = np.full(len(store), -1, np.int64)
        self._head_of_slot[self._slots] = self._heads

    def _take_index(
        self, index: tuple[Ints, KeypointIndex] | None
    ) -> tuple[Ints, KeypointIndex] | None:
        """Return the slots in the index and the index; None if no image has keypoints.

        Raises:
            LookupError: Some keypoints are missing.
        """
        has_keypoints = bool((self._slots >= 0).all() and self._keypoints.counts[self._slots].any())
        if (self._slots < 0).any() or (has_keypoints and index is None):
            raise LookupError("keypoints are missing")
        if not has_keypoints or index is None:
            return None
        if not np.isin(self._slots, index[0]).all():
            raise LookupError("images are missing from the index")
        return index

    def find_copies(self, queries: Sequence[QueryImage], known: Pairs) -> Pairs:
        """Return pairs of a query and an image of other pixels that agree.

        Args:
            queries: Q images.
            known: Pairs of equal bytes or pixels, which are not verified.
        """
        greys = [make_working_copy(one.pixels) for one in queries]
        keypoints = Keypoints.of(greys)
        hashed = HashedImages(
            phash=np.array([one.phash for one in queries], np.uint64),
            thumbnail=np.array([make_thumbnail(grey) for grey in greys], np.uint8),
        )
        candidates = self._find_candidates(hashed, keypoints)
        n_images, n_queries = len(self._images), len(queries)
        is_known = np.isin(
            candidates.a * n_images + candidates.b, known.a * n_images + self._label[known.b]
        )
        candidates = take_pairs(candidates, ~is_known)
        findings, context, shapes, rows = self._verify(queries, keypoints, candidates)
        probability = self._classifier.predict(judge_in_context(findings, context))
        links = Links(findings=findings, probability=probability)
        frames = np.array([one.frames for one in queries], np.int32)
        links = drop_other_frames(
            links,
            np.concatenate([frames, self._images.frames[rows]]),
            lambda number: (
                queries[number].hash_frames()
                if number < n_queries
                else self._pixels.hash_frames(int(rows[number - n_queries]))
            ),
            least=self.threshold,
        )
        relations = sort_relations(links, shapes, self._config, threshold=self.threshold)
        sizes = np.array([(one.height, one.width) for one in queries], np.int32).reshape(-1, 2)
        image_sizes = np.stack([self._images.height[rows], self._images.width[rows]], axis=1)
        numbers = np.concatenate([np.arange(n_queries), n_queries + rows])
        sizes = np.concatenate([sizes, image_sizes])
        tables = ((relations.copies, Level.NEAR), (relations.parts, PART_OF))
        near = concat_pairs(
            [place_pairs(one, shapes, sizes, numbers, match=name) for one, name in tables]
        )
        place, b = spread_over_label(np.arange(len(near)), near.b - n_queries, self._label)
        return replace(take_pairs(near, place), b=b)

    def _find_candidates(self, queries: HashedImages, keypoints: Keypoints) -> Candidates:
        """Return pairs to verify: a query, and an image that stands for its label."""
        alike = pair_queries_by_hashes(queries, self._hashed)
        parts = [replace(alike, b=self._heads[alike.b])]
        if self._index is not None:
            slots, index = self._index
            pairs = pair_queries_by_keypoints(keypoints, self._keypoints, index, slots)
            pairs = replace(pairs, b=self._head_of_slot[pairs.b])
            parts.append(take_pairs(pairs, pairs.b >= 0))
        return concat_pairs(parts)

    def _verify(
        self, queries: Sequence[QueryImage], keypoints: Keypoints, candidates: Candidates
    ) -> tuple[Findings, FolderContext, NDArray[np.int32], Ints]:
        """Return the evidence on pairs of a query and an image.

        Returns:
            Findings, what other pairs say of them, the shapes of their working copies, and the
            images that are involved. The rows of the findings are those of the queries, then those
            of the involved images.
        """
        rows, place = np.unique(candidates.b, return_inverse=True)
        n_queries = len(queries)
        slots = self._slots[np.searchsorted(self._heads, rows)]
        both = concat_keypoints(keypoints, self._keypoints.take(slots))
        names = [one.content_hash for one in queries]
        names += [self._images.content_hash[row] for row in rows.tolist()]

        def read(numbers: Sequence[int]) -> list[Pixels]:
            searched = [number for number in numbers if number >= n_queries]
            cached = iter(self._pixels.read([names[number] for number in searched]))
            return [queries[n].pixels if n < n_queries else next(cached) for n in numbers]

        def read_file(number: int) -> Pixels | None:
            if number < n_queries:
                return queries[number].read_exact()
            return self._pixels.read_exact([int(rows[number - n_queries])])[0]

        # the image of the lower content hash comes first, as where a whole folder is searched
        rank = np.argsort(np.argsort(np.array(names), kind="stable"), kind="stable")
        looks = _BothLooks(
            verifier=Verifier(both, read, FIRST_LOOK),
            close_look=CloseLook(both.shapes, read, read_file=read_file),
            rank=rank,
        )
        found = looks.look(replace(candidates, b=place.astype(np.int64) + n_queries))
        a, b = list_partner_pairs(found.findings, found.probability, n_queries)
        every = concat_pairs([found, looks.look(Candidates.by_either_keypoints(a, b))])
        context = measure_context(every.findings, every.probability, len(names))
        # of the images searched the whole folder says more than the queries do
        context.put(slice(n_queries, None), take_pairs(self._context, rows))
        return found.findings, context, both.shapes, rows


@dataclass(frozen=True, kw_only=True, slots=True)
class _BothLooks:
    """The first look at pairs, and the close one at those that it finds likely.

    Attributes:
        verifier: The first look.
        close_look: The close one.
        rank: Rank of each image: of a pair that of the lower rank is the first.
    """

    verifier: Verifier
    close_look: CloseLook
    rank: Ints

    def look(self, pairs: Candidates) -> Links:
        """Return the pairs that the first look finds likely, with its probability."""
        verifier, ordered = self.verifier, order_pairs(pairs, self.rank)
        first = ordered.by_keypoints
        findings = drop_unaligned(verifier.verify(first.a, first.b, first.method))
        rest = ordered.by_frame
        rest = take_pairs(rest, verifier.select_unsure(rest.a, rest.b, findings))
        more = drop_unaligned(verifier.verify(rest.a, rest.b, rest.method))
        best = select_best(concat_pairs([findings, more]), FIRST_LOOK)
        likely = take_pairs(best, best.probability >= CLOSE_LOOK_PARAMS.least)
        seen = replace(likely.findings, close=self.close_look.look(likely.findings))
        return replace(likely, findings=seen)


def list_partner_pairs(findings: Findings, likely: Floats, n_queries: int) -> tuple[Ints, Ints]:
    """Return pairs of the images that one query looks like, each once, lower numbers first.

    They tell whether a query carries something of its own, as in a folder that is searched whole.
    Queries that look like few images have none.

    Args:
        findings: On pairs of a query and an image, in either order.
        likely: (P,) how likely each shows the same scene.
        n_queries: Images of lower numbers are queries.
    """
    query, image = np.minimum(findings.a, findings.b), np.maximum(findings.a, findings.b)
    order = np.lexsort((image, -likely, query))
    order = order[query[order] < n_queries]
    starts = np.searchsorted(query[order], np.arange(n_queries + 1))
    pairs: set[tuple[int, int]] = set()
    for start, stop in pairwise(starts.tolist()):
        near = sorted(image[order[start:stop][: CONTEXT_PARAMS.n_neighbors]].tolist())
        if math.comb(len(near), 2) >= CONTEXT_PARAMS.n_triangles:
            pairs.update(combinations(near, 2))
    table = np.array(sorted(pairs), np.int64).reshape(-1, 2)
    return table[:, 0], table[:, 1]
