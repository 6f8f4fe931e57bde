"""Plain ground: what each of two aligned images alone shows where both are plain around it.

Typed words in a window, numbers on a form, pieces of a diagram, the arm of a chart: where the
ground is plain what lies on it can be told from it. Of a marked copy and its original one has
something there; of two states of one window, two pages of one form, each has.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from curate.copies.verification.conflicts import ConflictPlaces
from curate.copies.verification.surroundings import measure_variety

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]
Bytes = NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True, slots=True)
class PlainGroundParams:
    """What counts as plain ground, and as something on it.

    Measured on windows, diagrams and pages, and on planted copies, by
    ``tests/benchmarks/own_content.py``. Who changes one raises ``CACHE_VERSION``.

    Attributes:
        ring: px around a place in which its ground is looked for.
        near: Grey levels on either side of the commonest one that are the ground.
        share: Of the ring that is the ground, at least, in both images.
        least_ring: px; smaller rings tell nothing.
        shown: Grey levels from the ground, from which on something is on it.
        bare: The same, up to which nothing is.
        faint: Of what the other image shows, up to which nothing is: compression leaves as much.
        varied: Grey levels, standard deviation around a px with texture.
        around: px around conflicts that tell nothing of how exactly the images agree.
        exact: Difference as a share of such texture, up to which the one image is neither blurred
            nor moved against the other: then nothing is allowed for that.
        mostly: Share of a picture that has its two commonest grey levels, below which it is no
            window, form or diagram: what a mark hides in a photograph looks like something that
            only the photograph shows.
    """

    ring: int = 6
    near: int = 4
    share: float = 0.5
    least_ring: int = 8
    shown: float = 12.0
    bare: float = 6.0
    faint: float = 0.25
    varied: float = 8.0
    around: int = 3
    exact: float = 0.15
    mostly: float = 0.55


PLAIN_GROUND_PARAMS = PlainGroundParams()


def measure_alone(
    x: Floats, y: Floats, valid: Floats, places: ConflictPlaces
) -> tuple[float, float]:
    """Return how much each image alone shows on plain ground, px of their common frame.

    Args:
        x: (h, w) float32, the one image.
        y: (h, w) float32, the other, in its frame.
        valid: (h, w) float32, 1 where both have pixels.
        places: Where they conflict.
    """
    n = len(places.area)
    if n == 0:
        return 0.0, 0.0
    params = PLAIN_GROUND_PARAMS
    has_both = valid > 0
    if max(measure_variety(image[has_both]) for image in (x, y)) > 1 - params.mostly:
        return 0.0, 0.0
    inside = _widen(places.label, 1)
    around = _widen(places.label, params.ring + 1)
    ring = (around > 0) & (inside == 0) & has_both
    grounds, shares = zip(*(_find_grounds(image, around, ring, n) for image in (x, y)), strict=True)
    is_plain = np.minimum(*shares) >= params.share
    counted = (inside > 0) & has_both & is_plain[inside]
    if not counted.any():
        return 0.0, 0.0
    apart = [np.abs(image - ground[around]) for image, ground in zip((x, y), grounds, strict=True)]
    shown = [np.where((around > 0) & has_both, one, 0) for one in apart]
    if not _agree_exactly(x, y, valid, places.label > 0):
        shown = [np.asarray(cv2.dilate(one, np.ones((3, 3), np.uint8))) for one in shown]
    alone = [
        counted & (one > params.shown) & (other < np.maximum(params.bare, params.faint * one))
        for one, other in zip(apart, shown[::-1], strict=True)
    ]
    return float(alone[0].sum()), float(alone[1].sum())


def _widen(label: NDArray[np.int32], reach: int) -> NDArray[np.int32]:
    """Return the number of the place within so many px; the higher one where there are two."""
    kernel = np.ones((2 * reach + 1,) * 2, np.uint8)
    return np.asarray(cv2.dilate(label.astype(np.float32), kernel), np.int32)


def _find_grounds(
    image: Floats, around: NDArray[np.int32], ring: Bools, n: int
) -> tuple[Floats, Floats]:
    """Return the ground of each of n places, grey levels, and the share of its ring that it is.

    Args:
        image: (h, w) float32.
        around: (h, w) int32, number of the place near each px.
        ring: (h, w) bool, px around the places.
        n: Number of places; what is returned starts with number 0, which is none.
    """
    params = PLAIN_GROUND_PARAMS
    levels = np.clip(np.round(image[ring]), 0, 255).astype(np.int64)
    counts = np.bincount(around[ring] * 256 + levels, minlength=(n + 1) * 256).reshape(n + 1, 256)
    padded = np.pad(counts.cumsum(axis=1), ((0, 0), (params.near + 1, params.near)), mode="edge")
    padded[:, : params.near + 1] = 0
    near = padded[:, 2 * params.near + 1 :] - padded[:, : -2 * params.near - 1]
    total = counts.sum(axis=1)
    share = near.max(axis=1) / np.maximum(total, 1)
    share[total < params.least_ring] = 0.0
    return near.argmax(axis=1).astype(np.float32), share.astype(np.float32)


def _agree_exactly(x: Floats, y: Floats, valid: Floats, conflict: Bools) -> bool:
    """Return whether texture outside conflicts agrees so well that nothing was blurred or moved."""
    params = PLAIN_GROUND_PARAMS
    side = 2 * params.around + 1
    near = cv2.dilate(conflict.astype(np.uint8), np.ones((side, side), np.uint8))
    varied = np.maximum(*(_measure_variance(image) for image in (x, y)))
    counted = (varied > params.varied**2) & (near == 0)
    counted &= cv2.erode(valid, np.ones((5, 5), np.uint8)) > 0
    if counted.sum() < params.least_ring:
        return False
    difference = (x - y)[counted]
    return bool((difference * difference).mean() <= params.exact**2 * varied[counted].mean())


def _measure_variance(image: Floats) -> Floats:
    mean = cv2.blur(image, (5, 5))
    return np.asarray(np.maximum(cv2.blur(image * image, (5, 5)) - mean * mean, 0), np.float32)
