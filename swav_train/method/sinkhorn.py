"""The codes of SwAV: assignments that use every prototype equally."""

from __future__ import annotations

import torch
from torch import Tensor

from swav_train.distributed import logsumexp_over_all_rows


@torch.no_grad()
def sinkhorn(scores: Tensor, epsilon: float = 0.05, iterations: int = 3) -> Tensor:
    """Turn similarity scores into codes that use every prototype equally.

    Solves the entropy-regularised transport problem of SwAV (arXiv:2006.09882, Eq. 3) whose
    solution has the form of Eq. 5, by alternating normalisation. It works on logarithms:
    ``exp(1 / 0.05)`` does not fit in float16, its logarithm does. In a process group the batch is
    that of all processes together.

    Args:
        scores: (B, K) float, cosine similarity of each sample to each prototype.
        epsilon: Weight of the entropy, > 0. Small values give harder codes.
        iterations: Rounds of column and row normalisation, >= 1.

    Returns:
        (B, K), float32 or wider, in [0, 1]. Rows sum to 1; columns sum to about B / K.

    Raises:
        ValueError: ``scores`` is not a matrix, or an option is out of range.
    """
    if scores.ndim != 2:
        raise ValueError(f"scores must have shape (B, K), got {tuple(scores.shape)}")
    if epsilon <= 0 or iterations < 1:
        raise ValueError(f"need epsilon > 0 and iterations >= 1, got {epsilon} and {iterations}")
    log_codes = scores.to(torch.promote_types(scores.dtype, torch.float32)) / epsilon
    for _ in range(iterations):
        log_codes = log_codes - logsumexp_over_all_rows(log_codes)  # each prototype: same mass
        log_codes = log_codes - log_codes.logsumexp(dim=1, keepdim=True)  # each sample: mass 1
    return log_codes.exp()
