"""The loss of SwAV: predict the code of one crop from another."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def swapped_prediction(
    scores: Sequence[Tensor], codes: Sequence[Tensor], temperature: float = 0.1
) -> Tensor:
    """Return the mean cross-entropy between the code of one crop and the prediction of another.

    SwAV (arXiv:2006.09882), Eq. 1 and 2, with the multi-crop sum of Eq. 6: every crop predicts the
    code of each full-resolution crop but its own. Eq. 6 sums over pairs, this is their mean.

    Args:
        scores: One (B, K) float per crop, cosine similarities, full-resolution crops first.
        codes: One (B, K) float per full-resolution crop, rows sum to 1. They get no gradient.
        temperature: Divides the scores before the softmax, > 0.

    Returns:
        Scalar, >= 0; about log K when nothing is predicted. Float32 or wider.

    Raises:
        ValueError: There are fewer than two crops, no codes, more codes than crops, or
            ``temperature`` is not positive.
    """
    if not 1 <= len(codes) <= len(scores) or len(scores) < 2:
        raise ValueError(f"need 1 <= codes <= crops >= 2, got {len(codes)} and {len(scores)}")
    if temperature <= 0:
        raise ValueError(f"temperature must be positive, got {temperature}")
    scores = [s.to(torch.promote_types(s.dtype, torch.float32)) for s in scores]
    predictions = [(s / temperature).log_softmax(dim=1) for s in scores]
    terms = [
        -(code.detach() * prediction).sum(dim=1).mean()
        for crop, code in enumerate(codes)
        for other, prediction in enumerate(predictions)
        if other != crop
    ]
    return torch.stack(terms).mean()
