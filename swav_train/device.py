"""Where the network computes, and in what precision."""

from __future__ import annotations

import torch

from swav_train.config import Precision, check_device


def resolve_device(name: str) -> torch.device:
    """Return the device that ``auto``, ``cpu``, ``cuda`` or ``cuda:N`` stands for.

    Raises:
        ValueError: It has another name, or is asked for and absent.
    """
    check_device(name)
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cpu":
        return torch.device(name)
    kind, _, number = name.partition(":")
    if not torch.cuda.is_available() or int(number or 0) >= torch.cuda.device_count():
        raise ValueError(f"device {name} is not available on this machine")
    return torch.device(kind, int(number) if number else torch.cuda.current_device())


def resolve_precision(precision: Precision, device: torch.device) -> torch.dtype:
    """Return the dtype of the network's arithmetic: bfloat16 where the hardware is fast at it.

    Args:
        precision: As set.
        device: Where the network computes.
    """
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
