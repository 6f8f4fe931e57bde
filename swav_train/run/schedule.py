"""The learning rate as a function of how much of the training is done."""

from __future__ import annotations

import math


def warmup_cosine(progress: float, *, warmup: float = 0.05, floor: float = 0.001) -> float:
    """Return the factor on the base learning rate.

    Rises linearly from ``floor`` to 1, then follows half a cosine down to ``floor``
    (arXiv:2006.09882, appendix A; arXiv:1608.03983, Eq. 5 without restarts).

    Args:
        progress: Share of the training that is done, clipped to [0, 1].
        warmup: Share of the training spent rising, in [0, 1).
        floor: Factor at both ends, in [0, 1].

    Returns:
        A factor in [floor, 1].

    Raises:
        ValueError: ``warmup`` or ``floor`` is out of range.
    """
    if not 0 <= warmup < 1 or not 0 <= floor <= 1:
        raise ValueError(f"need 0 <= warmup < 1 and 0 <= floor <= 1, got {warmup} and {floor}")
    progress = min(1.0, max(0.0, progress))
    if progress < warmup:
        return floor + (1 - floor) * progress / warmup
    falling = (progress - warmup) / (1 - warmup)
    return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * falling))
