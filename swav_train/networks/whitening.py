"""Whitening: a linear map that gives the main directions of features more even spread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True, kw_only=True, slots=True)
class WhiteningParams:
    """How whitening keeps noise down.

    Measured, k-NN of 418 pieces of photographs: 0.46 with 256 dimensions, 0.65 with the 52 that
    these values give; from 2,000 images on 256 are as good.

    Attributes:
        shrinkage: Share of the mean variance added to each, > 0: directions that hardly vary are
            noise and are not blown up; chosen.
        fewest_dimensions: Kept however few images there are; chosen.
        images_each: Images that a dimension needs at power 0.5.
        steepness: Exponent by which they fall with the power: weak whitening makes little of
            noise. At power 0.3, that of published features, each image may have a dimension:
            k-NN of five folders with whitening fitted to 64, 120 and 240 images, 0.655, 0.685,
            0.700 with 2.88 images each, 0.688, 0.702, 0.711 with 0.72
            (``tests/benchmarks/whitening_dimensions.py``).
    """

    shrinkage: float = 0.01
    fewest_dimensions: int = 8
    images_each: float = 8.0
    steepness: float = 4.7


WHITENING = WhiteningParams()


@dataclass(frozen=True, kw_only=True, slots=True)
class Whitening:
    """A linear map that gives the main directions of the features more even spread.

    Attributes:
        mean: (F,) float32, subtracted first.
        matrix: (F, D) float32.
    """

    mean: Tensor
    matrix: Tensor

    def __call__(self, features: Tensor) -> Tensor:
        """Return (B, D) float32 unit rows for features (B, F)."""
        return functional.normalize((features.float() - self.mean) @ self.matrix, dim=1)


def fit_whitening(
    parts: Sequence[Tensor], *, max_dim: int, power: float, params: WhiteningParams = WHITENING
) -> Whitening:
    """Return the whitening of some features, by their principal components.

    The directions of least variance are noise where images are few, and whitening would make them
    as loud as the others: kept are N / 8 at power 0.5, more at less.

    Args:
        parts: (N, F_i) float each, N >= 2: the features by stage. Each part counts as much as any
            other, however many dimensions it has.
        max_dim: Most dimensions to keep, those of the largest variance.
        power: Of the variance that each direction is divided by; 0.5 makes all spread alike, 0
            leaves them.
        params: How noise is kept down.
    """
    features = torch.cat(list(parts), dim=1).double()
    mean = features.mean(dim=0)
    centred = features - mean
    scale = torch.cat(
        [
            part.square().sum(dim=1).mean().clamp_min(1e-12).rsqrt().expand(part.shape[1])
            for part in centred.split([part.shape[1] for part in parts], dim=1)
        ]
    )
    scaled = centred * scale
    n_kept = min(max_dim, *scaled.shape, _affordable_dimensions(len(features), power, params))
    variance, directions = _find_components(scaled, n_kept)
    floor = params.shrinkage * scaled.square().sum() / ((len(features) - 1) * scaled.shape[1])
    floor += 1e-12
    # An eigenvector's sign is the solver's choice; make the largest entry positive.
    signs = directions.gather(0, directions.abs().argmax(dim=0, keepdim=True)).sign()
    matrix = scale[:, None] * directions * signs / (variance + floor).pow(power)
    return Whitening(mean=mean.float(), matrix=matrix.float())


def _find_components(centred: Tensor, n_kept: int) -> tuple[Tensor, Tensor]:
    """Return the largest variances (D,) of centred rows, and their unit directions (F, D).

    Where rows are fewer than features, by the products of rows with rows: the same directions in a
    time that grows with the cube of the smaller number.
    """
    n_rows, n_features = centred.shape
    products = centred @ centred.t() if n_rows < n_features else centred.t() @ centred
    variance, vectors = torch.linalg.eigh(products / (n_rows - 1))
    variance, vectors = variance[-n_kept:].flip(0).clamp_min(0), vectors[:, -n_kept:].flip(1)
    directions = centred.t() @ vectors if n_rows < n_features else vectors
    return variance, functional.normalize(directions, dim=0)


def _affordable_dimensions(n_images: int, power: float, params: WhiteningParams) -> int:
    """Return how many directions some images tell apart from noise."""
    images_each = params.images_each * (power / 0.5) ** params.steepness
    affordable = int(n_images / max(images_each, 1e-3))
    return min(max(params.fewest_dimensions, affordable), max(2, n_images - 1))
