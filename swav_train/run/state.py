"""What changes while training, and how it begins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from swav_train.config import TrainConfig
from swav_train.data.seeds import derive_seed
from swav_train.distributed import world_size
from swav_train.errors import WeightsUnusable
from swav_train.method.embedding_queue import EmbeddingQueue
from swav_train.networks.backbone import build_backbone
from swav_train.networks.pretrained import read_backbone_weights, read_published_weights
from swav_train.networks.swav_model import SwavModel
from swav_train.run.optim import build_optimizer
from swav_train.sync_batch_norm import synchronise_batch_norm


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
        """Return sums over no steps.

        Args:
            n_prototypes: K.
            device: Where the sums are kept.
        """
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
    started_from: str = "random weights"


def new_state(config: TrainConfig, device: torch.device) -> TrainState:
    """Return the state before the first step, the same in every process.

    Args:
        config: All settings.
        device: Where the model goes.

    Raises:
        ValueError: The backbone's name is unknown.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(config.seed, "model"))
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
        queues=[_new_queue(config, device) for _ in range(n_queues)],
        average=average if config.average_decay else {},
        tally=EpochTally.empty(config.n_prototypes, device),
    )


def _new_queue(config: TrainConfig, device: torch.device) -> EmbeddingQueue:
    rows = max(1, config.queue_size // world_size())
    return EmbeddingQueue(rows, config.projection_dim, device=device)


def load_backbone_weights(state: TrainState, weights: Mapping[str, Tensor], *, origin: str) -> None:
    """Start the backbone from given weights.

    Args:
        state: Its backbone is changed in place.
        weights: Tensors by their names in the backbone.
        origin: Where they are from, for people.

    Raises:
        WeightsUnusable: A tensor of the backbone is absent or has another shape.
    """
    wanted = state.model.backbone.state_dict()
    _check_fit(wanted, weights, state.config, origin=origin)
    state.model.backbone.load_state_dict({name: weights[name] for name in wanted})
    with torch.no_grad():
        for name, average in state.average.items():
            average.copy_(state.model.get_parameter(name))
    state.started_from = origin


def describe_weights(init: Path) -> str:
    """Return what is said to be the start of a training from a file of weights.

    Args:
        init: The file.
    """
    return f"the weights of {init.name}"


def check_start(config: TrainConfig, *, init: Path | None) -> None:
    """Check that the weights which a training starts from can be had, and are of its backbone.

    Args:
        config: Its settings.
        init: Safetensors file to start the backbone from, if given.

    Raises:
        WeightsUnusable: What ``init`` names is none, or not of this backbone.
        WeightsUnavailable: Pretrained weights cannot be had.
    """
    if init is not None:
        with torch.random.fork_rng(devices=[]):
            wanted = build_backbone(config.backbone, config.stem).state_dict()
        weights = read_backbone_weights(init)
        _check_fit(wanted, weights, config, origin=describe_weights(init))
    elif config.pretrained:
        read_published_weights(config.backbone)


def _check_fit(
    wanted: Mapping[str, Tensor],
    weights: Mapping[str, Tensor],
    config: TrainConfig,
    *,
    origin: str,
) -> None:
    missing = sorted(n for n in wanted if n not in weights or weights[n].shape != wanted[n].shape)
    if missing:
        raise WeightsUnusable(
            f"{origin} do not fit backbone {config.backbone} with stem {config.stem}: "
            f"absent or of another shape of {len(wanted)} tensors: {len(missing)}, "
            f"the first is {missing[0]}"
        )


def build_published(
    config: TrainConfig, weights: Mapping[str, Tensor], device: torch.device
) -> nn.Module:
    """Return the backbone with published weights, beside the one that is trained.

    Args:
        config: Names the backbone.
        weights: Tensors by their names in the backbone.
        device: Where it goes.
    """
    with torch.random.fork_rng(devices=[]):
        backbone = build_backbone(config.backbone, config.stem)
    backbone.load_state_dict({name: weights[name] for name in backbone.state_dict()})
    return backbone.to(device).to(memory_format=torch.channels_last).eval()
