"""Two aligned images in one frame, and the refinement of the map between them."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, slots=True)
class OverlayParams:
    """How images are brought into one frame.

    Quality is measured by ``tests/benchmarks/dedup_quality.py``. Who changes one raises
    ``CACHE_VERSION``.

    Attributes:
        scales: Smallest and largest px per px of a map that makes sense.
        blur_from: The finer image is blurred before it is shrunk by more than this.
        n_steps: Steps of a refinement at most; more cost time and change little.
        least_step: Gain in correlation below which a refinement stops.
        filter_side: px, of the Gaussian filter of a refinement, odd.
    """

    scales: tuple[float, float] = (0.02, 50)
    blur_from: float = 1.25
    n_steps: int = 8
    least_step: float = 1e-4
    filter_side: int = 5


OVERLAY_PARAMS = OverlayParams()


@dataclass(frozen=True, kw_only=True, slots=True)
class Overlay:
    """Two images in one frame, the coarser of the two.

    Attributes:
        below: (h, w) float32, the image whose frame it is.
        above: (h, w) float32, the other one, warped.
        valid: (h, w) float32, 1 where ``above`` has pixels.
    """

    below: Floats
    above: Floats
    valid: Floats


def overlay_images(a: NDArray[np.uint8], b: NDArray[np.uint8], a_to_b: Floats) -> Overlay | None:
    """Return two images in one frame, or None if the map makes no sense.

    Args:
        a: (h, w) uint8, first image.
        b: (h, w) uint8, second image.
        a_to_b: (2, 3) float32, pixels of ``a`` to pixels of ``b``.
    """
    scale = measure_scale(a_to_b)
    least, most = OVERLAY_PARAMS.scales
    if not least < scale < most:
        return None
    if scale >= 1:
        below, above, into = a, b, a_to_b
    else:
        below, above, into = b, a, cv2.invertAffineTransform(a_to_b).astype(np.float32)
    above = blur_finer(above, scale)
    size = (below.shape[1], below.shape[0])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    warped = cv2.warpAffine(above, into, size, flags=flags)
    inside = cv2.warpAffine(np.full(above.shape, 255, np.uint8), into, size, flags=flags)
    return Overlay(
        below=below.astype(np.float32),
        above=warped.astype(np.float32),
        valid=(inside == 255).astype(np.float32),
    )


def refine_map(a: NDArray[np.uint8], b: NDArray[np.uint8], a_to_b: Floats) -> Floats:
    """Return the map after a few steps uphill in correlation (Evangelidis and Psarakis 2008).

    The map comes back as it was where the steps lead nowhere.

    Args:
        a: (h, w) uint8, first image.
        b: (h, w) uint8, second image.
        a_to_b: (2, 3) float32, pixels of ``a`` to pixels of ``b``.
    """
    params = OVERLAY_PARAMS
    scale = measure_scale(a_to_b)
    is_shrinking = scale >= 1
    start = a_to_b if is_shrinking else cv2.invertAffineTransform(a_to_b).astype(np.float32)
    below, above = (a, b) if is_shrinking else (b, a)
    above = blur_finer(above, scale)
    stop = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, params.n_steps, params.least_step)
    try:
        everywhere = np.full(above.shape, 255, np.uint8)
        _, refined = cv2.findTransformECC(
            below, above, start.copy(), cv2.MOTION_AFFINE, stop, everywhere, params.filter_side
        )
    except cv2.error:  # singular or drifting apart: OpenCV has no other way to say so
        return a_to_b
    return np.asarray(refined if is_shrinking else cv2.invertAffineTransform(refined), np.float32)


def measure_scale(a_to_b: Floats) -> float:
    """Return px of the second image per px of the first, geometric mean of both axes."""
    return float(np.sqrt(abs(np.linalg.det(a_to_b[:, :2].astype(np.float64)))))


def blur_finer(above: NDArray[np.uint8], scale: float) -> NDArray[np.uint8]:
    """Return the finer image without the detail that the coarser one cannot show."""
    ratio = max(scale, 1 / scale)
    if ratio <= OVERLAY_PARAMS.blur_from:
        return above
    sigma = 0.5 * float(np.sqrt(ratio * ratio - 1))
    return np.asarray(cv2.GaussianBlur(above, (0, 0), sigma), np.uint8)
