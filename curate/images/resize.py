"""The one way in which an image becomes a square, for training, embedding and search alike."""

import cv2
import numpy as np

from curate.images.decode import Pixels


def squash_to_square(pixels: Pixels, side: int) -> Pixels:
    """Return pixels (h, w, 3) as a square (side, side, 3), whatever their aspect."""
    if pixels.shape[:2] == (side, side):
        return pixels
    shrinks = min(pixels.shape[:2]) >= side
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(pixels, (side, side), interpolation=method), np.uint8)
