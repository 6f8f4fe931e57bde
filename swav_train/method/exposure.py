"""Exposure: how bright and how rich in contrast images are, and bringing them to one."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
LUMA = (0.299, 0.587, 0.114)


@dataclass(frozen=True, kw_only=True, slots=True)
class ExposureParams:
    """Measured by ``tests/benchmarks/asked_images.py``.

    The spread of contrast is 0.67 to 0.76 in traffic signs and 0.63 in satellite tiles, 0.24 to
    0.42 in receipts, clothes, CIFAR-10, imagenette, photographs and faces: ``wide`` is between,
    chosen on these folders.

    Attributes:
        mean: Grey level that images are brought to, that of ImageNet.
        deviation: Likewise, standard deviation, grey levels.
        least_deviation: Grey levels; images of less are stretched no further.
        wide: Spread of contrast from which images are brought to one.
        most_images: That are looked at.
        fewest_images: Fewer tell nothing.
        side: Of the squares that are looked at, px.
    """

    mean: float = 255 * sum(MEAN) / 3
    deviation: float = 255 * sum(STD) / 3
    least_deviation: float = 4.0
    wide: float = 0.5
    most_images: int = 256
    fewest_images: int = 32
    side: int = 32


EXPOSURE = ExposureParams()


@dataclass(frozen=True, kw_only=True, slots=True)
class Exposure:
    """How much the exposure of some images differs.

    Attributes:
        contrast_spread: Standard deviation over the images of the natural logarithm of the standard
            deviation of their grey levels.
    """

    contrast_spread: float

    @property
    def differs(self) -> bool:
        """True where it differs so much that each image is brought to one exposure."""
        return self.contrast_spread > EXPOSURE.wide

    def describe(self) -> str:
        """Return one clause for people."""
        spread = f"spread of the logarithm {self.contrast_spread:.2f}"
        if self.differs:
            return f"contrast differs much between the images ({spread}), so it is evened out"
        return f"contrast differs little between the images ({spread})"


def measure_exposure(pixels: Tensor) -> Exposure:
    """Return how much the exposure of some images differs.

    Args:
        pixels: (N, 3, S, S) uint8, N >= 2.
    """
    luma = torch.tensor(LUMA, device=pixels.device)[:, None, None]
    deviations = (pixels.float() * luma).sum(dim=1).flatten(1).std(dim=1)
    return Exposure(contrast_spread=float(deviations.clamp_min(1).log().std()))


def standardise(pixels: Tensor) -> Tensor:
    """Bring each image to one mean and one standard deviation, all channels together.

    Args:
        pixels: (B, 3, S, S) uint8.

    Returns:
        (B, 3, S, S) uint8.
    """
    params = EXPOSURE
    values = pixels.float()
    mean = values.mean(dim=(1, 2, 3), keepdim=True)
    deviation = values.std(dim=(1, 2, 3), keepdim=True).clamp_min(params.least_deviation)
    evened = (values - mean) * (params.deviation / deviation) + params.mean
    return evened.round().clamp(0, 255).to(torch.uint8)
