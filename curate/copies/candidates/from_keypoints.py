"""Candidates by points: images of which few strong points have a neighbour in each other.

The cost is near linear in the number of images: a fixed number of points per image, a fixed number
of neighbours per point, inverted lists whose reading grows with the square root. A pair becomes a
candidate when two of its matches agree on one map: what a match says of scale, direction and place
must foretell the other.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curate.copies.candidates.ann_index import DescriptorIndex, principal_axes, sample_rows
from curate.copies.candidates.pairs import Candidates, joined
from curate.copies.verification.keypoints import MIRROR, Features, as_floats, strongest
from curate.copies.verification.verifier import BY_MIRRORED_POINTS, BY_POINTS

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]

_STRONG = 64  # points per image that vote
_AXES = 32  # of the 128 dimensions of a descriptor
_NEIGHBORS = 8  # per point
_LATER_NEIGHBORS = 16  # per point of an image that comes later: those before do not look for it
_MAX_DISTANCE = 0.3  # squared, between unit descriptors
_BLOCK = 2048  # images queried at a time
_SAMPLE = 20_000  # descriptors that tell the principal axes
_PLACE_TOLERANCE = (6.0, 0.2)  # px, and px per px away
_TURN_TOLERANCE = 30.0  # degrees
_SCALE_TOLERANCE = 0.8  # octaves
_FARTHEST_PARTNER = 12  # matches of one pair compared with this many next ones


@dataclass(frozen=True, kw_only=True, slots=True)
class PointIndex:
    """Where the points of some images lie among all.

    Attributes:
        mean: (128,) float32, of descriptors.
        axes: (128, A) float32, the directions in which they vary most.
        lists: The points along these directions, those of one image after those of another.
    """

    mean: Floats
    axes: Floats
    lists: DescriptorIndex

    @classmethod
    def trained(cls, features: Features, rows: Ints, *, seed: int) -> "PointIndex | None":
        """Return an index without points, fit for those of ``rows``; None if these have none."""
        _, record = strongest(features, rows, _STRONG)
        if len(record) == 0:
            return None
        sample = np.unique(np.linspace(0, len(record) - 1, _SAMPLE).astype(np.intp))
        described = as_floats(features.records["descriptor"][record[sample]])
        mean, axes = principal_axes(np.concatenate([described, described[:, MIRROR]]), _AXES)
        shown = features.records["descriptor"][record[sample_rows(len(record))]]
        projected = _projected(shown, mean, axes)
        lists = DescriptorIndex.trained(projected, len(record), seed=seed)
        return cls(mean=mean, axes=axes, lists=lists)

    def projected(self, features: Features, record: Ints, *, mirror: bool) -> Floats:
        """Return descriptors along the axes, (n, A) float32."""
        raw = features.records["descriptor"][record]
        return _projected(raw[:, MIRROR] if mirror else raw, self.mean, self.axes)


def from_points(features: Features, index: PointIndex, before: Ints, rows: Ints) -> Candidates:
    """Return the pairs of images in which at least two strong points agree, mirrored ones included.

    Args:
        features: Tables of all images.
        index: The points of ``before``, in this order; those of ``rows`` are added.
        before: (B,) int64, images among which all pairs are known.
        rows: (R,) int64, images to pair with each other and with those before.
    """
    image, record = strongest(features, np.concatenate([before, rows]), _STRONG)

    def owner(points: Ints) -> tuple[Ints, Floats]:
        return image[points], features.records["place"][record[points]]

    for block in _blocks(rows):
        _, added = strongest(features, block, _STRONG)
        index.lists.add(index.projected(features, added, mirror=False))
    n_neighbors = _LATER_NEIGHBORS if len(before) else _NEIGHBORS
    asked = [strongest(features, block, _STRONG) for block in _blocks(rows)]
    return joined([_voted(features, own, index, owner, n_neighbors) for own in asked])


def of_further_points(
    further: Features, features: Features, index: PointIndex, before: Ints
) -> Candidates:
    """Return the pairs of a further image and one in the index in which two strong points agree.

    Args:
        further: Tables of Q images that are not in the index.
        features: Tables of all images of the index.
        index: The points of ``before``, in this order.
        before: (B,) int64, rows of ``features``.

    Returns:
        Pairs of a row of ``further`` and one of ``features``.
    """
    n_further = len(further.counts)
    ends = np.cumsum(np.minimum(features.counts[before], _STRONG), dtype=np.int64)
    starts = ends - np.minimum(features.counts[before], _STRONG)

    def owner(points: Ints) -> tuple[Ints, Floats]:
        rank = np.searchsorted(ends, points, side="right")
        record = features.starts[before[rank]] + points - starts[rank]
        return before[rank] + n_further, features.records["place"][record]

    own = strongest(further, np.arange(n_further), _STRONG)
    found = _voted(further, own, index, owner, _LATER_NEIGHBORS)
    return Candidates(a=found.a, b=found.b - n_further, way=found.way)


def _voted(
    features: Features,
    own: tuple[Ints, Ints],
    index: PointIndex,
    owner: Callable[[Ints], tuple[Ints, Floats]],
    n_neighbors: int,
) -> Candidates:
    """Return the pairs that points vote for, upright and mirrored.

    Args:
        features: Tables of the images that ask.
        own: Image and record of each point that asks, as `strongest` has them.
        index: Where the points lie that are asked for.
        owner: Tells the image of each point of the index, and its place in it.
        n_neighbors: Points of the index that each point votes for.
    """
    image, record = own
    found = []
    for mirror in (False, True):
        queries = index.projected(features, record, mirror=mirror)
        distances, ids = index.lists.search(queries, n_neighbors)
        query, slot = np.nonzero((ids >= 0) & (distances < _MAX_DISTANCE))
        other, there = owner(ids[query, slot])
        here = features.records["place"][record][query]
        found.append(_Matches.of((image[query], other), (here, there), mirror=mirror).agreeing())
    return joined(found)


def _projected(raw: NDArray[np.uint8], mean: Floats, axes: Floats) -> Floats:
    return np.asarray((as_floats(raw) - mean) @ axes, np.float32)


def _blocks(rows: Ints) -> Iterator[Ints]:
    """Yield the images, some thousands at a time."""
    for start in range(0, len(rows), _BLOCK):
        yield rows[start : start + _BLOCK]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Matches:
    """Matches of points, sorted by pair of images.

    Attributes:
        a: (m,) row of the image of the query point.
        b: (m,) row of the image of its neighbour.
        way: Whether the query points were mirrored, as in `curate.copies.verification.verifier`.
        start: (m, 2) float32, place of the query point, mirrored if so asked.
        end: (m, 2) float32, place of the neighbour.
        turn: (m,) float32, degrees from the one's direction to the other's.
        octaves: (m,) float32, log2 of the ratio of sizes.
    """

    a: NDArray[np.int64]
    b: NDArray[np.int64]
    way: int
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
        """Make the table from the images of matched points, and from their places, (m, 4)."""
        apart = pairs[0] != pairs[1]
        a, b = pairs[0][apart], pairs[1][apart]
        order = np.lexsort((b, a))
        a, b = a[order], b[order]
        from_, to = places[0][apart][order], places[1][apart][order]
        turned = 180 - from_[:, 3] if mirror else from_[:, 3]
        sign = np.float32(-1 if mirror else 1)
        return cls(
            a=a,
            b=b,
            way=BY_MIRRORED_POINTS if mirror else BY_POINTS,
            start=from_[:, :2] * np.array([sign, 1], np.float32),
            end=to[:, :2],
            turn=np.mod(to[:, 3] - turned, 360),
            octaves=np.log2(to[:, 2] / from_[:, 2]),
        )

    def agreeing(self) -> Candidates:
        """Return the pairs with at least two matches that foretell each other, some repeatedly."""
        agrees = np.zeros(len(self.a), np.bool_)
        first = np.arange(len(self.a) - 1)
        for distance in range(1, _FARTHEST_PARTNER + 1):
            first = first[: np.searchsorted(first, len(self.a) - distance)]
            second = first + distance
            same = (self.a[first] == self.a[second]) & (self.b[first] == self.b[second])
            first, second = first[same], second[same]
            both = self._foretell(first, second) & self._foretell(second, first)
            agrees[first[both]] = True
        a, b = self.a[agrees], self.b[agrees]
        return Candidates(a=a, b=b, way=np.full(len(a), self.way))

    def _foretell(self, i: NDArray[np.intp], j: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Whether the map that match i implies takes match j about where it goes."""
        turn = np.deg2rad(self.turn[i])
        scale = np.exp2(self.octaves[i])
        way = self.start[j] - self.start[i]
        cos, sin = scale * np.cos(turn), scale * np.sin(turn)
        went = self.end[j] - self.end[i]
        off_x = cos * way[:, 0] - sin * way[:, 1] - went[:, 0]
        off_y = sin * way[:, 0] + cos * way[:, 1] - went[:, 1]
        length = np.hypot(went[:, 0], went[:, 1])
        allowed = _PLACE_TOLERANCE[0] + _PLACE_TOLERANCE[1] * length
        swing = np.abs(np.mod(self.turn[j] - self.turn[i] + 180, 360) - 180)
        fits = (
            (np.hypot(off_x, off_y) < allowed)
            & (np.hypot(way[:, 0], way[:, 1]) > 3)
            & (length > 3)
            & (swing < _TURN_TOLERANCE)
            & (np.abs(self.octaves[j] - self.octaves[i]) < _SCALE_TOLERANCE)
        )
        return np.asarray(fits, np.bool_)
