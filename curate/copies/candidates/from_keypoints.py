"""Candidates by keypoints: images of which few strong keypoints have a neighbour in each other.

The cost is near linear in the number of images: a fixed number of keypoints per image, a fixed
number of neighbours per keypoint, inverted lists whose reading grows with the square root. A pair
becomes a candidate when two of its matches agree on one map: what a match says of scale, direction
and place must predict the other.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from curate.copies.candidates.ann_index import (
    DescriptorIndex,
    find_principal_axes,
    select_training_rows,
)
from curate.copies.candidates.pairs import Candidates
from curate.copies.pair_tables import concat_pairs
from curate.copies.verification.findings import BY_KEYPOINTS, BY_MIRRORED_KEYPOINTS
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
    """Which keypoints vote for a candidate, and when two votes agree.

    Copies found and pairs to verify are measured by ``tests/benchmarks/dedup_candidates.py``, time
    by ``dedup_scale.py`` there. Who changes one of all but ``n_block`` raises ``CACHE_VERSION``.

    Attributes:
        n_voting: Keypoints per image that vote; more cost time and memory.
        n_axes: Of the 128 dimensions of a descriptor; fewer blur differences.
        n_sample: Descriptors that the principal axes are computed of.
        n_neighbors: Neighbours that each keypoint votes for.
        n_later_neighbors: The same of an image that comes later: those before do not look for it.
        max_distance: Squared, between unit descriptors.
        place_tolerance: px, and px per px away, that a match may be off the place predicted.
        turn_tolerance: Degrees that its turn may be off.
        scale_tolerance: Octaves that its scale may be off.
        least_distance: px; matches nearer to each other predict nothing.
        n_partners: Next matches of one pair that each match is compared with.
        n_block: Images queried at a time; more take memory.
    """

    n_voting: int = 64
    n_axes: int = 32
    n_sample: int = 20_000
    n_neighbors: int = 8
    n_later_neighbors: int = 16
    max_distance: float = 0.3
    place_tolerance: tuple[float, float] = (6.0, 0.2)
    turn_tolerance: float = 30.0
    scale_tolerance: float = 0.8
    least_distance: float = 3
    n_partners: int = 12
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


def pair_by_keypoints(
    keypoints: Keypoints, index: KeypointIndex, before: Ints, rows: Ints
) -> Candidates:
    """Return the pairs of images with at least two strong keypoints that agree, mirrored or not.

    Args:
        keypoints: Of all images.
        index: The keypoints of ``before``, in this order; those of ``rows`` are added.
        before: (B,) int64, images among which all pairs are known.
        rows: (R,) int64, images to pair with each other and with those before.
    """
    params = VOTE_PARAMS
    image, record = select_strongest(keypoints, np.concatenate([before, rows]), params.n_voting)

    def locate(slots: Ints) -> tuple[Ints, Floats]:
        return image[slots], keypoints.records["place"][record[slots]]

    for block in _split_blocks(rows):
        _, added = select_strongest(keypoints, block, params.n_voting)
        index.lists.add(index.project(keypoints, added, mirror=False))
    n_neighbors = params.n_later_neighbors if len(before) else params.n_neighbors
    voting = [select_strongest(keypoints, block, params.n_voting) for block in _split_blocks(rows)]
    parts = [_collect_votes(keypoints, block, index, locate, n_neighbors) for block in voting]
    return concat_pairs([Candidates.none(), *parts])


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
    ends = np.cumsum(np.minimum(keypoints.counts[before], n_voting), dtype=np.int64)
    starts = ends - np.minimum(keypoints.counts[before], n_voting)

    def locate(slots: Ints) -> tuple[Ints, Floats]:
        rank = np.searchsorted(ends, slots, side="right")
        record = keypoints.starts[before[rank]] + slots - starts[rank]
        return before[rank] + n_queries, keypoints.records["place"][record]

    voting = select_strongest(queries, np.arange(n_queries), n_voting)
    pairs = _collect_votes(queries, voting, index, locate, VOTE_PARAMS.n_later_neighbors)
    return replace(pairs, b=pairs.b - n_queries)


def _collect_votes(
    keypoints: Keypoints,
    voting: tuple[Ints, Ints],
    index: KeypointIndex,
    locate: Callable[[Ints], tuple[Ints, Floats]],
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
        matches = _Matches.of((image[query], other), (start, target), mirror=mirror)
        parts.append(matches.find_agreeing())
    return concat_pairs(parts)


def _project(raw: NDArray[np.uint8], mean: Floats, axes: Floats) -> Floats:
    return np.asarray((decode_descriptors(raw) - mean) @ axes, np.float32)


def _split_blocks(rows: Ints) -> Iterator[Ints]:
    """Yield the images, some thousands at a time."""
    for start in range(0, len(rows), VOTE_PARAMS.n_block):
        yield rows[start : start + VOTE_PARAMS.n_block]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Matches:
    """Matches of keypoints, sorted by pair of images.

    Attributes:
        a: (m,) row of the image of the query keypoint.
        b: (m,) row of the image of its neighbour.
        method: Whether the query keypoints were mirrored, as in
            `curate.copies.verification.findings`.
        start: (m, 2) float32, place of the query keypoint, mirrored if it was.
        end: (m, 2) float32, place of the neighbour.
        turn: (m,) float32, degrees from the one's direction to the other's.
        octaves: (m,) float32, log2 of the ratio of sizes.
    """

    a: NDArray[np.int64]
    b: NDArray[np.int64]
    method: int
    start: NDArray[np.float32]
    end: NDArray[np.float32]
    turn: NDArray[np.float32]
    octaves: NDArray[np.float32]

    @classmethod
    def of(
        cls,
        pairs: tuple[Ints, Ints],
        places: tuple[Floats, Floats],
        *,
        mirror: bool,
    ) -> "_Matches":
        """Make the table.

        Args:
            pairs: Images of matched keypoints, (m,) each.
            places: Their places, (m, 4) each.
            mirror: Whether the first images are mirrored.
        """
        apart = pairs[0] != pairs[1]
        a, b = pairs[0][apart], pairs[1][apart]
        order = np.lexsort((b, a))
        a, b = a[order], b[order]
        from_, to = places[0][apart][order], places[1][apart][order]
        angle = 180 - from_[:, 3] if mirror else from_[:, 3]
        sign = np.float32(-1 if mirror else 1)
        return cls(
            a=a,
            b=b,
            method=BY_MIRRORED_KEYPOINTS if mirror else BY_KEYPOINTS,
            start=from_[:, :2] * np.array([sign, 1], np.float32),
            end=to[:, :2],
            turn=np.mod(to[:, 3] - angle, 360),
            octaves=np.log2(to[:, 2] / from_[:, 2]),
        )

    def find_agreeing(self) -> Candidates:
        """Return the pairs with at least two matches that predict each other, some repeatedly."""
        agrees = np.zeros(len(self.a), np.bool_)
        first = np.arange(len(self.a) - 1)
        for distance in range(1, VOTE_PARAMS.n_partners + 1):
            first = first[: np.searchsorted(first, len(self.a) - distance)]
            second = first + distance
            same = (self.a[first] == self.a[second]) & (self.b[first] == self.b[second])
            first, second = first[same], second[same]
            both = self._predicts(first, second) & self._predicts(second, first)
            agrees[first[both]] = True
        a, b = self.a[agrees], self.b[agrees]
        return Candidates(a=a, b=b, method=np.full(len(a), self.method))

    def _predicts(self, i: NDArray[np.intp], j: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Whether the map that match i implies takes match j about where it lies."""
        params = VOTE_PARAMS
        turn = np.deg2rad(self.turn[i])
        scale = np.exp2(self.octaves[i])
        offset = self.start[j] - self.start[i]
        cos, sin = scale * np.cos(turn), scale * np.sin(turn)
        target = self.end[j] - self.end[i]
        off_x = cos * offset[:, 0] - sin * offset[:, 1] - target[:, 0]
        off_y = sin * offset[:, 0] + cos * offset[:, 1] - target[:, 1]
        length = np.hypot(target[:, 0], target[:, 1])
        allowed = params.place_tolerance[0] + params.place_tolerance[1] * length
        swing = np.abs(np.mod(self.turn[j] - self.turn[i] + 180, 360) - 180)
        fits = (
            (np.hypot(off_x, off_y) < allowed)
            & (np.hypot(offset[:, 0], offset[:, 1]) > params.least_distance)
            & (length > params.least_distance)
            & (swing < params.turn_tolerance)
            & (np.abs(self.octaves[j] - self.octaves[i]) < params.scale_tolerance)
        )
        return np.asarray(fits, np.bool_)
