"""Whether two images of near hashes look alike at 8 x 8 px, frame on frame.

A perceptual hash keeps the signs of 63 coefficients. The more images there are, the more of them
share most of their signs by chance; next to none of these look alike.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Thumbnails = NDArray[np.uint8]

THUMBNAIL_SIDE = 8  # px


@dataclass(frozen=True, kw_only=True, slots=True)
class ThumbnailParams:
    """When two thumbnails look alike.

    Of copies of photos, clothes and tiny pictures, altered in 30 ways, those that only the hash
    finds and the first look believes in correlate by 0.93 and more; of made pictures that share
    most of a hash by chance 1 in 20 does by more than 0.68 and 1 in 400 by 0.8
    (``tests/benchmarks/dedup_candidates.py``). Who changes one raises ``CACHE_VERSION``.

    Attributes:
        least_correlation: Of the grey values of both.
        flat: Grey levels, standard deviation; the correlation of flatter ones means nothing.
    """

    least_correlation: float = 0.8
    flat: float = 2.0


THUMBNAIL_PARAMS = ThumbnailParams()


def make_thumbnail(grey: NDArray[np.uint8]) -> Thumbnails:
    """Return a working copy, (h, w) uint8, at 8 x 8 px, (8, 8) uint8."""
    size = (THUMBNAIL_SIDE, THUMBNAIL_SIDE)
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8)


def look_alike(a: Thumbnails, b: Thumbnails, orientation: Ints) -> NDArray[np.bool_]:
    """Return which pairs look alike, (P,) bool; flat ones always do.

    Args:
        a: (P, 8, 8) uint8, first images.
        b: (P, 8, 8) uint8, second images.
        orientation: (P,) int64 in [0, 8), the version of the first that is compared, of those in
            `curate.images.perceptual_hash.orientations`.
    """
    x = _center(_turn(a, orientation))
    y = _center(b)
    mass_x, mass_y = np.square(x).sum(axis=1), np.square(y).sum(axis=1)
    least = THUMBNAIL_PARAMS.least_correlation * np.sqrt(mass_x * mass_y)
    is_flat = np.minimum(mass_x, mass_y) < THUMBNAIL_PARAMS.flat**2 * x.shape[1]
    return np.asarray(is_flat | ((x * y).sum(axis=1) >= least), np.bool_)


def _turn(thumbnails: Thumbnails, orientation: Ints) -> Thumbnails:
    turned = thumbnails.copy()
    for version in range(1, 8):
        chosen = orientation == version
        some = thumbnails[chosen]
        some = some.transpose(0, 2, 1) if version & 4 else some
        some = some[:, ::-1] if version & 2 else some
        turned[chosen] = some[:, :, ::-1] if version & 1 else some
    return turned


def _center(thumbnails: Thumbnails) -> NDArray[np.float32]:
    """Return grey values less their mean, (P, 64) float32."""
    flat = thumbnails.reshape(-1, THUMBNAIL_SIDE**2).astype(np.float32)
    return np.asarray(flat - flat.mean(axis=1, keepdims=True), np.float32)
