"""Exposure: how much light images got, which may differ much, and bringing them to one."""

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

    Exposure differs by 0.97 to 1.01 stops in traffic signs, 0.40 to 0.46 in satellite tiles, at
    most 0.23 in receipts, clothes, CIFAR-10, imagenette, photographs and faces: ``wide`` is
    between, chosen on these folders.

    Attributes:
        mean: Grey level that images are brought to, that of ImageNet.
        deviation: Likewise, standard deviation, grey levels.
        least_deviation: Grey levels; images of less are stretched no further.
        wide: Stops by which exposure differs from which images are brought to one.
        most_images: That are looked at.
        fewest_images: Fewer tell nothing.
        side: Of the squares that are looked at, px.
    """

    mean: float = 255 * sum(MEAN) / 3
    deviation: float = 255 * sum(STD) / 3
    least_deviation: float = 4.0
    wide: float = 0.7
    most_images: int = 256
    fewest_images: int = 32
    side: int = 32


EXPOSURE = ExposureParams()


@dataclass(frozen=True, kw_only=True, slots=True)
class Exposure:
    """How much the exposure of some images differs.

    Attributes:
        stops: Standard deviation over the images of the binary logarithm of their exposure.
    """

    stops: float

    @property
    def differs(self) -> bool:
        """True where it differs so much that each image is brought to one exposure."""
        return self.stops > EXPOSURE.wide

    def describe(self) -> str:
        """Return one clause for people."""
        stops = f"by {self.stops:.1f} stops"
        if self.differs:
            return f"it differs {stops} between the images, which is much, so it is evened out"
        return f"it differs {stops} between the images, which is little"


def measure_exposure(pixels: Tensor) -> Exposure:
    """Return how much the exposure of some images differs.

    More light multiplies the mean of an image's grey levels and their standard deviation by one
    factor, while what is shown moves each on its own. So the covariance of both logarithms is the
    variance of the logarithm of that factor, as far as mean and contrast of what is shown are
    independent.

    Args:
        pixels: (N, 3, S, S) uint8, N >= 2.
    """
    luma = torch.tensor(LUMA, device=pixels.device)[:, None, None]
    grey = (pixels.float() * luma).sum(dim=1).flatten(1)
    both = torch.stack([grey.mean(dim=1), grey.std(dim=1)]).clamp_min(1).log2()
    return Exposure(stops=float(torch.cov(both)[0, 1].clamp_min(0).sqrt()))


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
