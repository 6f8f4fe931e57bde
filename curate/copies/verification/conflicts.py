"""Conflicts: places in which one change of tone does not turn the one image into the other.

A caption, a sticker, a stamp lies over one of two copies: all places then carry something in the
same image. Two moments before one camera, two receipts of one shop carry something in both. What
lies over an image ends at an edge that the other image does not have: that tells the side.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

CONFLICT_NAMES = (
    "conflict_area", "conflict_places", "two_sided_area", "two_sided_places", "noise",
)  # fmt: skip
"""What is measured of the conflicts of a pair, in order."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ConflictParams:
    """When images conflict in a place.

    Quality is measured by ``tests/benchmarks/base_rates.py``; the weights belong to these values.
    Who changes one raises ``CACHE_VERSION``.

    Attributes:
        n_levels: Grey levels that a change of tone is learned for.
        n_known: px; with fewer a level is filled in from its neighbours.
        uneven: px, of the blur that takes uneven light out of the difference.
        clipped: Grey levels; larger differences are no uneven light.
        smooth: px, of the blur of the squared difference.
        times_usual: Times the usual squared difference, from which on a place conflicts.
        wide: px, of the blur of the squared difference and of the variance it is compared with.
        unexplained: Share of the variance that a conflict leaves; blur and compression leave less.
        least: Grey levels; less of a difference never conflicts.
        least_place: px; smaller places do not count.
        ring: px, on either side of a place's border, in which its edge is looked for.
        undecided: Of the edges' difference over their sum: the place counts half for either side.
    """

    n_levels: int = 32
    n_known: int = 16
    uneven: float = 20.0
    clipped: float = 40.0
    smooth: float = 1.5
    times_usual: float = 9.0
    wide: float = 3.0
    unexplained: float = 0.5
    least: float = 12.0
    least_place: int = 24
    ring: int = 2
    undecided: float = 0.08


CONFLICT_PARAMS = ConflictParams()


@dataclass(frozen=True, kw_only=True, slots=True)
class ConflictPlaces:
    """Where two images in one frame conflict.

    Attributes:
        label: (h, w) int32, number of the place, from 1; 0 elsewhere.
        area: (n,) float64, share of the overlap of each place.
        usual: Usual squared difference, in squared grey levels.
    """

    label: NDArray[np.int32]
    area: NDArray[np.float64]
    usual: float


def measure_conflict_places(x: Floats, y: Floats, places: ConflictPlaces) -> list[float]:
    """Return what is measured of the conflicts, in the order of `CONFLICT_NAMES`.

    Args:
        x: (h, w) float32, the one image.
        y: (h, w) float32, the other, in its frame.
        places: Where they conflict.

    Returns:
        The share of the overlap that conflicts, log(1 + places); the same for the image that
        carries less of them; log of the usual difference in grey levels.
    """
    noise = float(np.log(np.sqrt(places.usual) + 1))
    if len(places.area) == 0:
        return [0.0, 0.0, 0.0, 0.0, noise]
    side = _find_sides(x, y, places.label, len(places.area))
    undecided = CONFLICT_PARAMS.undecided
    first = np.where(side > undecided, 1.0, np.where(side < -undecided, 0.0, 0.5))
    areas = [float((places.area * share).sum()) for share in (first, 1 - first)]
    counts = [float(share.sum()) for share in (first, 1 - first)]
    return [
        float(np.sqrt(sum(areas))),
        float(np.log1p(sum(counts))),
        float(np.sqrt(min(areas))),
        float(np.log1p(min(counts))),
        noise,
    ]


def find_conflict_places(x: Floats, y: Floats, valid: Floats) -> ConflictPlaces:
    """Return the places in which the images conflict.

    Args:
        x: (h, w) float32, the one image.
        y: (h, w) float32, the other, in its frame.
        valid: (h, w) float32, 1 where both have pixels.
    """
    params = CONFLICT_PARAMS
    inside = cv2.erode(valid, np.ones((5, 5), np.uint8)) > 0
    n_inside = int(inside.sum())
    if n_inside < params.least_place:
        return ConflictPlaces(label=np.zeros(x.shape, np.int32), area=np.zeros(0), usual=0.0)
    rest = np.where(inside, _subtract_tone(x, y, inside), 0).astype(np.float32)
    side = int(2 * params.uneven) | 1
    mass = cv2.blur(inside.astype(np.float32), (side, side))
    clipped = np.clip(rest, -params.clipped, params.clipped)
    rest -= cv2.blur(clipped, (side, side)) / np.maximum(mass, 1e-3)
    square = np.where(inside, rest * rest, 0).astype(np.float32)
    power = cv2.GaussianBlur(square, (0, 0), params.smooth)
    usual = float(np.median(power[::2, ::2][inside[::2, ::2]]))
    least = max(params.times_usual * usual, params.least**2)
    varied = np.minimum(_measure_variance(x), _measure_variance(y))
    is_unexplained = cv2.GaussianBlur(square, (0, 0), params.wide) > params.unexplained * varied
    conflict = ((power > least) & is_unexplained & inside).astype(np.uint8)
    _, label, stats, _ = cv2.connectedComponentsWithStats(conflict, connectivity=8)
    area = stats[:, cv2.CC_STAT_AREA]
    counts = area >= params.least_place
    counts[0] = False
    number = np.where(counts, np.cumsum(counts), 0).astype(np.int32)
    return ConflictPlaces(label=number[label], area=area[counts] / n_inside, usual=usual)


def _subtract_tone(x: Floats, y: Floats, inside: NDArray[np.bool_]) -> Floats:
    """Return what a change of tone of the other image leaves of the one.

    The change is learned level by level: the middle of what stands where the other has a level.
    """
    n_levels = CONFLICT_PARAMS.n_levels
    levels = [np.clip(image, 0, 255).astype(np.uint8) for image in (y, x)]
    mask = inside.astype(np.uint8)
    counts = cv2.calcHist(levels, [0, 1], mask, [n_levels, 256], [0, 256, 0, 256])
    total = counts.sum(axis=1)
    known = total > CONFLICT_PARAMS.n_known
    if known.sum() < 2:
        return np.asarray(x - y, np.float32)
    middle = (counts.cumsum(axis=1) >= total[:, None] / 2).argmax(axis=1)
    centre = (np.arange(n_levels) + 0.5) * (256 / n_levels)
    table = np.interp(np.arange(256) + 0.5, centre[known], middle[known]).astype(np.float32)
    return np.asarray(x - cv2.LUT(levels[0], table), np.float32)


def _measure_variance(image: Floats) -> Floats:
    """Return the local variance of an image."""
    sigma = CONFLICT_PARAMS.wide
    mean = cv2.GaussianBlur(image, (0, 0), sigma)
    square = cv2.GaussianBlur(image * image, (0, 0), sigma)
    return np.asarray(np.maximum(square - mean * mean, 0), np.float32)


def _find_sides(x: Floats, y: Floats, label: NDArray[np.int32], n: int) -> NDArray[np.float64]:
    """Return for each of n places which image has the edge around it: 1 the one, -1 the other."""
    ring = CONFLICT_PARAMS.ring
    kernel = np.ones((2 * ring + 1,) * 2, np.uint8)
    conflict = (label > 0).astype(np.uint8)
    border = (cv2.dilate(conflict, kernel) > 0) & (cv2.erode(conflict, kernel) == 0)
    names = cv2.dilate(label.astype(np.float32), kernel)[border].astype(np.int64)
    edges = []
    for image in (x, y):
        smooth = cv2.GaussianBlur(image, (0, 0), 1.0)
        gx = cv2.Sobel(smooth, cv2.CV_32F, 1, 0, scale=0.125)
        gy = cv2.Sobel(smooth, cv2.CV_32F, 0, 1, scale=0.125)
        edges.append(np.bincount(names, cv2.magnitude(gx, gy)[border], n + 1)[1:])
    return np.asarray((edges[0] - edges[1]) / (edges[0] + edges[1] + 1.0), np.float64)
