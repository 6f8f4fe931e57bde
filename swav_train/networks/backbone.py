"""Networks that turn images into pooled features, by name, without any download."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Any

import timm
import torch
from torch import Tensor, nn

from swav_train.config import Stem


@dataclass(frozen=True, kw_only=True, slots=True)
class TimmSpec:
    """How ``timm.create_model`` makes a network.

    Attributes:
        name: A model name that timm knows.
        options: Keyword arguments beside ``pretrained=False, num_classes=0``.
    """

    name: str
    options: dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class GridParams:
    """With how much sense of place a backbone describes an image.

    Measured with `tests/benchmarks/swav_quality.py`: three stages on the finest grid, with images
    larger than crops, were four points of k-NN better than two stages on a coarser one.

    Attributes:
        grids: Cells per side of the maps of the last three stages, the finest first.
        most_features: The finest grid with so many features is taken.
    """

    grids: tuple[tuple[int, ...], ...] = ((3, 2, 2), (2, 2, 1), (2, 1, 1), (1, 1, 1))
    most_features: int = 2304


GRID = GridParams()

LIGHT_NETWORKS = {
    f"resnet10_w{width}": TimmSpec(
        name="resnet18",
        options={"layers": (1, 1, 1, 1), "channels": tuple(width * 2**i for i in range(4))},
    )
    for width in (32, 48, 64)
}
"""Light networks for CPUs that timm builds but has no name for."""


def find_timm_spec(name: str) -> TimmSpec:
    """Return how to make a network with plain timm.

    Args:
        name: A key of :data:`LIGHT_NETWORKS` or any timm model name.

    Raises:
        ValueError: Nothing has that name; the message offers similar ones.
    """
    if name in LIGHT_NETWORKS:
        return LIGHT_NETWORKS[name]
    if not timm.is_model(name):
        similar = difflib.get_close_matches(name, [*LIGHT_NETWORKS, *timm.list_models()], n=3)
        offer = f"; similar names: {', '.join(similar)}" if similar else ""
        raise ValueError(f"no backbone is called {name!r}{offer}")
    module = timm.models.model_entrypoint(name).__module__
    is_transformer = module.rsplit(".", 1)[-1] in {"vision_transformer", "deit", "eva"}
    return TimmSpec(name=name, options={"dynamic_img_size": True} if is_transformer else {})


def build_backbone(name: str, stem: Stem = Stem.STANDARD) -> nn.Module:
    """Return an untrained network from (B, 3, S, S) float to (B, F) float pooled features.

    Args:
        name: As for :func:`find_timm_spec`.
        stem: ``small`` shrinks the first layers, see :func:`shrink_stem`.

    Raises:
        ValueError: Nothing has that name.
    """
    spec = find_timm_spec(name)
    network: nn.Module = timm.create_model(
        spec.name, pretrained=False, num_classes=0, **spec.options
    )
    if stem is Stem.SMALL:
        shrink_stem(network)
    return network


def shrink_stem(network: nn.Module) -> None:
    """Halve instead of quarter the resolution before the first stage, in place.

    A first filter of 5 px or more becomes one of 3 px with the same stride, and the first max
    pooling goes, as is usual for residual networks on 32 px images (there with stride 1; stride 2
    is 2.5 times faster and learns more in the same time). Networks without such layers, patch
    transformers among them, stay as they are.
    """
    for path, layer in network.named_modules():
        if isinstance(layer, nn.Conv2d) and layer.in_channels == 3:
            if 5 <= layer.kernel_size[0] == layer.kernel_size[1] <= 7 and layer.stride[0] == 2:
                smaller = nn.Conv2d(
                    3, layer.out_channels, 3, stride=2, padding=1, bias=layer.bias is not None
                )
                nn.init.kaiming_normal_(smaller.weight, mode="fan_out", nonlinearity="relu")
                _replace_layer(network, path, smaller)
            break
    for path, layer in list(network.named_modules()):
        if isinstance(layer, nn.MaxPool2d):
            _replace_layer(network, path, nn.Identity())
            break


def _replace_layer(network: nn.Module, path: str, layer: nn.Module) -> None:
    parent, _, name = path.rpartition(".")
    setattr(network.get_submodule(parent), name, layer)


def pool_features(network: nn.Module, images: Tensor, *, n_stages: int) -> list[Tensor]:
    """Return the features of the last stages with a coarse sense of place, and the pooled ones.

    The map of each stage is averaged over the cells of a grid (:data:`GRID`): a network of few
    training steps has more to say there than in its last, globally averaged layer.

    Args:
        network: From :func:`build_backbone`, in evaluation mode.
        images: (B, 3, S, S) float.
        n_stages: How many stages, 1 to 3.

    Returns:
        One (B, channels * cells) float per stage, of the finest grid with 2,304 features at most,
        or the coarsest. The pooled features, (B, F) float, what calling the network gives, follow
        if they are more than the mean of the last stage, and stand alone for a network that hides
        its stages.
    """
    if not hasattr(network, "forward_intermediates"):
        pooled: Tensor = network(images)
        return [pooled]
    timm_network: Any = network
    last, maps = timm_network.forward_intermediates(images, indices=n_stages)
    pooled = timm_network.forward_head(last)
    sides = _choose_grid([stage.shape[1] for stage in maps])
    pool = nn.functional.adaptive_avg_pool2d
    cells = [pool(stage, side).flatten(1) for stage, side in zip(maps, sides, strict=True)]
    is_more = pooled.shape[1] != maps[-1].shape[1]
    return [*cells, pooled] if is_more else cells


def _choose_grid(n_channels: list[int], params: GridParams = GRID) -> tuple[int, ...]:
    """Return the cells per side for each stage."""
    for grid in params.grids:
        sides = grid[-len(n_channels) :]
        n_features = sum(n * side**2 for n, side in zip(n_channels, sides, strict=True))
        if n_features <= params.most_features:
            return sides
    return (1,) * len(n_channels)


def count_features(network: nn.Module, size: int) -> int:
    """Return F, the number of features that ``network`` gives for a square image.

    Args:
        network: From :func:`build_backbone`.
        size: Side of the image, px.
    """
    was_training = network.training
    network.eval()
    with torch.no_grad():
        features: Tensor = network(torch.zeros(1, 3, size, size))
    network.train(was_training)
    return features.shape[1]
