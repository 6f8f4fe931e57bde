"""What changes while training, and the step that changes it."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from swav_train.config import Precision, TrainConfig
from swav_train.data.pixel_source import seed_of
from swav_train.distributed import synchronise_batch_norm, world_size
from swav_train.method.embedding_queue import EmbeddingQueue
from swav_train.method.loss import swapped_prediction
from swav_train.method.sinkhorn import sinkhorn
from swav_train.networks.swav_model import SwavModel
from swav_train.run.optim import build_optimizer, set_learning_rate


@dataclass(kw_only=True, slots=True)
class EpochTally:
    """Sums over the steps of the running epoch.

    Attributes:
        loss: Scalar float64, sum over steps.
        usage: (K,) int64, full-resolution crops nearest to each prototype.
        steps: Steps summed.
    """

    loss: Tensor
    usage: Tensor
    steps: int = 0

    @classmethod
    def empty(cls, n_prototypes: int, device: torch.device) -> EpochTally:
        """Return sums over no steps."""
        return cls(
            loss=torch.zeros((), dtype=torch.float64, device=device),
            usage=torch.zeros(n_prototypes, dtype=torch.int64, device=device),
        )


@dataclass(kw_only=True, slots=True)
class TrainState:
    """Everything that a checkpoint must hold.

    Attributes:
        config: The settings in use.
        device: Where the model is.
        model: The network.
        network: The network as called in a step: the model, or DDP around it.
        optimizer: Over the model's parameters.
        queues: One per full-resolution crop; none without a queue.
        average: Moving average of each parameter by name; empty without averaging.
        tally: Sums of the running epoch.
        step: Steps done.
        epoch: Epochs done.
        seconds: Time spent, pauses left out.
        started_from: What the features were before the first step.
    """

    config: TrainConfig
    device: torch.device
    model: SwavModel
    network: nn.Module
    optimizer: torch.optim.Optimizer
    queues: list[EmbeddingQueue]
    average: dict[str, Tensor]
    tally: EpochTally
    step: int = 0
    epoch: int = 0
    seconds: float = 0.0
    started_from: str = field(default="random weights")


def new_state(config: TrainConfig, device: torch.device) -> TrainState:
    """Return the state before the first step, the same in every process.

    Raises:
        ValueError: The backbone's name is unknown.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed_of(config.seed, "model"))
        model = SwavModel(config)
    model = model.to(device).to(memory_format=torch.channels_last)
    synchronise_batch_norm(model, device.type)
    network: nn.Module = model
    if world_size() > 1:
        ids = [device.index or 0] if device.type == "cuda" else None
        network = nn.parallel.DistributedDataParallel(
            model, device_ids=ids, broadcast_buffers=False
        )
    n_queues = config.n_full_crops if config.queue_size else 0
    average = {n: p.detach().clone() for n, p in model.named_parameters()}
    return TrainState(
        config=config,
        device=device,
        model=model.train(),
        network=network,
        optimizer=build_optimizer(model, config),
        queues=[_queue(config, device) for _ in range(n_queues)],
        average=average if config.average_decay else {},
        tally=EpochTally.empty(config.n_prototypes, device),
    )


def _queue(config: TrainConfig, device: torch.device) -> EmbeddingQueue:
    rows = max(1, config.queue_size // world_size())
    return EmbeddingQueue(rows, config.projection_dim, device=device)


def resolve_device(name: str) -> torch.device:
    """Return the device that ``auto``, ``cpu`` or ``cuda`` stands for.

    Raises:
        ValueError: CUDA is asked for and absent.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise ValueError("device cuda is not available on this machine")
    return torch.device(name, torch.cuda.current_device()) if name == "cuda" else torch.device(name)


def resolve_precision(precision: Precision, device: torch.device) -> torch.dtype:
    """Return the dtype of the network's arithmetic: bfloat16 where the hardware is fast at it."""
    match precision:
        case Precision.FLOAT32:
            return torch.float32
        case Precision.BFLOAT16:
            return torch.bfloat16
        case Precision.AUTO:
            return torch.bfloat16 if _has_bfloat16(device) else torch.float32


def _has_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def assign(
    state: TrainState, scores: Tensor, queue: EmbeddingQueue | None, *, uses_queue: bool
) -> Tensor:
    """Return the codes of one full-resolution crop of the batch.

    Past embeddings join the batch for the balance, then their codes are dropped.

    Args:
        state: Its prototypes and settings are used.
        scores: (B, K) float32, cosine of this crop's projections to the prototypes.
        queue: The queue of this crop, if there is one.
        uses_queue: False while the queue is off.

    Returns:
        (B, K) float32, rows sum to 1.
    """
    config = state.config
    joint = scores.detach()
    if queue is not None and uses_queue and queue.filled:
        with torch.no_grad():
            joint = torch.cat([state.model.score(queue.embeddings()), joint])
    codes = sinkhorn(joint, epsilon=config.epsilon, iterations=config.sinkhorn_iterations)
    return codes[-len(scores) :]


def train_step(
    state: TrainState, crops: list[Tensor], *, learning_rate: float, moves_backbone: bool = True
) -> None:
    """Move the model by one batch (arXiv:2006.09882, Algorithm 1).

    Args:
        state: Changed in place.
        crops: From :class:`swav_train.method.multicrop.MultiCrop`.
        learning_rate: Of this step.
        moves_backbone: False to leave the backbone as it is.
    """
    config = state.config
    precision = resolve_precision(config.precision, state.device)
    with torch.autocast(state.device.type, precision, enabled=precision != torch.float32):
        # DDP waits for the gradient of every parameter.
        trains_backbone = moves_backbone or world_size() > 1
        projections, scores = state.network(crops, trains_backbone=trains_backbone)
    n_full = config.n_full_crops
    uses_queue = state.epoch >= config.queue_start_epoch
    queues: list[EmbeddingQueue | None] = [*state.queues] or [None] * n_full
    codes = [
        assign(state, own, queue, uses_queue=uses_queue)
        for own, queue in zip(scores[:n_full], queues, strict=True)
    ]
    loss = swapped_prediction(scores, codes, config.temperature)
    state.optimizer.zero_grad(set_to_none=True)
    loss.backward()
    if state.step < config.freeze_prototypes_steps:
        state.model.prototypes.grad = None
    set_learning_rate(state.optimizer, learning_rate, moves_backbone=moves_backbone)
    state.optimizer.step()
    state.model.normalise_prototypes()
    for queue, projection in zip(state.queues, projections, strict=False):
        queue.push(projection)
    _average(state)
    _count(state, loss.detach(), torch.cat(scores[:n_full]).argmax(dim=1))


def _average(state: TrainState) -> None:
    """Move the averaged weights, faster in the first steps, which have little worth keeping."""
    if not state.average:
        return
    decay = min(state.config.average_decay, (1 + state.step) / (10 + state.step))
    with torch.no_grad():
        for name, parameter in state.model.named_parameters():
            state.average[name].lerp_(parameter, 1 - decay)


def _count(state: TrainState, loss: Tensor, nearest: Tensor) -> None:
    state.tally.loss += loss
    state.tally.usage += torch.bincount(nearest, minlength=state.config.n_prototypes)
    state.tally.steps += 1
    state.step += 1
