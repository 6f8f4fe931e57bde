"""The rung ``near``: copies that were encoded again, cropped, mirrored, turned, altered."""

import numpy as np
from numpy.typing import NDArray

from curate.choices import Level
from curate.copies.cache.last_run import LastRun
from curate.copies.candidates.from_embeddings import pair_by_embeddings
from curate.copies.grouping import group_links
from curate.copies.placement import measure_shared_scene, place_pairs
from curate.copies.probability.classifier import THRESHOLD_PARAMS
from curate.copies.records import Vectors
from curate.copies.rungs.base import Grouping, Known, RungQuery, Searched
from curate.copies.rungs.near_query import NearQuery
from curate.copies.rungs.near_search import NearSearch, Verified
from curate.copies.verification.findings import Links

Ints = NDArray[np.int64]


class NearCopies:
    """Calls images copies if the pixels of the one agree with those of the other."""

    level = Level.NEAR

    def group(self, known: Known) -> Grouping:
        """Return the duplicate groups; what a later search by copies needs is left in the cache."""
        # in the order of the contents: what a pair shows must not depend on names
        names = np.array([known.images.content_hash[row] for row in known.heads.tolist()])
        order = np.argsort(names, kind="stable")
        heads = known.heads[order]
        place = np.argsort(order)[np.searchsorted(known.heads, known.label)]
        search = NearSearch(known, heads)
        verified = search.verify_candidates(_pair_heads(known.vectors, known.heads, order))
        if known.vectors is None:
            _write_last_run(known, verified)
        contained = np.zeros(len(heads))

        def rank_heads(links: Links) -> Ints:
            in_second, in_first = measure_shared_scene(links.findings, search.shapes)
            np.add.at(contained, links.findings.b, in_second)
            np.add.at(contained, links.findings.a, in_first)
            best = np.full(len(heads), len(known.images), np.int64)
            np.minimum.at(best, place, known.rank_images(contained[place]))
            return best

        groups = group_links(
            verified.links,
            len(heads),
            threshold=verified.threshold,
            verify_pairs=search.verify_pairs,
            rank_images=rank_heads,
        )
        sizes = np.stack([known.images.height[heads], known.images.width[heads]], axis=1)
        return Grouping(
            level=self.level,
            label=groups.group[place],
            similarity=groups.similarity[place],
            pairs=place_pairs(groups.links, search.shapes, sizes, heads),
            contained=contained[place],
            threshold=verified.threshold,
            notes=verified.notes,
        )

    def open_query(self, searched: Searched) -> RungQuery:
        """Return what finds the near copies of a query.

        Raises:
            LookupError: Keypoints or their index are missing.
        """
        return NearQuery(searched)


def _pair_heads(vectors: Vectors | None, heads: Ints, order: Ints) -> tuple[Ints, Ints] | None:
    """Return pairs of near embeddings, as rows of the heads in order; None without embeddings."""
    if vectors is None:
        return None
    a, b = pair_by_embeddings(vectors, heads)
    place = np.argsort(order)
    return place[np.searchsorted(heads, a)], place[np.searchsorted(heads, b)]


def _write_last_run(known: Known, verified: Verified) -> None:
    probability = verified.links.probability
    LastRun.summarize(
        known.images.content_hash,
        {Level(grouping.level): grouping.label for grouping in known.groupings},
        weights=verified.classifier.weights,
        probability=probability[probability >= THRESHOLD_PARAMS.least],
        seed=known.config.seed,
    ).write(known.cache)
