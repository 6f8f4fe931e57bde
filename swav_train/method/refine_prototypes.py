"""Prototypes moved to the means of whole images: training saw crops, but they are for these."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import normalize

from swav_train.method.sinkhorn import sinkhorn


@dataclass(frozen=True, kw_only=True, slots=True)
class RefineParams:
    """How prototypes move at the end of a training.

    Measured on CIFAR-10: usage entropy of whole images from 0.969 to 0.995 of log K, mutual
    information with the classes from 0.162 to 0.169 (0.169 for k-means, which is less even).
    Measure again with `tests/benchmarks/swav_quality.py`.

    Attributes:
        rounds: Of codes and means.
        neighbors: Nearest projections that each is averaged with.
        fewest_images_each: With fewer images for a prototype all stay where they are.
        sinkhorn_iterations: Rounds of normalisation of the codes.
        sharpness: Times that the codes are as sharp as in training.
    """

    rounds: int = 10
    neighbors: int = 4
    fewest_images_each: int = 8
    sinkhorn_iterations: int = 5
    sharpness: float = 3.0


REFINE = RefineParams()
ROWS_AT_ONCE = 1024
"""Rows of the similarity matrix that memory holds at a time."""


def refine_prototypes(
    projections: Tensor, prototypes: Tensor, *, epsilon: float, params: RefineParams = REFINE
) -> Tensor:
    """Move prototypes to the means of the images whose balanced codes they are.

    Spherical k-means from the trained prototypes, on projections averaged with those of their four
    nearest, with the codes of SwAV (arXiv:2006.09882, eq. 3), three times as sharp as in training,
    in place of the nearest centre: so every prototype keeps its share of the images.

    Args:
        projections: (N, P) unit rows, of whole images.
        prototypes: (K, P) unit rows.
        epsilon: Entropy weight of the training's codes, > 0.
        params: How they move.

    Returns:
        (K, P) unit rows; the prototypes as they were where there are under 8 images for each.
    """
    if len(projections) < params.fewest_images_each * len(prototypes):
        return prototypes
    neighbors = torch.cat(
        [
            (rows @ projections.t()).topk(1 + params.neighbors).indices
            for rows in projections.split(ROWS_AT_ONCE)
        ]
    )
    smooth = normalize(projections[neighbors].mean(dim=1), dim=1)

    def find_codes(means: Tensor) -> Tensor:
        return sinkhorn(
            smooth @ means.t(),
            epsilon=epsilon / params.sharpness,
            iterations=params.sinkhorn_iterations,
        )

    codes = find_codes(prototypes)
    for _ in range(params.rounds - 1):
        codes = find_codes(normalize(codes.t() @ smooth, dim=1))
    return normalize(codes.t() @ projections, dim=1)
