"""Detail: what two aligned images show at the resolution of the pixel cache.

On a working copy of 128 px the words of a page are grey stripes, and two faces of one person agree.
A pair that may be a copy is therefore laid over each other once more, at up to 256 px, by a
projective map fitted to the pixels, and compared tile by tile in three bands of detail. A copy
agrees in every place that nothing lies over, however hard it was compressed; another page of the
same form, another moment before the same camera agree in places only.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from curate.copies.verification.conflicts import (
    CONFLICT_NAMES,
    ConflictPlaces,
    find_conflict_places,
    measure_conflict_places,
)
from curate.copies.verification.grain import measure_grain_deficit
from curate.copies.verification.laying import Laid, lay_over
from curate.copies.verification.plain_ground import measure_alone
from curate.copies.verification.surroundings import (
    SURROUNDING_NAMES,
    measure_marks,
    measure_surroundings,
)
from curate.copies.verification.tiles import average_tiles, measure_moments

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]

BANDS = ("fine", "middle", "coarse")
_OF_A_BAND = (
    "median", "low", "lowest", "conflict", "largest_conflict", "places", "log_tiles", "two_sided",
)  # fmt: skip
DETAIL_NAMES = (
    *(f"{band}_{name}" for band in BANDS for name in _OF_A_BAND),
    "best_low",
    "best_conflict",
    "best_places",
    "residual",
    "residual_places",
    "log_side",
    *CONFLICT_NAMES,
    "grain_deficit",
)
"""The kinds of detail, in the order in which they are measured."""

CLOSE_NAMES = (*DETAIL_NAMES, *SURROUNDING_NAMES)
"""All that a close look at a pair measures."""
N_DETAIL = len(DETAIL_NAMES)
"""How many of them are evidence; the others say what lies around and over either image."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DetailParams:
    """How detail is compared.

    Quality is measured by ``tests/benchmarks/base_rates.py``; the weights belong to these values.
    Who changes one raises ``CACHE_VERSION``.

    Attributes:
        longest_side: px; a panorama is compared at less.
        sigmas: px, of the blurs between which the three bands lie, finest first.
        textured: Grey levels, standard deviation of a tile in each band, in both images.
        conflicts: Correlation below which such a tile conflicts.
        least_cover: Share of a tile that must lie in both images.
    """

    longest_side: int = 1024
    sigmas: tuple[float, float, float] = (1.2, 2.4, 4.8)
    textured: tuple[float, float, float] = (1.5, 2.0, 3.0)
    conflicts: float = 0.3
    least_cover: float = 0.6


DETAIL_PARAMS = DetailParams()


def swap_sides(close: Floats) -> Floats:
    """Return what close looks show, (P, 46), with first and second image exchanged."""
    half = len(SURROUNDING_NAMES) // 2
    parts = (close[:, :N_DETAIL], close[:, N_DETAIL + half :], close[:, N_DETAIL:-half])
    return np.concatenate(parts, axis=1)


def shrink_for_close_look(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the grey image that is looked at closely, of cached pixels (H, W, 3) uint8."""
    grey = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.uint8)
    factor = DETAIL_PARAMS.longest_side / max(grey.shape)
    if factor >= 1:
        return grey
    size = (max(1, round(grey.shape[1] * factor)), max(1, round(grey.shape[0] * factor)))
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8)


def look_closely(a: NDArray[np.uint8], b: NDArray[np.uint8], a_to_b: Floats) -> Floats:
    """Return what a close look at a pair shows, (46,) float32 in the order of `CLOSE_NAMES`.

    Args:
        a: (h, w) uint8, first image, as cached.
        b: (h, w) uint8, second image.
        a_to_b: (2, 3) float32, px of ``a`` to px of ``b``, nearly right.

    Returns:
        All NaN if next to nothing of the one lies in the other.
    """
    laid = lay_over(a, b, a_to_b)
    if laid is None:
        return np.full(len(CLOSE_NAMES), np.nan, np.float32)
    size = (laid.whole.shape[1], laid.whole.shape[0])
    ones = np.ones(laid.below.shape, np.float32)
    covers_whole = np.asarray(cv2.warpPerspective(ones, laid.into, size), np.float32)
    views = [(laid.below, laid.valid), (laid.whole, (covers_whole > 0.5).astype(np.float32))]
    marks = measure_marks(laid.below, laid.above, laid.valid)
    places = find_conflict_places(laid.below, laid.above, laid.valid)
    alone = measure_alone(laid.below, laid.above, laid.valid, places)
    if not laid.is_first_below:
        views, marks, alone = views[::-1], marks[::-1], alone[::-1]
    around = measure_surroundings(views[0], views[1], marks, alone)
    return np.concatenate([_measure_detail(laid, places), np.array(around, np.float32)])


def _measure_detail(laid: Laid, places: ConflictPlaces) -> Floats:
    """Return the evidence of detail, (36,) float32 in the order of `DETAIL_NAMES`."""
    params = DETAIL_PARAMS
    x, y, valid = laid.below, laid.above, laid.valid
    cover = average_tiles(valid)
    mass = np.maximum(cover, 1e-3)
    used = cover > params.least_cover
    values: list[float] = []
    correlations, both = [], []
    before = (x, y)
    blurred = []
    for sigma, textured in zip(params.sigmas, params.textured, strict=True):
        after = (_blur(x, sigma), _blur(y, sigma))
        bands = [one - two for one, two in zip(before, after, strict=True)]
        blurred.append(after)
        before = after
        _, _, sd_x, sd_y, correlation = measure_moments(bands[0], bands[1], valid, mass)
        in_both = used & (np.minimum(sd_x, sd_y) > textured)
        in_either = used & (np.maximum(sd_x, sd_y) > 2 * textured)
        values += _describe_band(correlation, in_both, in_either, used)
        correlations.append(np.where(in_both, correlation, -1))
        both.append(in_both)
    best = np.max(correlations, axis=0)
    any_band = np.any(both, axis=0)
    conflict = any_band & (best < params.conflicts)
    n = max(1, int(any_band.sum()))
    low = float(np.quantile(best[any_band], 0.1)) if any_band.any() else 0.0
    values += [low, float(conflict.sum()) / n, _count_places(conflict)]
    values += _describe_residual(before[0], before[1], x, y, valid, used)
    values.append(float(np.log(np.sqrt(max(float(valid.sum()), 1.0)))))
    values += _describe_conflicts(laid, places, blurred)
    return np.array(values, np.float32)


def _describe_conflicts(
    laid: Laid, places: ConflictPlaces, blurred: list[tuple[Floats, Floats]]
) -> list[float]:
    """Return what is measured of conflicts, and of the grain beside them.

    Args:
        laid: The images.
        places: Where they conflict.
        blurred: Both, by the first and the second of the sigmas.
    """
    x, y = laid.below, laid.above
    inside = (laid.valid > 0) & (places.label == 0)
    deficit = measure_grain_deficit([(x, y), *blurred[:2]], inside)
    return [*measure_conflict_places(x, y, places), deficit]


def _blur(image: Floats, sigma: float) -> Floats:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.float32)


def _describe_band(
    correlation: Floats, in_both: Bools, in_either: Bools, used: Bools
) -> list[float]:
    params = DETAIL_PARAMS
    values = correlation[in_both]
    conflict = in_both & (correlation < params.conflicts)
    n_both, n_either = int(in_both.sum()), int(in_either.sum())
    median, low, lowest = (
        np.quantile(values, (0.5, 0.25, 0.1)).tolist() if n_both else (0.0, 0.0, 0.0)
    )
    return [
        median,
        low,
        lowest,
        float(conflict.sum()) / max(1, n_both),
        _largest_patch(conflict) / max(1, int(used.sum())),
        _count_places(conflict),
        float(np.log1p(n_both)),
        float((in_either & in_both).sum()) / max(1, n_either),
    ]


def _count_places(mask: Bools) -> float:
    """Return log(1 + places): the patches of a mask of more than one tile."""
    n, _, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    return float(np.log1p((stats[1:n, cv2.CC_STAT_AREA] > 1).sum()))


def _largest_patch(mask: Bools) -> float:
    n, _, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    return float(stats[1:, cv2.CC_STAT_AREA].max()) if n > 1 else 0.0


def _describe_residual(
    smooth_x: Floats, smooth_y: Floats, x: Floats, y: Floats, valid: Floats, used: Bools
) -> list[float]:
    """Return the share of energy that a change of contrast leaves unexplained, and its places."""
    rest_x, rest_y = (x - smooth_x) * valid, (y - smooth_y) * valid
    gain = np.sqrt((average_tiles(rest_x**2) + 1) / (average_tiles(rest_y**2) + 1))
    energy_x, energy_y = average_tiles(rest_x**2), average_tiles(rest_y**2)
    shared = average_tiles(rest_x * rest_y)
    left = energy_x - shared**2 / np.maximum(energy_y, 1)
    share = np.sqrt(np.maximum(left, 0) / np.maximum(energy_x, 1))
    strong = used & (np.minimum(energy_x, energy_y) > 16) & (gain > 0)
    bad = strong & (share > 0.8)
    total = float(energy_x[strong].sum())
    return [
        float(np.sqrt(max(0.0, float(left[strong].sum())) / total)) if total > 0 else 0.0,
        _count_places(bad),
    ]
