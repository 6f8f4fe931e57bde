"""Instance contrast: tell the other crop of an image from the crops of all other images."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy


def instance_contrast(projections: Sequence[Tensor], temperature: float = 0.1) -> Tensor:
    """Return NT-Xent, the loss of SimCLR (arXiv:2002.05709, Eq. 1), over pairs of crops.

    Each projection is asked which of the 2 B - 1 others of the pair of crops is of its image. With
    more than two crops this is the mean over their pairs.

    Args:
        projections: One (B, P) float32 per crop, unit rows, image b in row b of each; two or more.
        temperature: Divides the cosines before the softmax, > 0.

    Returns:
        Scalar float32, >= 0; log(2 B - 1) when all projections are alike.

    Raises:
        ValueError: There are fewer than two crops, or ``temperature`` is not positive.
    """
    if len(projections) < 2:
        raise ValueError(f"need two crops or more, got {len(projections)}")
    if temperature <= 0:
        raise ValueError(f"temperature must be positive, got {temperature}")
    terms = [_contrast_pair(*pair, temperature) for pair in combinations(projections, 2)]
    return torch.stack(terms).mean()


def _contrast_pair(one: Tensor, other: Tensor, temperature: float) -> Tensor:
    both = torch.cat([one, other])
    places = torch.arange(len(both), device=both.device)
    cosines = (both @ both.t() / temperature).masked_fill(places[:, None] == places, -torch.inf)
    return cross_entropy(cosines, (places + len(one)) % len(both))
