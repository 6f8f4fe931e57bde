"""Batch norm over the joined batch of several processes."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from swav_train.distributed import is_distributed, sum_over_processes


def synchronise_batch_norm(model: nn.Module, device_type: str) -> nn.Module:
    """Make batch norm use the statistics of the joined batch.

    On a GPU that is ``torch.nn.SyncBatchNorm``, which has no CPU kernel; on CPUs it is
    :class:`GlobalBatchNorm`, the same arithmetic in plain operations.

    Args:
        model: Changed in place.
        device_type: ``cuda`` or ``cpu``.

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
        _, local_mean, inverse = torch.native_batch_norm(
            values, weight, bias, None, None, training=True, momentum=0.0, eps=eps
        )
        local_square = inverse.square().reciprocal() - eps + local_mean.square()
        mean, mean_square, n = _split_sums(
            sum_over_processes(torch.cat([local_mean * count, local_square * count, count]))
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
        moved, local_weight, local_bias = torch.ops.aten.native_batch_norm_backward(
            gradients[0], values, weight, mean, variance, None, None, False, ctx.eps,  # noqa: FBT003
            [True, True, True],
        )  # fmt: skip
        joint_bias, joint_weight = sum_over_processes(torch.stack([local_bias, local_weight])) / n
        inverse = (variance + ctx.eps).rsqrt()
        slope = -weight * inverse.square() * joint_weight
        offset = -weight * inverse * joint_bias - slope * mean
        moved += functional.batch_norm(
            values, torch.zeros_like(mean), torch.ones_like(mean), slope, offset, eps=0.0
        )
        return moved, local_weight, local_bias, None


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
        """Move the running statistics of ``module`` towards those of one batch.

        Args:
            module: A batch norm with C channels.
            mean: (C,) float.
            variance: (C,) float.
        """
        module.num_batches_tracked += 1
        momentum = module.momentum
        if momentum is None:
            momentum = 1.0 / float(module.num_batches_tracked)
        module.running_mean.lerp_(mean, momentum)
        module.running_var.lerp_(variance, momentum)
