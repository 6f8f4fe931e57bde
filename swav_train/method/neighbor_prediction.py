"""Prototypes of frozen features: each image predicts the balanced code of one of its neighbours.

Swapped prediction (arXiv:2006.09882, Eq. 1) with another image of the same kind, as its features
see it, in the place of another crop of the same image. It takes vectors, so it costs seconds.

N images, D feature dimensions, P projection dimensions, K prototypes, B images of a step.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import normalize

from swav_train.method.loss import swapped_prediction
from swav_train.method.sinkhorn import sinkhorn

ROWS_AT_ONCE = 1024
"""Rows of the similarity matrix that memory holds at a time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NeighborParams:
    """How prototypes are learned from neighbours.

    Measured on features of ``efficientnet_lite0`` of CIFAR-10 (5,000), clothes, signs and tiles, as
    the mean NMI of the clusters with the classes over three numbers of clusters each: 0.452 with 10
    neighbours and 300 steps, 0.453 with 100 steps, 0.451 with 5 neighbours, 0.490 with 20 on the
    three smaller sets, where 10 have 0.500, and 0.443 without prototypes, as merged averages.
    `tests/benchmarks/neighbor_prototypes.py` measures again.

    Attributes:
        neighbors: Nearest images that one is drawn from at each step.
        steps: Of gradient descent.
        batch_size: Images of a step.
        epsilon: Entropy weight of the codes; that of the paper.
        temperature: Divides the scores in the loss; that of the paper.
        learning_rate: Of Adam at its highest; half a cosine brings it to 0.
    """

    neighbors: int = 10
    steps: int = 150
    batch_size: int = 1024
    epsilon: float = 0.05
    temperature: float = 0.1
    learning_rate: float = 0.01


NEIGHBORS = NeighborParams()


@dataclass(frozen=True, kw_only=True, slots=True)
class PrototypeHead:
    """A linear map of features, and prototypes that its unit-length results are compared with.

    Attributes:
        matrix: (D, P) float32.
        prototypes: (K, P) float32, unit rows.
    """

    matrix: Tensor
    prototypes: Tensor

    def __call__(self, features: Tensor) -> Tensor:
        """Return (B, P) float32 unit rows for features (B, D)."""
        return normalize(features.float() @ self.matrix, dim=1)

    def find_nearest(self, features: Tensor) -> Tensor:
        """Return (B,) int64, the prototype of the highest cosine for features (B, D)."""
        parts = features.split(ROWS_AT_ONCE)
        return torch.cat([(self(part) @ self.prototypes.t()).argmax(dim=1) for part in parts])


def find_neighbors(vectors: Tensor, n_neighbors: int) -> Tensor:
    """Return the nearest other rows of each row by dot product, nearest first.

    Args:
        vectors: (N, D) float, N >= 2.
        n_neighbors: At most; there are N - 1 others.

    Returns:
        (N, k) int64 on the device of ``vectors``.
    """
    found = []
    for first in range(0, len(vectors), ROWS_AT_ONCE):
        scores = vectors[first : first + ROWS_AT_ONCE] @ vectors.t()
        scores.diagonal(first).fill_(-torch.inf)
        found.append(scores.topk(min(n_neighbors, len(vectors) - 1)).indices)
    return torch.cat(found)


def learn_prototypes(
    vectors: Tensor,
    *,
    n_prototypes: int,
    dim: int,
    generator: torch.Generator,
    spent_share: Callable[[], float] = lambda: 0.0,
    params: NeighborParams = NEIGHBORS,
) -> PrototypeHead:
    """Learn a linear head and prototypes by swapped prediction between neighbours.

    Args:
        vectors: (N, D) float32 unit rows, N >= 2.
        n_prototypes: K, >= 2.
        dim: P, >= 1.
        generator: Source of randomness, on the CPU.
        spent_share: How much of the time for it is spent; at 1 it ends, however many steps it made.
        params: How.
    """
    neighbors = find_neighbors(vectors, params.neighbors)
    scale = vectors.shape[1] ** -0.5
    matrix = scale * torch.randn(vectors.shape[1], dim, generator=generator)
    prototypes = normalize(torch.randn(n_prototypes, dim, generator=generator), dim=1)
    head = PrototypeHead(
        matrix=matrix.to(vectors.device).requires_grad_(),
        prototypes=prototypes.to(vectors.device).requires_grad_(),
    )
    optimizer = torch.optim.Adam([head.matrix, head.prototypes], lr=params.learning_rate)
    for step in range(params.steps):
        progress = max(step / params.steps, spent_share())
        if progress >= 1:
            break
        optimizer.param_groups[0]["lr"] = _learning_rate(progress, params)
        pair = _draw_pair(neighbors, min(len(vectors), params.batch_size), generator)
        _take_step(head, optimizer, [vectors[rows] for rows in pair], params)
    return PrototypeHead(matrix=head.matrix.detach(), prototypes=head.prototypes.detach())


def _draw_pair(
    neighbors: Tensor, batch_size: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Return (B,) rows and for each one of its neighbours."""
    rows = torch.randint(len(neighbors), (batch_size,), generator=generator)
    places = torch.randint(neighbors.shape[1], (batch_size,), generator=generator)
    rows, places = rows.to(neighbors.device), places.to(neighbors.device)
    return rows, neighbors[rows, places]


def _take_step(
    head: PrototypeHead,
    optimizer: torch.optim.Optimizer,
    pair: list[Tensor],
    params: NeighborParams,
) -> None:
    scores = [head(features) @ head.prototypes.t() for features in pair]
    codes = [sinkhorn(score.detach(), epsilon=params.epsilon) for score in scores]
    loss = swapped_prediction(scores, codes, params.temperature)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    with torch.no_grad():
        head.prototypes.copy_(normalize(head.prototypes, dim=1))


def _learning_rate(progress: float, params: NeighborParams) -> float:
    return params.learning_rate * 0.5 * (1 + math.cos(math.pi * progress))
