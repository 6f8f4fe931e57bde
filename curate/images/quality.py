"""Quality measures of an image, from its cached pixels, and the issues that follow from them."""

from dataclasses import dataclass
from enum import StrEnum

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Quality:
    """What an image is like.

    Attributes:
        sharpness: Variance of the 3x3 Laplacian of luminance, in squared grey levels, >= 0.
        brightness: Mean luminance, 0 (black) to 1 (white).
        contrast: Standard deviation of luminance, 0 to 0.5.
        entropy: Shannon entropy of the luminance histogram of 256 bins, 0 to 8 bits.
        shade: Luminance that 5 % of the pixels lie below, 0 to 1.
        light: Luminance that 99 % of the pixels lie below, 0 to 1.
        chroma: Mean difference of the largest and the smallest channel, 0 (grey) to 1.
        detail: Energy of the finest detail over that of detail three times as coarse, >= 0; unlike
            sharpness it hardly depends on contrast and texture. Below 0.4 the image looks blurred.
    """

    sharpness: float
    brightness: float
    contrast: float
    entropy: float
    shade: float
    light: float
    chroma: float
    detail: float


class Issue(StrEnum):
    """What may be wrong with an image."""

    DARK = "dark"
    BRIGHT = "bright"
    BLURRY = "blurry"
    LOW_INFORMATION = "low_information"
    ODD_SIZE = "odd_size"
    ODD_ASPECT_RATIO = "odd_aspect_ratio"
    GRAYSCALE = "grayscale"
    TRUNCATED = "truncated"


def measure(pixels: NDArray[np.uint8]) -> Quality:
    """Measure an image (h, w, 3) uint8; luminance is that of ITU-R BT.601."""
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    mean, deviation = cv2.meanStdDev(grey)
    _, edges = cv2.meanStdDev(cv2.Laplacian(grey, cv2.CV_16S))
    counts = np.bincount(grey.ravel(), minlength=256)
    shares = counts[counts > 0] / grey.size
    shade, light = np.searchsorted(counts.cumsum() / grey.size, (0.05, 0.99)) / 255
    red, green, blue = cv2.split(pixels)
    top, low = cv2.max(cv2.max(red, green), blue), cv2.min(cv2.min(red, green), blue)
    return Quality(
        sharpness=float(edges.item() ** 2),
        brightness=float(mean.item() / 255),
        contrast=float(deviation.item() / 255),
        entropy=abs(float(-(shares * np.log2(shares)).sum())),
        shade=float(shade),
        light=float(light),
        chroma=float((cv2.mean(top)[0] - cv2.mean(low)[0]) / 255),
        detail=_detail(np.asarray(grey, np.uint8)),
    )


def _detail(grey: NDArray[np.uint8]) -> float:
    values = grey.astype(np.float32)
    fine = values - cv2.GaussianBlur(values, (0, 0), 1.5)
    coarse = cv2.GaussianBlur(values, (0, 0), 1.0) - cv2.GaussianBlur(values, (0, 0), 3.0)
    floor = grey.size / 2  # keeps the noise of flat images from counting as detail
    return float(cv2.norm(fine, cv2.NORM_L2SQR) / (cv2.norm(coarse, cv2.NORM_L2SQR) + floor))


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """Where an image counts as having an issue; chosen on photographs altered on purpose.

    Attributes:
        dark: Largest ``light``.
        bright: Smallest ``shade``.
        blurry: Largest ``detail``.
        low_information: Largest entropy, bits.
        odd_size: How many times larger or smaller than the median, side by side.
        odd_aspect_ratio: Largest share of the short side in the long one.
        grayscale: Largest ``chroma``.
    """

    dark: float = 0.32
    bright: float = 0.85
    blurry: float = 0.4
    low_information: float = 2.5
    odd_size: float = 4.0
    odd_aspect_ratio: float = 0.35
    grayscale: float = 0.004


@dataclass(frozen=True, kw_only=True, slots=True)
class Measures:
    """Measures of N images, each (N,); NaN for images that could not be read."""

    width: Floats
    height: Floats
    entropy: Floats
    shade: Floats
    light: Floats
    chroma: Floats
    detail: Floats


def issues_of(measures: Measures, limits: Limits | None = None) -> dict[Issue, NDArray[np.bool_]]:
    """Return which of N images have each issue; images that could not be read have none."""
    limits = limits or Limits()
    side = np.sqrt(measures.width * measures.height)
    usual = float(np.nanmedian(side)) if np.isfinite(side).any() else 1.0
    short, long = (pick(measures.width, measures.height) for pick in (np.minimum, np.maximum))
    has_little = measures.entropy < limits.low_information
    return {
        Issue.DARK: measures.light < limits.dark,
        Issue.BRIGHT: measures.shade > limits.bright,
        Issue.BLURRY: (measures.detail < limits.blurry) & ~has_little,
        Issue.LOW_INFORMATION: has_little,
        Issue.ODD_SIZE: np.maximum(side / usual, usual / side) > limits.odd_size,
        Issue.ODD_ASPECT_RATIO: short / long < limits.odd_aspect_ratio,
        Issue.GRAYSCALE: measures.chroma < limits.grayscale,
    }
