"""The affine map between two images that most of their matched keypoints agree on.

Each match of two SIFT keypoints is a guess of the whole map, as both have a place, a size
and a direction. All guesses of a pair are tried (there are at most 64), the best three are
refined to affine maps by trimmed least squares. There is no randomness in it, and a block of
pairs is one run of array operations.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curate.copies.verification.keypoints import (
    MIRROR,
    Keypoints,
    decode_descriptors,
    mirror_places,
)

Floats = NDArray[np.float32]

_STRIP = 16  # rows


@dataclass(frozen=True, kw_only=True, slots=True)
class AlignmentParams:
    """When matched keypoints agree on a map.

    Quality is measured by ``tests/benchmarks/dedup_quality.py``, its cost by ``dedup_scale.py``
    there. Who changes one raises ``CACHE_VERSION``.

    Attributes:
        max_ratio: Largest ratio of best to second best distance (Lowe 2004, section 7.1); a larger
            one matches repeated patterns, a smaller one loses altered copies.
        n_matches: Matches of a pair that take part, the surest first; the cost grows with its
            square.
        n_guesses: Guesses refined per pair; the first is not always the best once refined.
        tolerances: Working px that an inlier may be off, round by round.
        slack: px allowed more per px of distance: a guess from one keypoint errs in proportion.
        stiffness: px; few or crowded inliers stay near the guess instead of shearing wildly.
        place: px; inliers in one square of this side are counted once.
    """

    max_ratio: float = 0.92
    n_matches: int = 64
    n_guesses: int = 3
    tolerances: tuple[float, ...] = (6.0, 4.5, 3.5, 3.0)
    slack: float = 0.12
    stiffness: float = 12.0
    place: float = 4


ALIGNMENT_PARAMS = AlignmentParams()


@dataclass(frozen=True, kw_only=True, slots=True)
class Alignment:
    """Maps from the first to the second image of P pairs.

    Attributes:
        maps: (P, 2, 3) float32, working px of the first to working px of the second image.
        inliers: (P,) int32, keypoints that agree within 3 px, counted by distinct place.
        matches: (P,) int32, mutual nearest neighbours that passed the ratio test.
    """

    maps: Floats
    inliers: NDArray[np.int32]
    matches: NDArray[np.int32]


def align_pairs(
    keypoints: Keypoints, a: NDArray[np.intp], b: NDArray[np.intp], mirror: NDArray[np.bool_]
) -> Alignment:
    """Return the map from image ``a[i]`` to image ``b[i]`` for a block of pairs.

    Args:
        keypoints: Of all images.
        a: (P,) rows of the first images.
        b: (P,) rows of the second images.
        mirror: (P,) bool, whether the first image is to be mirrored.
    """
    from_, to, used = _match_keypoints(keypoints, a, b, mirror)
    from_[mirror] = mirror_places(from_[mirror], keypoints.shapes[a[mirror], 1])
    maps, inlying = _find_consensus(from_, to, used)
    inliers = _count_distinct(from_, to, inlying)
    maps[mirror] = _unmirror_maps(maps[mirror], keypoints.shapes[a[mirror], 1])
    return Alignment(maps=maps, inliers=inliers, matches=used.sum(axis=1, dtype=np.int32))


def _match_keypoints(
    keypoints: Keypoints, a: NDArray[np.intp], b: NDArray[np.intp], mirror: NDArray[np.bool_]
) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Return the places of matched keypoints in both images, as they lie, and which are in use.

    Args:
        keypoints: Of all images.
        a: (P,) rows of the first images.
        b: (P,) rows of the second images.
        mirror: (P,) bool, whether the first image is described as mirrored.
    """
    places_a, described_a = keypoints.load(a)
    places_b, described_b = keypoints.load(b)
    described_a[mirror] = described_a[mirror][..., MIRROR]
    index_a, index_b, used = _match_descriptors(
        decode_descriptors(described_a),
        decode_descriptors(described_b),
        keypoints.counts[a],
        keypoints.counts[b],
    )
    rows = np.arange(len(a))[:, None]
    return places_a[rows, index_a], places_b[rows, index_b], used


def _match_descriptors(
    a: Floats, b: Floats, n_a: NDArray[np.int32], n_b: NDArray[np.int32]
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.bool_]]:
    """Return slots of matched keypoints, (P, 64) each, and which of them are in use."""
    similarity = _multiply_descriptors(a, b)
    slots = np.arange(a.shape[1])
    similarity[slots[None, :] >= n_a[:, None]] = -1
    similarity.transpose(0, 2, 1)[slots[None, :] >= n_b[:, None]] = -1
    nearest = similarity.argmax(axis=2)
    best = np.take_along_axis(similarity, nearest[..., None], 2)[..., 0]
    mutual = best == np.take_along_axis(similarity.max(axis=1), nearest, 1)
    np.put_along_axis(similarity, nearest[..., None], -1, 2)
    second = similarity.max(axis=2)
    far = np.sqrt(np.maximum(2 - 2 * second, 1e-6))
    ratio = np.sqrt(np.maximum(2 - 2 * best, 0)) / far
    good = mutual & (best > 0) & (ratio < ALIGNMENT_PARAMS.max_ratio)
    rank = np.where(good, ratio, 9.0)
    order = np.argsort(rank, axis=1, kind="stable")[:, : ALIGNMENT_PARAMS.n_matches]
    return order, np.take_along_axis(nearest, order, 1), np.take_along_axis(good, order, 1)


def _multiply_descriptors(a: Floats, b: Floats) -> Floats:
    """Return the inner products of all rows of each pair, (P, n, n).

    In strips of 16 rows: larger products make OpenBLAS start threads of its own in each of ours,
    which costs more than half as much again.
    """
    n_pairs, n, width = a.shape
    strips = a.reshape(n_pairs, n // _STRIP, _STRIP, width)
    products = strips @ np.ascontiguousarray(b.transpose(0, 2, 1))[:, None]
    return np.asarray(products.reshape(n_pairs, n, n), np.float32)


def _find_consensus(
    from_: Floats, to: Floats, used: NDArray[np.bool_]
) -> tuple[Floats, NDArray[np.bool_]]:
    """Return the best map of each pair, (P, 2, 3), and its inliers, (P, 64)."""
    linear = _guess_linear(from_, to)
    x, y = from_[..., :2], to[..., :2]
    agree = _test_guesses(linear, x, y) & used[:, None] & used[:, :, None]
    top = np.argsort(-agree.sum(axis=2, dtype=np.int32), axis=1, kind="stable")[
        :, : ALIGNMENT_PARAMS.n_guesses
    ]
    support = np.take_along_axis(agree, top[..., None], 1)
    guess = np.take_along_axis(linear, top[..., None, None], 1)
    maps, support = _refine_maps(guess, support, x, y, used)
    best = support.sum(axis=2, dtype=np.int32).argmax(axis=1)
    rows = np.arange(len(best))
    return maps[rows, best], support[rows, best]


def _guess_linear(from_: Floats, to: Floats) -> Floats:
    """Return the linear part that each match implies, (P, 64, 2, 2)."""
    size = to[..., 2] / np.maximum(from_[..., 2], 1e-3)
    turn = np.deg2rad(to[..., 3] - from_[..., 3])
    cos, sin = size * np.cos(turn), size * np.sin(turn)
    return np.stack([np.stack([cos, -sin], -1), np.stack([sin, cos], -1)], -2)


def _test_guesses(linear: Floats, x: Floats, y: Floats) -> NDArray[np.bool_]:
    """Return whether the map of match g takes match m about where it lies, (P, g, m)."""
    cos, sin = linear[..., 0, 0, None], linear[..., 1, 0, None]
    offset_x = x[:, None, :, 0] - x[:, :, None, 0]
    offset_y = x[:, None, :, 1] - x[:, :, None, 1]
    target_x = y[:, None, :, 0] - y[:, :, None, 0]
    target_y = y[:, None, :, 1] - y[:, :, None, 1]
    off_x = cos * offset_x - sin * offset_y - target_x
    off_y = sin * offset_x + cos * offset_y - target_y
    allowed = ALIGNMENT_PARAMS.tolerances[0] + ALIGNMENT_PARAMS.slack * np.sqrt(
        target_x * target_x + target_y * target_y
    )
    return np.asarray(off_x * off_x + off_y * off_y < allowed * allowed, np.bool_)


def _refine_maps(
    linear: Floats, support: NDArray[np.bool_], x: Floats, y: Floats, used: NDArray[np.bool_]
) -> tuple[Floats, NDArray[np.bool_]]:
    """Return affine maps fitted to their own inliers in a few rounds, and the last inliers.

    The fit is the least change of the guess, by ridge regression: the normal matrices are
    2 x 2, so P pairs are solved at once.
    """
    shift = np.zeros(linear.shape[:-1], np.float32)
    ridge = np.eye(2, dtype=np.float32) * ALIGNMENT_PARAMS.stiffness**2
    for tolerance in ALIGNMENT_PARAMS.tolerances[1:]:
        weight = support.astype(np.float32)
        mass = np.maximum(weight.sum(axis=2), 1e-6)[..., None]
        mean_x, mean_y = weight @ x / mass, weight @ y / mass
        centred = (x[:, None] - mean_x[:, :, None]) * weight[..., None]
        rest = (y[:, None] - mean_y[:, :, None]) * weight[..., None]
        rest -= centred @ linear.swapaxes(-1, -2)
        spread = centred.swapaxes(-1, -2) @ centred + ridge
        linear = linear + rest.swapaxes(-1, -2) @ centred @ np.linalg.inv(spread)
        shift = mean_y - (linear @ mean_x[..., None])[..., 0]
        off = x[:, None] @ linear.swapaxes(-1, -2) + shift[:, :, None] - y[:, None]
        distance = off[..., 0] * off[..., 0] + off[..., 1] * off[..., 1]
        support = (distance < tolerance**2) & used[:, None]
    return np.concatenate([linear, shift[..., None]], -1), support


def _count_distinct(from_: Floats, to: Floats, inlying: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Count inliers by place: SIFT may see one spot in several directions."""
    cells = [
        np.floor(places[..., :2] / ALIGNMENT_PARAMS.place).astype(np.int64) + 1024
        for places in (from_, to)
    ]
    counts = []
    for cell in cells:
        key = np.where(inlying, cell[..., 0] * 65536 + cell[..., 1], -1)
        key.sort(axis=1)
        is_new = (key[:, 1:] != key[:, :-1]) & (key[:, 1:] >= 0)
        counts.append(is_new.sum(axis=1) + (key[:, 0] >= 0))
    return np.asarray(np.minimum(*counts), np.int32)


def _unmirror_maps(maps: Floats, widths: NDArray[np.int32]) -> Floats:
    """Turn maps from mirrored first images into maps from the images themselves."""
    out = maps.copy()
    out[..., 2] += maps[..., 0] * (widths[:, None] - 1)
    out[..., 0] = -maps[..., 0]
    return out


def map_frames(
    shapes_a: NDArray[np.int32], shapes_b: NDArray[np.int32], orientation: NDArray[np.int64]
) -> Floats:
    """Return the maps that take the whole of each first image to the whole of the second.

    Args:
        shapes_a: (P, 2) int32, height and width of the first images.
        shapes_b: (P, 2) int32, of the second images.
        orientation: (P,) int in [0, 8), as in `curate.images.perceptual_hash.orientations`.

    Returns:
        (P, 2, 3) float32, pixel centres to pixel centres.
    """
    height, width = shapes_b[:, 0].astype(np.float64), shapes_b[:, 1].astype(np.float64)
    maps = np.zeros((len(orientation), 2, 3))
    swapped = (orientation & 4) > 0
    across = shapes_a[np.arange(len(swapped)), np.where(swapped, 0, 1)]
    down = shapes_a[np.arange(len(swapped)), np.where(swapped, 1, 0)]
    rows = np.arange(len(swapped))
    for axis, extent_a, extent_b, flipped in (
        (0, across, width, (orientation & 1) > 0),
        (1, down, height, (orientation & 2) > 0),
    ):
        factor = extent_b / extent_a
        source = np.where(swapped, 1 - axis, axis)
        maps[rows, axis, source] = np.where(flipped, -factor, factor)
        start = 0.5 * factor - 0.5
        maps[:, axis, 2] = np.where(flipped, extent_b - 1 - start, start)
    return maps.astype(np.float32)


def count_support(
    keypoints: Keypoints, a: NDArray[np.int64], b: NDArray[np.int64], maps: Floats
) -> Alignment:
    """Return given maps with the keypoints that agree with them.

    Args:
        keypoints: Of all images.
        a: (P,) rows of the first images.
        b: (P,) rows of the second images.
        maps: (P, 2, 3) float32, working px of the first to working px of the second.
    """
    from_, to, used = _match_keypoints(keypoints, a, b, np.linalg.det(maps[:, :, :2]) < 0)
    off = from_[..., :2] @ maps[..., :2].swapaxes(-1, -2) + maps[:, None, :, 2] - to[..., :2]
    distance = off[..., 0] * off[..., 0] + off[..., 1] * off[..., 1]
    agreeing = (distance < ALIGNMENT_PARAMS.tolerances[-1] ** 2) & used
    return Alignment(
        maps=maps,
        inliers=_count_distinct(from_, to, agreeing),
        matches=used.sum(axis=1, dtype=np.int32),
    )
