"""Grain: whether two images carry the same noise where they are smooth.

What a sensor, a film or a scanner adds is another one in each capture; altered copies of one
capture share it, as far as they keep it. Two frames of a camera at rest agree in all they show, and
not in this.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, slots=True)
class GrainParams:
    """Where grain is looked for, and when it differs.

    Measured by ``tests/benchmarks/folder_evidence.py`` on photos, faces and frames of a camera: of
    467 pairs of copies with grain in both, 4 share less than 0.4 of it and none less than 0.35; of
    584 other pairs 583 do. The weights belong to these values. Who changes one raises
    ``CACHE_VERSION``.

    Attributes:
        smooth: Share of the overlap, the smoothest, that is looked at.
        apart: px, kept from what is not smooth, from the border and from conflicts.
        least_area: px; in less nothing is said.
        little: Grey levels, standard deviation; less of it in either image is no grain.
        plenty: Grey levels, from which on grain counts in full.
        same: Share of the lesser grain that copies share.
        laid_badly: Shares of the next coarser band, between which a lack of fine grain comes to
            count: images that share more of it were laid on each other badly, or tilted.
    """

    smooth: float = 0.3
    apart: int = 3
    least_area: int = 400
    little: float = 0.3
    plenty: float = 0.7
    same: float = 0.7
    laid_badly: tuple[float, float] = (0.75, 0.85)


GRAIN_PARAMS = GrainParams()


def measure_grain_deficit(
    blurred: Sequence[tuple[Floats, Floats]], inside: NDArray[np.bool_]
) -> float:
    """Return how much of the grain that both images have they do not share, in [0, 1].

    A copy with grain added shares all that the other has; a copy without grain says nothing.

    Args:
        blurred: (h, w) float32 each, both images in one frame: as they are, and by the two least of
            the blurs between which bands of detail lie.
        inside: (h, w) bool, where both have pixels and do not conflict.
    """
    params = GRAIN_PARAMS
    kernel = np.ones((2 * params.apart + 1,) * 2, np.uint8)
    apart = cv2.erode(inside.astype(np.uint8), kernel) > 0
    if int(apart.sum()) < params.least_area:
        return 0.0
    mean = blurred[2][0] + blurred[2][1]
    across, down = (cv2.Sobel(mean, cv2.CV_32F, *order, scale=0.125) for order in ((1, 0), (0, 1)))
    slope = cv2.dilate(cv2.magnitude(across, down), kernel)
    least = np.quantile(slope[apart][::4], params.smooth)
    rows = apart & (slope <= least)
    if int(rows.sum()) < params.least_area:
        return 0.0
    whole, softer, soft = (tuple(image[rows] for image in pair) for pair in blurred)
    shared, grain = _compare_band(whole, softer)
    coarser, _ = _compare_band(softer, soft)
    least, most = params.laid_badly
    differs = np.clip(1 - shared / params.same, 0, 1)
    differs *= np.clip((grain - params.little) / (params.plenty - params.little), 0, 1)
    return float(differs * np.clip((most - coarser) / (most - least), 0, 1))


def _compare_band(fine: tuple[Floats, ...], coarse: tuple[Floats, ...]) -> tuple[float, float]:
    """Return the share of the lesser power in a band that two images share, and its root."""
    one, other = (above - below for above, below in zip(fine, coarse, strict=True))
    (power, shared), (_, other_power) = np.cov(one, other).tolist()
    least = max(min(power, other_power), 1e-6)
    return shared / least, float(np.sqrt(least))
