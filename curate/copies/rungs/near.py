"""The rung ``near``: copies that were encoded again, cropped, mirrored, turned, altered."""

from dataclasses import dataclass, replace

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.choices import OVERLAPS, PART_OF, KeepPolicy, Level
from curate.copies.cache.last_run import LastRun
from curate.copies.cache.true_details import DETAIL_WIDTH, load_true_details
from curate.copies.candidates.from_embeddings import pair_by_embeddings
from curate.copies.config import DedupConfig
from curate.copies.grouping import Ranking, group_links
from curate.copies.keep_policy import Looks
from curate.copies.looks import compare_looks
from curate.copies.pair_tables import concat_pairs, take_pairs
from curate.copies.placement import place_pairs
from curate.copies.probability.classifier import THRESHOLD_PARAMS
from curate.copies.probability.context import FolderContext
from curate.copies.records import Vectors
from curate.copies.relations import sort_relations
from curate.copies.rungs.base import Grouping, Known, RungQuery, Searched
from curate.copies.rungs.near_query import NearQuery
from curate.copies.rungs.near_search import NearSearch, Verified
from curate.copies.verification.findings import Links

Ints = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, slots=True)
class MissParams:
    """Which pairs below the cut `curate review` offers.

    Attributes:
        least: Probability from which on; of ten such pairs one may be a copy.
        most: Pairs at most, the likeliest.
    """

    least: float = 0.1
    most: int = 10_000


MISS_PARAMS = MissParams()


class NearCopies:
    """Calls images copies if the pixels of the one agree with those of the other."""

    level = Level.NEAR

    def group(self, known: Known) -> Grouping:
        """Return the duplicate groups; what a later search by copies needs is left in the cache."""
        # in the order of the contents: what a pair shows must not depend on names
        names = known.images.content_hash.take(known.heads)
        order = pc.array_sort_indices(names.array).to_numpy().astype(np.int64)
        heads = known.heads[order]
        place = np.argsort(order)[np.searchsorted(known.heads, known.label)]
        search = NearSearch(known, heads)
        verified = search.verify_candidates(_pair_heads(known.vectors, known.heads, order))
        if known.vectors is None:
            context = FolderContext.none(len(known.images))
            context.put(heads, verified.context)
            _write_last_run(known, verified, context)
        sizes = np.stack([known.images.height[heads], known.images.width[heads]], axis=1)
        relations = sort_relations(
            verified.links, search.shapes, known.config, threshold=verified.threshold
        )
        looks = [Looks.alike(len(heads))]

        def rank_heads(links: Links) -> Ranking:
            looks.append(
                compare_looks(
                    links,
                    search.shapes,
                    sizes,
                    known.images.bytes[heads],
                    known.images.format.take(heads),
                    _measure_details(known, heads, links),
                )
            )
            of_images = known.rank_images(take_pairs(looks[-1], place))
            best = np.full((2, len(heads)), np.iinfo(np.int64).max, np.int64)
            np.minimum.at(best[0], place, of_images.rank)
            np.minimum.at(best[1], place, of_images.worth)
            return Ranking(rank=best[0], worth=best[1])

        def verify_pairs(a: Ints, b: Ints) -> Links:
            links = search.verify_pairs(a, b)
            found = sort_relations(links, search.shapes, known.config, threshold=0.0)
            return found.copies

        groups = group_links(
            relations.copies,
            len(heads),
            threshold=verified.threshold,
            verify_pairs=verify_pairs,
            rank_images=rank_heads,
        )
        misses = _find_misses(verified.links, groups.group, search.shapes, known.config)
        tables = (
            (groups.links, Level.NEAR),
            (relations.parts, PART_OF),
            (relations.views, OVERLAPS),
        )
        pairs = [place_pairs(one, search.shapes, sizes, heads, match=name) for one, name in tables]
        return Grouping(
            level=self.level,
            label=groups.group[place],
            similarity=groups.similarity[place],
            pairs=concat_pairs(pairs),
            scenes=place_pairs(relations.scenes, search.shapes, sizes, heads, match=Level.SCENE),
            looks=take_pairs(replace(looks[-1], is_stray=groups.is_stray), place),
            misses=place_pairs(misses, search.shapes, sizes, heads),
            threshold=verified.threshold,
            notes=verified.notes,
        )

    def open_query(self, searched: Searched) -> RungQuery:
        """Return what finds the near copies of a query.

        Raises:
            LookupError: Keypoints or their index are missing.
        """
        return NearQuery(searched)


def _find_misses(
    links: Links, group: Ints, shapes: NDArray[np.int32], config: DedupConfig
) -> Links:
    """Return the likeliest pairs that are copies if anything and are in no common group."""
    links = sort_relations(links, shapes, config, threshold=MISS_PARAMS.least).copies
    links = take_pairs(links, group[links.findings.a] != group[links.findings.b])
    return take_pairs(links, np.argsort(-links.probability, kind="stable")[: MISS_PARAMS.most])


def _pair_heads(vectors: Vectors | None, heads: Ints, order: Ints) -> tuple[Ints, Ints] | None:
    """Return pairs of near embeddings, as rows of the heads in order; None without embeddings."""
    if vectors is None:
        return None
    a, b = pair_by_embeddings(vectors, heads)
    place = np.argsort(order)
    return place[np.searchsorted(heads, a)], place[np.searchsorted(heads, b)]


def _measure_details(known: Known, heads: Ints, links: Links) -> NDArray[np.float64] | None:
    """Return the true detail of the heads that have copies, (R, 14), if it decides what stays."""
    if known.config.keep is not KeepPolicy.BEST:
        return None
    rows = np.unique(np.concatenate([links.findings.a, links.findings.b]))
    images = heads[rows]
    details = np.full((len(heads), DETAIL_WIDTH), np.nan)
    details[rows] = load_true_details(
        known.cache,
        known.images.content_hash.take(images),
        lambda numbers: known.pixels.read_exact(images[numbers].tolist()),
    )
    return details


def _write_last_run(known: Known, verified: Verified, context: FolderContext) -> None:
    probability = verified.links.probability
    LastRun.summarize(
        known.images.content_hash,
        {Level(grouping.level): grouping.label for grouping in known.groupings},
        weights=verified.classifier.weights,
        probability=probability[probability >= THRESHOLD_PARAMS.least],
        context=context.columns,
        seed=known.config.seed,
    ).write(known.cache)
