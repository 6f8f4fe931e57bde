"""Instance contrast: tell the other crop of an image from the crops of all other images."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import torch
from torch import Tensor


def instance_contrast(projections: Sequence[Tensor], temperature: float = 0.1) -> Tensor:
    """Return the decoupled contrastive loss (arXiv:2110.06848, L_DC) over pairs of crops.

    The loss of SimCLR (arXiv:2002.05709, Eq. 1) without the image's other crop in the denominator:
    each projection is drawn to it as much however near it is already, and pushed from the 2 B - 2
    crops of the other images. In batches of 64, as on a CPU, that teaches more
    (`docs/training.md`). With more than two crops this is the mean over their pairs.

    Args:
        projections: One (B, P) float32 per crop, unit rows, image b in row b of each; two or more
            crops, B >= 2.
        temperature: Divides the cosines, > 0.

    Returns:
        Scalar float32; log(2 B - 2) when all projections are alike, below 0 when an image's crops
        are much nearer to each other than to the rest.

    Raises:
        ValueError: There are fewer than two crops or images, or ``temperature`` is not positive.
    """
    if len(projections) < 2 or len(projections[0]) < 2:
        raise ValueError(
            f"need two crops or more of two images or more, got {[len(p) for p in projections]}"
        )
    if temperature <= 0:
        raise ValueError(f"temperature must be positive, got {temperature}")
    terms = [_contrast_pair(*pair, temperature) for pair in combinations(projections, 2)]
    return torch.stack(terms).mean()


def _contrast_pair(one: Tensor, other: Tensor, temperature: float) -> Tensor:
    both = torch.cat([one, other])
    image = torch.arange(len(both), device=both.device) % len(one)
    cosines = both @ both.t() / temperature
    others = cosines.masked_fill(image[:, None] == image, -torch.inf)
    nearness = (one * other).sum(dim=1).mean() / temperature
    return others.logsumexp(dim=1).mean() - nearness
