"""Quality measures of an image, from its cached pixels."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Quality:
    """What an image is like.

    Attributes:
        sharpness: Variance of the 3x3 Laplacian of luminance, in squared grey levels, >= 0.
        brightness: Mean luminance, 0 (black) to 1 (white).
        contrast: Standard deviation of luminance, 0 to 0.5.
        entropy: Shannon entropy of the luminance histogram of 256 bins, 0 to 8 bits.
    """

    sharpness: float
    brightness: float
    contrast: float
    entropy: float


def measure(pixels: NDArray[np.uint8]) -> Quality:
    """Measure an image (h, w, 3) uint8; luminance is that of ITU-R BT.601."""
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    mean, deviation = cv2.meanStdDev(grey)
    _, edges = cv2.meanStdDev(cv2.Laplacian(grey, cv2.CV_16S))
    counts = cv2.calcHist([grey], [0], None, [256], [0, 256]).ravel()
    shares = counts[counts > 0] / counts.sum()
    return Quality(
        sharpness=float(edges.item() ** 2),
        brightness=float(mean.item() / 255),
        contrast=float(deviation.item() / 255),
        entropy=abs(float(-(shares * np.log2(shares)).sum())),
    )
