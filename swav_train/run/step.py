"""One step of the training (arXiv:2006.09882, Algorithm 1)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from swav_train.device import resolve_precision
from swav_train.distributed import world_size
from swav_train.method.contrast import instance_contrast
from swav_train.method.embedding_queue import EmbeddingQueue
from swav_train.method.loss import swapped_prediction
from swav_train.method.sinkhorn import sinkhorn
from swav_train.run.optim import set_learning_rate
from swav_train.run.state import TrainState

FindCodes = Callable[[Tensor, float, int], Tensor]
"""(B, K) scores, epsilon and iterations to (B, K) codes, as :func:`sinkhorn` does."""


def assign_codes(
    state: TrainState,
    scores: Tensor,
    queue: EmbeddingQueue | None,
    *,
    uses_queue: bool,
    find_codes: FindCodes = sinkhorn,
) -> Tensor:
    """Return the codes of one full-resolution crop of the batch.

    Past embeddings join the batch for the balance, then their codes are dropped.

    Args:
        state: Its prototypes and settings are used.
        scores: (B, K) float32, cosine of this crop's projections to the prototypes.
        queue: The queue of this crop, if there is one.
        uses_queue: False while the queue is off.
        find_codes: Turns scores into codes.

    Returns:
        (B, K) float32, rows sum to 1.
    """
    config = state.config
    joint = scores.detach()
    if queue is not None and uses_queue and queue.filled:
        with torch.no_grad():
            joint = torch.cat([state.model.score(queue.embeddings()), joint])
    return find_codes(joint, config.epsilon, config.sinkhorn_iterations)[-len(scores) :]


def train_step(
    state: TrainState,
    crops: list[Tensor],
    *,
    learning_rate: float,
    moves_backbone: bool = True,
    find_codes: FindCodes = sinkhorn,
) -> None:
    """Move the model by one batch (arXiv:2006.09882, Algorithm 1).

    With a weight for it instance contrast is added to the loss; what is counted is SwAV's alone.
    Its images are those of this process.

    Args:
        state: Changed in place.
        crops: From :class:`swav_train.method.multicrop.MultiCrop`.
        learning_rate: Of this step.
        moves_backbone: False to leave the backbone as it is.
        find_codes: Turns scores into codes.
    """
    config = state.config
    precision = resolve_precision(config.precision, state.device)
    with torch.autocast(state.device.type, precision, enabled=precision != torch.float32):
        # DDP waits for the gradient of every parameter.
        trains_backbone = moves_backbone or world_size() > 1
        projections, scores = state.network(crops, trains_backbone=trains_backbone)
    full_scores = scores[: config.n_full_crops]
    uses_queue = state.epoch >= config.queue_start_epoch
    queues: list[EmbeddingQueue | None] = [*state.queues] or [None] * config.n_full_crops
    codes = [
        assign_codes(state, crop_scores, queue, uses_queue=uses_queue, find_codes=find_codes)
        for crop_scores, queue in zip(full_scores, queues, strict=True)
    ]
    loss = swapped_prediction(scores, codes, config.temperature)
    whole_loss = loss
    full_projections = projections[: config.n_full_crops]
    if config.contrast_weight and len(full_projections[0]) > 1:
        contrast = instance_contrast(full_projections, config.temperature)
        whole_loss = loss + config.contrast_weight * contrast
    state.optimizer.zero_grad(set_to_none=True)
    whole_loss.backward()
    if state.step < config.freeze_prototypes_steps:
        state.model.prototypes.grad = None
    set_learning_rate(state.optimizer, learning_rate, moves_backbone=moves_backbone)
    state.optimizer.step()
    state.model.normalise_prototypes()
    for queue, projection in zip(state.queues, projections, strict=False):
        queue.push(projection)
    _update_average(state)
    _count_step(state, loss.detach(), torch.cat(full_scores).argmax(dim=1))


def _update_average(state: TrainState) -> None:
    """Move the averaged weights, faster in the first steps, which have little worth keeping."""
    if not state.average:
        return
    decay = min(state.config.average_decay, (1 + state.step) / (10 + state.step))
    with torch.no_grad():
        for name, parameter in state.model.named_parameters():
            state.average[name].lerp_(parameter, 1 - decay)


def _count_step(state: TrainState, loss: Tensor, nearest: Tensor) -> None:
    state.tally.loss += loss
    # Not ``bincount``: a GPU's would make the host wait for the largest number.
    state.tally.usage.scatter_add_(0, nearest, torch.ones_like(nearest))
    state.tally.steps += 1
    state.step += 1
