"""Several processes that train one model: sums, rows and batch statistics of the joined batch.

Every function is right in a single process too, where it does nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn import functional


def is_distributed() -> bool:
    """Return True inside a started process group of two or more."""
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


def world_size() -> int:
    """Return the number of processes, >= 1."""
    return dist.get_world_size() if is_distributed() else 1


def rank() -> int:
    """Return the number of this process, 0 to ``world_size() - 1``."""
    return dist.get_rank() if is_distributed() else 0


@contextmanager
def process_group(device_type: str) -> Iterator[None]:
    """Join the group that ``torchrun`` describes in the environment, leave it at the end.

    Does nothing without ``torchrun`` or where the caller has started a group already.

    Args:
        device_type: ``cuda`` talks over NCCL, anything else over gloo.

    Yields:
        Nothing.
    """
    is_launched = int(os.environ.get("WORLD_SIZE", "1")) > 1
    if not is_launched or dist.is_initialized():
        yield
        return
    if device_type == "cuda":
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    dist.init_process_group("nccl" if device_type == "cuda" else "gloo")
    try:
        yield
    finally:
        dist.destroy_process_group()


def global_logsumexp_of_rows(values: Tensor) -> Tensor:
    """Return the log of the summed exponentials over the rows of all processes.

    Args:
        values: (B, K) float, the rows of this process.

    Returns:
        (1, K), same dtype.
    """
    local = values.logsumexp(dim=0, keepdim=True)
    return all_rows(local).logsumexp(dim=0, keepdim=True) if is_distributed() else local


def all_rows(rows: Tensor) -> Tensor:
    """Return the rows of all processes, rank after rank, without a gradient.

    Args:
        rows: (B, ...) the same shape in every process.

    Returns:
        (world_size * B, ...).
    """
    if not is_distributed():
        return rows
    parts = [torch.empty_like(rows) for _ in range(world_size())]
    dist.all_gather(parts, rows.contiguous())
    return torch.cat(parts)


def total(values: Tensor) -> Tensor:
    """Return the sum of ``values`` over all processes, without a gradient."""
    if not is_distributed():
        return values
    summed = values.clone()
    dist.all_reduce(summed)
    return summed


def agreed(value: float) -> float:
    """Return what the first process passed: clocks differ, decisions may not."""
    if not is_distributed():
        return value
    device = "cuda" if dist.get_backend() == "nccl" else "cpu"
    box = torch.tensor([value], dtype=torch.float64, device=device)
    dist.broadcast(box, src=0)
    return float(box.item())


def barrier() -> None:
    """Wait for all processes."""
    if is_distributed():
        dist.barrier()


def synchronise_batch_norm(model: nn.Module, device_type: str) -> nn.Module:
    """Make batch norm use the statistics of the joined batch.

    On a GPU that is ``torch.nn.SyncBatchNorm``, which has no CPU kernel; on CPUs it is
    :class:`GlobalBatchNorm`, the same arithmetic in plain operations.

    Returns:
        The model, its batch norms replaced; unchanged in a single process.
    """
    if not is_distributed():
        return model
    if device_type == "cuda":
        converted: nn.Module = nn.SyncBatchNorm.convert_sync_batchnorm(model)
        return converted
    for module in model.modules():
        if type(module) in (nn.BatchNorm1d, nn.BatchNorm2d) or _is_timm_batch_norm(module):
            GlobalBatchNorm.adopt(module)
    return model


def _is_timm_batch_norm(module: nn.Module) -> bool:
    """Return True for a subclass of batch norm that adds drop-out and activation to it."""
    return isinstance(module, nn.BatchNorm2d) and hasattr(module, "act")


class _JoinedNorm(torch.autograd.Function):
    """Batch norm with statistics of all processes, by the fused kernels for running ones.

    With S1 the sum of the gradients and S2 that of the gradients times the normalised values, both
    over the n values of a channel in all processes, the gradient of x is weight * inverse deviation
    * (g - S1 / n - normalised x * S2 / n) (Ioffe and Szegedy 2015, section 3).
    """

    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401 - torch's own untyped context
        values: Tensor,
        weight: Tensor,
        bias: Tensor,
        eps: float,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return the normalised values, and mean, variance and count of each channel."""
        count = torch.full((1,), float(values.numel() // values.shape[1]), device=values.device)
        _, own_mean, inverse = torch.native_batch_norm(
            values, weight, bias, None, None, training=True, momentum=0.0, eps=eps
        )
        own_square = inverse.square().reciprocal() - eps + own_mean.square()
        mean, mean_square, n = _split_sums(
            total(torch.cat([own_mean * count, own_square * count, count]))
        )
        variance = (mean_square - mean.square()).clamp_min(0)
        ctx.save_for_backward(values, weight, mean, variance, n)
        ctx.eps = eps
        out = functional.batch_norm(values, mean, variance, weight, bias, eps=eps)
        ctx.mark_non_differentiable(mean, variance, n)
        return out, mean, variance, n

    @staticmethod
    def backward(
        ctx: Any,  # noqa: ANN401
        *gradients: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor, None]:
        """Return the gradients of values, weight and bias."""
        values, weight, mean, variance, n = ctx.saved_tensors
        moved, own_weight, own_bias = torch.ops.aten.native_batch_norm_backward(
            gradients[0], values, weight, mean, variance, None, None, False, ctx.eps,  # noqa: FBT003
            [True, True, True],
        )  # fmt: skip
        joint_bias, joint_weight = total(torch.stack([own_bias, own_weight])) / n
        inverse = (variance + ctx.eps).rsqrt()
        slope = -weight * inverse.square() * joint_weight
        offset = -weight * inverse * joint_bias - slope * mean
        moved += functional.batch_norm(
            values, torch.zeros_like(mean), torch.ones_like(mean), slope, offset, eps=0.0
        )
        return moved, own_weight, own_bias, None


def _split_sums(sums: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return mean and mean square (C,) and count (1,) of sums, sums of squares and count."""
    n = sums[-1:]
    n_channels = len(sums) // 2
    return sums[:n_channels] / n, sums[n_channels:-1] / n, n


class GlobalBatchNorm:
    """Batch norm over the joined batch of all processes, for devices without a kernel for it."""

    @classmethod
    def adopt(cls, module: nn.Module) -> None:
        """Replace the forward pass of one ``BatchNorm`` module, keeping its parameters."""
        act: nn.Module | None = getattr(module, "act", None)
        drop: nn.Module | None = getattr(module, "drop", None)

        def forward(values: Tensor) -> Tensor:
            normalised = cls.normalise(module, values)
            normalised = drop(normalised) if drop is not None else normalised
            return act(normalised) if act is not None else normalised

        module.forward = forward

    @staticmethod
    def normalise(module: Any, values: Tensor) -> Tensor:  # noqa: ANN401 - any batch norm class
        """Normalise by joint mean and variance while training, by running ones otherwise.

        Args:
            module: A batch norm with C channels.
            values: (B, C) or (B, C, H, W) float; B may differ between processes.

        Returns:
            The shape and dtype of ``values``.
        """
        if not module.training:
            return functional.batch_norm(
                values, module.running_mean, module.running_var, module.weight, module.bias,
                eps=module.eps,
            )  # fmt: skip
        joined: Any = _JoinedNorm.apply(values, module.weight, module.bias, module.eps)
        normalised, mean, variance, n = joined
        GlobalBatchNorm.track(module, mean, variance * n / (n - 1))
        return cast("Tensor", normalised)

    @staticmethod
    def track(module: Any, mean: Tensor, variance: Tensor) -> None:  # noqa: ANN401
        """Move the running statistics of ``module`` towards those of one batch, (C,) each."""
        module.num_batches_tracked += 1
        momentum = module.momentum
        if momentum is None:
            momentum = 1.0 / float(module.num_batches_tracked)
        module.running_mean.lerp_(mean, momentum)
        module.running_var.lerp_(variance, momentum)
