"""Optimisers: LARS and SGD as the paper uses, AdamW for small machines."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from swav_train.config import Optimizer, TrainConfig


class Lars(torch.optim.Optimizer):
    """SGD with momentum whose step is scaled per tensor (arXiv:1708.03888, Algorithm 1).

    The momentum holds steps, each with the learning rate of its time, as the algorithm has it.

    Tensors of one dimension (norms, biases) take plain momentum steps without decay.
    """

    def __init__(
        self,
        params: Iterable[Any],
        *,
        lr: float,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        trust: float = 0.001,
    ) -> None:
        """Make the optimiser.

        Args:
            params: Parameters or parameter groups.
            lr: Learning rate, > 0.
            momentum: In [0, 1).
            weight_decay: >= 0.
            trust: Ratio of the step's norm to the tensor's norm at ``lr`` 1, > 0.
        """
        defaults = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay, "trust": trust}
        super().__init__(params, defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Move every parameter that has a gradient.

        Args:
            closure: Not supported.

        Raises:
            ValueError: A closure was given.
        """
        if closure is not None:
            raise ValueError("Lars takes no closure")
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._move(parameter, group)

    def _move(self, parameter: Tensor, group: dict[str, Any]) -> None:
        gradient = parameter.grad
        assert gradient is not None
        rate = group["lr"]
        if parameter.ndim > 1:
            decay = group["weight_decay"]
            size, slope = parameter.norm(), gradient.norm()
            ratio = group["trust"] * size / (slope + decay * size)
            rate = rate * torch.where((size > 0) & (slope > 0), ratio, 1.0)
            gradient = gradient.add(parameter, alpha=decay)
        state = self.state[parameter]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(parameter)
        state["momentum_buffer"].mul_(group["momentum"]).add_(gradient * rate)
        parameter.sub_(state["momentum_buffer"])


def build_optimizer(model: nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
    """Return the optimiser of ``config`` over the parameters of ``model``.

    Filters and matrices decay; norms, biases and the unit-norm prototypes do not. The backbone has
    a share of the learning rate for itself.

    Args:
        model: Names of its backbone's parameters begin with ``backbone.``.
        config: Optimiser, rates and decay.
    """
    named = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    groups = [
        {
            "params": [
                p for n, p in named if _is_backbone(n) is inside and _decays(n, p) is decays
            ],
            "weight_decay": config.weight_decay if decays else 0.0,
            "is_backbone": inside,
            "rate": config.backbone_rate if inside else 1.0,
        }
        for inside in (True, False)
        for decays in (True, False)
    ]
    match config.optimizer:
        case Optimizer.ADAMW:
            return torch.optim.AdamW(groups, lr=config.learning_rate, fused=True)
        case Optimizer.SGD:
            return torch.optim.SGD(groups, lr=config.learning_rate, momentum=0.9, nesterov=True)
        case Optimizer.LARS:
            return Lars(groups, lr=config.learning_rate)


def _is_backbone(name: str) -> bool:
    return name.startswith("backbone.")


def _decays(name: str, parameter: Tensor) -> bool:
    return parameter.ndim > 1 and not name.endswith("prototypes")


def set_learning_rate(
    optimizer: torch.optim.Optimizer, learning_rate: float, *, moves_backbone: bool = True
) -> None:
    """Use a learning rate from the next step on.

    Args:
        optimizer: From :func:`build_optimizer`.
        learning_rate: Of all but the backbone, which gets its share of it.
        moves_backbone: False to give the backbone none.
    """
    for group in optimizer.param_groups:
        is_still = group["is_backbone"] and not moves_backbone
        group["lr"] = 0.0 if is_still else learning_rate * group["rate"]
