"""Surroundings: what of an image lies around, or over, the part that it shares with another one.

A source goes on around its crop as if there were no border. A letterbox, a caption or a screenshot
begins at a sharp edge and is plain; a collage begins at a sharp edge and is full of other pictures.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from curate.copies.verification.tiles import average_tiles, measure_moments

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]

SURROUNDING_NAMES = (
    "outside_first", "seam_first", "varied_first", "marks_first", "alone_first",
    "outside_second", "seam_second", "varied_second", "marks_second", "alone_second",
)  # fmt: skip
"""What is measured of either image of a pair, in order."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SurroundingParams:
    """How surroundings are measured.

    Measured by ``tests/benchmarks/keep_quality.py``. Who changes one raises ``CACHE_VERSION``.

    Attributes:
        least_outside: Share of an image; less around the shared part is a border of no account.
        plain: Grey levels to either side of the two commonest ones around, which count as plain.
        seam: px on either side of the border in which its edge lies.
        beside: px on either side that the edge is compared with.
        flat: Grey levels, standard deviation of a tile that something plain may lie over.
        busy: The same, of a tile that it is compared with.
        outlying: Grey levels that a tile's fine residual has if something lies over one image.
        soft: px, of the blur before marks are looked for.
        livelier: Times the energy that the image has that something lies over.
    """

    least_outside: float = 0.03
    plain: int = 4
    seam: int = 2
    beside: int = 8
    flat: float = 2.5
    busy: float = 10.0
    outlying: float = 8.0
    livelier: float = 1.3
    soft: float = 1.2


SURROUNDING_PARAMS = SurroundingParams()


def measure_outside(image: Floats, covered: Floats) -> tuple[float, float, float]:
    """Return how much of an image lies around the part that another one covers, and its look.

    Args:
        image: (h, w) float32, grey.
        covered: (h, w) float32, 1 where the other image lies.

    Returns:
        The share of the image around it; the edge along its border, as times the edges beside it;
        the share of what is around that has neither of its two commonest grey levels: little in
        the bars and the white of a screenshot, most in another picture.
    """
    params = SURROUNDING_PARAMS
    outside = 1.0 - float(covered.mean())
    if not params.least_outside < outside < 1:
        return outside, 0.0, 0.0
    inside = (covered > 0).astype(np.uint8)
    within = np.asarray(cv2.distanceTransform(inside, cv2.DIST_L2, 3), np.float32)
    distance = within - np.asarray(cv2.distanceTransform(1 - inside, cv2.DIST_L2, 3), np.float32)
    gx = cv2.Sobel(image, cv2.CV_32F, 1, 0, scale=0.125)
    gy = cv2.Sobel(image, cv2.CV_32F, 0, 1, scale=0.125)
    edge = cv2.magnitude(gx, gy)
    reach = params.beside
    bins = np.clip(np.round(distance).astype(np.int64), -reach - 1, reach + 1) + reach + 1
    mass = np.bincount(bins.ravel(), minlength=2 * reach + 3)
    profile = np.bincount(bins.ravel(), edge.ravel(), 2 * reach + 3) / np.maximum(mass, 1)
    near = slice(reach + 1 - params.seam, reach + 2 + params.seam)
    beside = np.concatenate([profile[1 : near.start], profile[near.stop : -1]])
    seam = float(profile[near].max() / (beside.mean() + 1.0))
    return outside, seam, measure_variety(image[inside == 0])


def measure_variety(greys: Floats) -> float:
    """Return the share of some grey values that are near neither of their two commonest levels."""
    reach = SURROUNDING_PARAMS.plain
    levels = np.bincount(np.clip(np.round(greys), 0, 255).astype(np.int64), minlength=256)
    plain = 0
    for _ in range(2):
        commonest = int(np.convolve(levels, np.ones(2 * reach + 1, np.int64), "same").argmax())
        near = slice(max(0, commonest - reach), commonest + reach + 1)
        plain += int(levels[near].sum())
        levels[near] = 0
    return 1.0 - plain / max(len(greys), 1)


def measure_marks(x: Floats, y: Floats, valid: Floats) -> tuple[float, float]:
    """Return the share of the overlap that something lies over, in the one image and in the other.

    What is plain where the other image has texture lies over it; so does what adds edges that are
    not in the other one.

    Args:
        x: (h, w) float32, the one image.
        y: (h, w) float32, the other, in its frame.
        valid: (h, w) float32, 1 where both have pixels.
    """
    params = SURROUNDING_PARAMS
    cover = average_tiles(valid)
    used = cover > 0.6
    # fine detail that the other image has lost is no mark
    x, y = (np.asarray(cv2.GaussianBlur(one, (0, 0), params.soft), np.float32) for one in (x, y))
    _, _, sd_x, sd_y, correlation = measure_moments(x, y, valid, np.maximum(cover, 1e-3))
    n = max(1, int(used.sum()))
    plain_x = used & (sd_x < params.flat) & (sd_y > params.busy)
    plain_y = used & (sd_y < params.flat) & (sd_x > params.busy)
    agrees = used & (correlation > 0.9)
    gain = float(np.median(sd_x[agrees] / np.maximum(sd_y[agrees], 1))) if agrees.any() else 1.0
    rest = used & (correlation < 0.9)
    left_x = sd_x * np.sqrt(np.maximum(1 - correlation**2, 0))
    left_y = sd_y * np.sqrt(np.maximum(1 - correlation**2, 0))
    livelier_x = rest & (left_x > params.outlying) & (sd_x > params.livelier * gain * sd_y)
    livelier_y = rest & (left_y > params.outlying) & (gain * sd_y > params.livelier * sd_x)
    return float((plain_x | livelier_x).sum()) / n, float((plain_y | livelier_y).sum()) / n


def measure_surroundings(
    first: tuple[Floats, Floats],
    second: tuple[Floats, Floats],
    marks: tuple[float, float],
    alone: tuple[float, float],
) -> list[float]:
    """Return what is measured of either image, in the order of `SURROUNDING_NAMES`.

    Args:
        first: The first image and where the second covers it.
        second: The second image and where the first covers it.
        marks: Share of the overlap that something lies over, in the first and in the second.
        alone: px that only the first shows on plain ground, and only the second.
    """
    return [
        *measure_outside(*first), marks[0], alone[0],
        *measure_outside(*second), marks[1], alone[1],
    ]  # fmt: skip
