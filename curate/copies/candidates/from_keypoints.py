"""Candidates by keypoints: images of which few strong keypoints have a neighbour in each other.

The cost is near linear in the number of images: a fixed number of keypoints per image, a fixed
number of neighbours per keypoint, inverted lists whose reading grows with the square root. A pair
becomes a candidate when two of its matches agree on one map.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from curate.copies.candidates.ann_index import (
    DescriptorIndex,
    find_principal_axes,
    select_training_rows,
)
from curate.copies.candidates.matches import Matches
from curate.copies.candidates.pairs import Candidates
from curate.copies.pair_tables import concat_pairs
from curate.copies.verification.keypoints import (
    MIRROR,
    Keypoints,
    decode_descriptors,
    select_strongest,
)

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, slots=True)
class VoteParams:
    """Which keypoints vote for a candidate.

    Copies found and pairs to verify are measured by ``tests/benchmarks/dedup_candidates.py``, time
    by ``dedup_scale.py`` there. Who changes one of all but ``n_block`` raises ``CACHE_VERSION``.

    Attributes:
        n_voting: Keypoints per image that vote; more cost time and memory.
        n_axes: Of the 128 dimensions of a descriptor; fewer blur differences.
        n_sample: Descriptors that the principal axes are computed of.
        n_neighbors: Neighbours that each keypoint votes for.
        n_later_neighbors: The same of an image that comes later: those before do not look for it.
        max_distance: Squared, between unit descriptors.
        n_partners: Pairs that are kept of each image, those of most votes; a pair stays if either
            image keeps it. On four folders with copies each true pair was among the first four.
        many: Votes with which a pair stays in any case: frames of one camera know more of each
            other than eight pairs tell.
        n_block: Images queried at a time; more take memory.
    """

    n_voting: int = 64
    n_axes: int = 32
    n_sample: int = 20_000
    n_neighbors: int = 8
    n_later_neighbors: int = 16
    max_distance: float = 0.3
    n_partners: int = 8
    many: int = 6
    n_block: int = 2048


VOTE_PARAMS = VoteParams()


@dataclass(frozen=True, kw_only=True, slots=True)
class KeypointIndex:
    """The keypoints of some images, by where their descriptors lie.

    Attributes:
        mean: (128,) float32, of descriptors.
        axes: (128, A) float32, the directions in which they vary most.
        lists: The keypoints along these directions, those of one image after those of another.
    """

    mean: Floats
    axes: Floats
    lists: DescriptorIndex

    @classmethod
    def train(cls, keypoints: Keypoints, rows: Ints, *, seed: int) -> "KeypointIndex | None":
        """Return an index without keypoints, fit for those of some images; None if these have none.

        Args:
            keypoints: Of all images.
            rows: (R,) int64, the images that show how the index should be made.
            seed: Seed of the clustering.
        """
        _, record = select_strongest(keypoints, rows, VOTE_PARAMS.n_voting)
        if len(record) == 0:
            return None
        sample = np.unique(np.linspace(0, len(record) - 1, VOTE_PARAMS.n_sample).astype(np.intp))
        described = decode_descriptors(keypoints.records["descriptor"][record[sample]])
        both = np.concatenate([described, described[:, MIRROR]])
        mean, axes = find_principal_axes(both, VOTE_PARAMS.n_axes)
        training = keypoints.records["descriptor"][record[select_training_rows(len(record))]]
        projected = _project(training, mean, axes)
        lists = DescriptorIndex.train(projected, len(record), seed=seed)
        return cls(mean=mean, axes=axes, lists=lists)

    def project(self, keypoints: Keypoints, record: Ints, *, mirror: bool) -> Floats:
        """Return descriptors along the axes, (n, A) float32.

        Args:
            keypoints: Of all images.
            record: (n,) int64, numbers of records.
            mirror: Whether the images are to be mirrored.
        """
        raw = keypoints.records["descriptor"][record]
        return _project(raw[:, MIRROR] if mirror else raw, self.mean, self.axes)


Locate = Callable[[Ints], tuple[Ints, Floats]]
VoteElsewhere = Callable[[KeypointIndex, Ints, Sequence[Ints], int], Iterable[Candidates]]


def pair_by_keypoints(
    keypoints: Keypoints,
    index: KeypointIndex,
    before: Ints,
    rows: Ints,
    *,
    vote_elsewhere: VoteElsewhere | None = None,
) -> Candidates:
    """Return the pairs of images with at least two strong keypoints that agree, mirrored or not.

    Args:
        keypoints: Of all images.
        index: The keypoints of ``before``, in this order; those of ``rows`` are added.
        before: (B,) int64, images among which all pairs are known.
        rows: (R,) int64, images to pair with each other and with those before.
        vote_elsewhere: Has blocks of images vote on other machines; None has them vote here.
    """
    params = VOTE_PARAMS
    order = np.concatenate([before, rows])
    blocks = list(_split_blocks(rows))
    for block in blocks:
        _, added = select_strongest(keypoints, block, params.n_voting)
        index.lists.add(index.project(keypoints, added, mirror=False))
    n_neighbors = params.n_later_neighbors if len(before) else params.n_neighbors
    if vote_elsewhere is not None and len(blocks) > 1:
        parts = vote_elsewhere(index, order, blocks, n_neighbors)
    else:
        locate = locate_in(keypoints, order)
        parts = (vote(keypoints, block, index, locate, n_neighbors) for block in blocks)
    votes = concat_pairs([Candidates.none(), *parts])
    return select_most_voted(votes, VOTE_PARAMS.n_partners)


def select_most_voted(votes: Candidates, n_partners: int) -> Candidates:
    """Return each pair once that has many votes, or is among those of most of either image.

    Where a folder shares a frame, each image has dozens of partners by chance, of two or three
    votes, and a copy is before them all.

    Args:
        votes: A pair as often as it was voted for, either image first.
        n_partners: Pairs that each image keeps.
    """
    n = 1 + int(max(votes.a.max(initial=0), votes.b.max(initial=0)))
    pair = np.minimum(votes.a, votes.b) * n + np.maximum(votes.a, votes.b)
    keys, counts = np.unique(pair * 2 + votes.method, return_counts=True)
    a, b, method = keys // 2 // n, keys // 2 % n, keys % 2
    side, other = np.concatenate([a, b]), np.concatenate([b, a])
    order = np.lexsort((np.tile(method, 2), other, -np.tile(counts, 2), side))
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order)) - np.searchsorted(side[order], side[order])
    is_kept = (np.minimum(*np.split(place, 2)) < n_partners) | (counts >= VOTE_PARAMS.many)
    return Candidates(a=a[is_kept], b=b[is_kept], method=method[is_kept])


def pair_queries_by_keypoints(
    queries: Keypoints, keypoints: Keypoints, index: KeypointIndex, before: Ints
) -> Candidates:
    """Return the pairs of a query and an image of the index with two strong keypoints that agree.

    Args:
        queries: Of Q images that are not in the index.
        keypoints: Of all images of the index.
        index: The keypoints of ``before``, in this order.
        before: (B,) int64, rows of ``keypoints``.

    Returns:
        Pairs of a row of ``queries`` and one of ``keypoints``.
    """
    n_queries, n_voting = len(queries.counts), VOTE_PARAMS.n_voting
    find = locate_in(keypoints, before)

    def locate(slots: Ints) -> tuple[Ints, Floats]:
        image, place = find(slots)
        return image + n_queries, place

    voting = select_strongest(queries, np.arange(n_queries), n_voting)
    pairs = _collect_votes(queries, voting, index, locate, VOTE_PARAMS.n_later_neighbors)
    return replace(pairs, b=pairs.b - n_queries)


def locate_in(keypoints: Keypoints, order: Ints) -> Locate:
    """Return what gives the image of each keypoint of an index, and its place in it.

    Args:
        keypoints: Of all images.
        order: (S,) int64, the images in the order in which the index has them.
    """
    ends = np.cumsum(np.minimum(keypoints.counts[order], VOTE_PARAMS.n_voting), dtype=np.int64)
    starts = ends - np.minimum(keypoints.counts[order], VOTE_PARAMS.n_voting)

    def locate(slots: Ints) -> tuple[Ints, Floats]:
        rank = np.searchsorted(ends, slots, side="right")
        record = keypoints.starts[order[rank]] + slots - starts[rank]
        return order[rank], keypoints.records["place"][record]

    return locate


def vote(
    keypoints: Keypoints, block: Ints, index: KeypointIndex, locate: Locate, n_neighbors: int
) -> Candidates:
    """Return the pairs that the keypoints of some images vote for.

    Args:
        keypoints: Of all images.
        block: (n,) int64, the images.
        index: The keypoints that are voted for.
        locate: From `locate_in`.
        n_neighbors: Keypoints of the index that each one votes for.
    """
    voting = select_strongest(keypoints, block, VOTE_PARAMS.n_voting)
    return _collect_votes(keypoints, voting, index, locate, n_neighbors)


def _collect_votes(
    keypoints: Keypoints,
    voting: tuple[Ints, Ints],
    index: KeypointIndex,
    locate: Locate,
    n_neighbors: int,
) -> Candidates:
    """Return the pairs that keypoints vote for, upright and mirrored.

    Args:
        keypoints: Of the images that vote.
        voting: Image and record of each keypoint that votes, as `select_strongest` has them.
        index: The keypoints that are voted for.
        locate: Gives the image of each keypoint of the index, and its place in it.
        n_neighbors: Keypoints of the index that each one votes for.
    """
    image, record = voting
    parts = []
    for mirror in (False, True):
        queries = index.project(keypoints, record, mirror=mirror)
        distances, ids = index.lists.search(queries, n_neighbors)
        query, slot = np.nonzero((ids >= 0) & (distances < VOTE_PARAMS.max_distance))
        other, target = locate(ids[query, slot])
        start = keypoints.records["place"][record][query]
        matches = Matches.of((image[query], other), (start, target), mirror=mirror)
        parts.append(matches.find_agreeing())
    return concat_pairs(parts)


def _project(raw: NDArray[np.uint8], mean: Floats, axes: Floats) -> Floats:
    return np.asarray((decode_descriptors(raw) - mean) @ axes, np.float32)


def _split_blocks(rows: Ints) -> Iterator[Ints]:
    """Yield the images, some thousands at a time."""
    for start in range(0, len(rows), VOTE_PARAMS.n_block):
        yield rows[start : start + VOTE_PARAMS.n_block]
