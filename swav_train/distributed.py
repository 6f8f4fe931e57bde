"""Several processes that train one model: their group, and sums and rows over all of them.

Every function is right in a single process too, where it does nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.distributed as dist
from torch import Tensor


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


def logsumexp_over_all_rows(values: Tensor) -> Tensor:
    """Return the log of the summed exponentials over the rows of all processes.

    Args:
        values: (B, K) float, the rows of this process.

    Returns:
        (1, K), same dtype.
    """
    local = values.logsumexp(dim=0, keepdim=True)
    return gather_rows(local).logsumexp(dim=0, keepdim=True) if is_distributed() else local


def gather_rows(rows: Tensor) -> Tensor:
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


def sum_over_processes(values: Tensor) -> Tensor:
    """Return the sum of ``values`` over all processes, without a gradient."""
    if not is_distributed():
        return values
    summed = values.clone()
    dist.all_reduce(summed)
    return summed


def broadcast_value(value: float) -> float:
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
