"""Which pairs are worth a look: few strong points that have a neighbour elsewhere.

The cost is near linear in the number of images: a fixed number of points per image, a fixed number
of neighbours per point, inverted lists whose reading grows with the square root. A pair becomes a
candidate when two of its matches agree on one map: what a match says of scale, direction and place
must foretell the other.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curate.copies.features import MIRROR, Features, as_floats, strongest
from curate.copies.indexes import DescriptorIndex, hash_neighbors, principal_axes, sample_rows
from curate.fingerprint import orientations

_STRONG = 64  # points per image that vote
_AXES = 32  # of the 128 dimensions of a descriptor
_NEIGHBORS = 8  # per point
_MAX_DISTANCE = 0.3  # squared, between unit descriptors
_BLOCK = 2048  # images queried at a time
_SAMPLE = 20_000  # descriptors that tell the principal axes
_PLACE_TOLERANCE = (6.0, 0.2)  # px, and px per px away
_TURN_TOLERANCE = 30.0  # degrees
_SCALE_TOLERANCE = 0.8  # octaves
_FARTHEST_PARTNER = 12  # matches of one pair compared with this many next ones
_HASH_RADIUS = 8  # bits of 63
_HASH_NEIGHBORS = 8  # per image and orientation
_SAME_HASH = 4  # partners among images of the very same hash


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidates:
    """Pairs to verify, without repeats, ordered by (a, b, mirror).

    Attributes:
        a: (P,) int64 rows of the first images, a < b.
        b: (P,) int64 rows of the second images.
        mirror: (P,) bool, the first image is to be mirrored.
        votes: (P,) int32, point matches that agree, 0 for pairs from other sources.
    """

    a: NDArray[np.int64]
    b: NDArray[np.int64]
    mirror: NDArray[np.bool_]
    votes: NDArray[np.int32]


def from_points(features: Features, *, seed: int) -> Candidates:
    """Return the pairs in which at least two strong points agree, mirrored ones included."""
    n_images = len(features.counts)
    image, slot = strongest(features, np.arange(n_images), _STRONG)
    if len(image) == 0:
        return _merged([], n_images)
    sample = np.unique(np.linspace(0, len(image) - 1, _SAMPLE).astype(np.intp))
    described = as_floats(features.descriptors[image[sample], slot[sample]])
    mean, axes = principal_axes(np.concatenate([described, described[:, MIRROR]]), _AXES)

    def projected(rows: slice | NDArray[np.int64], *, mirror: bool) -> NDArray[np.float32]:
        raw = features.descriptors[image[rows], slot[rows]]
        centred = as_floats(raw[:, MIRROR] if mirror else raw) - mean
        return (centred @ axes).astype(np.float32)

    index = DescriptorIndex(projected(sample_rows(len(image)), mirror=False), len(image), seed=seed)
    for rows in _blocks(image, n_images):
        index.add(projected(rows, mirror=False))
    places = features.places[image, slot]
    found = []
    for rows in _blocks(image, n_images):
        for mirror in (False, True):
            distances, ids = index.search(projected(rows, mirror=mirror), _NEIGHBORS)
            table = _Matches.of(image, places, rows, distances, ids, mirror=mirror)
            found.append((*table.agreeing(), mirror))
    return _merged(found, n_images)


def _blocks(image: NDArray[np.intp], n_images: int) -> Iterator[slice]:
    """Yield slices of the point table that hold whole images, some thousands at a time."""
    edges = np.searchsorted(image, np.arange(0, n_images + _BLOCK, _BLOCK))
    for start, stop in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        if stop > start:
            yield slice(start, stop)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Matches:
    """Matches of points, sorted by pair of images.

    Attributes:
        a: (m,) row of the image of the query point.
        b: (m,) row of the image of its neighbour.
        start: (m, 2) float32, place of the query point, mirrored if so asked.
        end: (m, 2) float32, place of the neighbour.
        turn: (m,) float32, degrees from the one's direction to the other's.
        octaves: (m,) float32, log2 of the ratio of sizes.
    """

    a: NDArray[np.int64]
    b: NDArray[np.int64]
    start: NDArray[np.float32]
    end: NDArray[np.float32]
    turn: NDArray[np.float32]
    octaves: NDArray[np.float32]

    @classmethod
    def of(
        cls,
        image: NDArray[np.intp],
        places: NDArray[np.float32],
        rows: slice,
        distances: NDArray[np.float32],
        ids: NDArray[np.int64],
        *,
        mirror: bool,
    ) -> "_Matches":
        """Make the table from what the index answered for the points ``rows``."""
        n_neighbors = ids.shape[1]
        query = np.repeat(np.arange(rows.start, rows.stop), n_neighbors)
        other = ids.ravel()
        near = (other >= 0) & (distances.ravel() < _MAX_DISTANCE)
        query, other = query[near], other[near]
        apart = image[query] != image[other]
        query, other = query[apart], other[apart]
        pair = image[query].astype(np.int64) * (int(image[-1]) + 1) + image[other]
        order = np.argsort(pair, kind="stable")
        query, other = query[order], other[order]
        from_, to = places[query], places[other]
        turned = 180 - from_[:, 3] if mirror else from_[:, 3]
        sign = np.float32(-1 if mirror else 1)
        return cls(
            a=image[query].astype(np.int64),
            b=image[other].astype(np.int64),
            start=from_[:, :2] * np.array([sign, 1], np.float32),
            end=to[:, :2],
            turn=np.mod(to[:, 3] - turned, 360),
            octaves=np.log2(to[:, 2] / from_[:, 2]),
        )

    def agreeing(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int32]]:
        """Return pairs with at least two matches that foretell each other, and their votes."""
        support = np.ones(len(self.a), np.int32)
        first = np.arange(len(self.a) - 1)
        for distance in range(1, _FARTHEST_PARTNER + 1):
            first = first[: np.searchsorted(first, len(self.a) - distance)]
            second = first + distance
            same = (self.a[first] == self.a[second]) & (self.b[first] == self.b[second])
            first, second = first[same], second[same]
            both = self._foretell(first, second) & self._foretell(second, first)
            np.add.at(support, first[both], 1)
            np.add.at(support, second[both], 1)
        kept = support > 1
        return self.a[kept], self.b[kept], support[kept]

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


def _merged(
    found: list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int32], bool]], n_images: int
) -> Candidates:
    """Return each pair once, smaller row first, with the most votes it has in either direction."""
    none = np.zeros(0, np.int64)
    a = np.concatenate([none, *(pair[0] for pair in found)])
    b = np.concatenate([none, *(pair[1] for pair in found)])
    votes = np.concatenate([none.astype(np.int32), *(pair[2] for pair in found)])
    mirror = np.concatenate([none, *(np.full(len(pair[0]), pair[3], np.int64) for pair in found)])
    key = (np.minimum(a, b) * n_images + np.maximum(a, b)) * 2 + mirror
    order = np.lexsort((-votes, key))
    key, votes = key[order], votes[order]
    fresh = np.ones(len(key), np.bool_)
    fresh[1:] = key[1:] != key[:-1]
    key = key[fresh]
    pair = key // 2
    return Candidates(
        a=pair // n_images, b=pair % n_images, mirror=(key % 2).astype(np.bool_), votes=votes[fresh]
    )


def from_hashes(hashes: NDArray[np.uint64]) -> tuple[Candidates, NDArray[np.int64]]:
    """Return the pairs whose perceptual hashes are near in one of the eight orientations.

    Images of the very same hash are linked to the next few of them only: a folder of 10,000 blank
    scans has as many, not 50 million pairs.

    Args:
        hashes: (N,) uint64.

    Returns:
        The pairs, and for each in which orientation ``a`` looks like ``b``, (P,) in [0, 8).
    """
    unique, inverse = np.unique(hashes, return_inverse=True)
    turned = orientations(unique)
    query, other = hash_neighbors(
        unique, turned.reshape(-1), radius=_HASH_RADIUS, n_neighbors=_HASH_NEIGHBORS
    )
    by_hash = np.argsort(inverse, kind="stable").astype(np.int64)
    first = np.searchsorted(inverse[by_hash], np.arange(len(unique)))
    a, b = by_hash[first[query // 8]], by_hash[first[other]]
    orientation = query % 8
    for distance in range(1, _SAME_HASH + 1):
        same = inverse[by_hash[:-distance]] == inverse[by_hash[distance:]]
        a = np.concatenate([a, by_hash[:-distance][same]])
        b = np.concatenate([b, by_hash[distance:][same]])
        orientation = np.concatenate([orientation, np.zeros(int(same.sum()), np.int64)])
    forward = a < b  # each pair is seen from both ends, in orientations that undo each other
    a, b, orientation = a[forward], b[forward], orientation[forward]
    key = np.unique((a * len(hashes) + b) * 8 + orientation)
    pair, orientation = key // 8, key % 8
    a, b = pair // len(hashes), pair % len(hashes)
    flips = (orientation & 1) + (orientation >> 1 & 1) + (orientation >> 2 & 1)
    return (
        Candidates(a=a, b=b, mirror=flips % 2 == 1, votes=np.zeros(len(a), np.int32)),
        orientation,
    )
