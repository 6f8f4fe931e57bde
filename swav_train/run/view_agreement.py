"""A measure of learning that needs no labels: are two views of an image each other's neighbours?"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from swav_train.config import TrainConfig
from swav_train.data.pixel_source import PixelSource
from swav_train.data.seeds import make_generator
from swav_train.device import resolve_precision
from swav_train.method.multicrop import MultiCrop
from swav_train.networks.swav_model import SwavModel


@dataclass(frozen=True, kw_only=True, slots=True)
class HeldOutParams:
    """How many images are held out of training; chosen, not measured.

    Attributes:
        most: However large the folder.
        share: Of all images.
        fewest_to_spare: A folder with fewer images has none to spare.
        cost_share: Of the work of the training that measuring may be, at most.
        backward_cost: Times that a training step passes its crops through the network: forward,
            and back at twice the cost.
    """

    most: int = 256
    share: float = 0.05
    fewest_to_spare: int = 400
    cost_share: float = 0.02
    backward_cost: int = 3


HELD_OUT = HeldOutParams()


def count_held_out(n_images: int, params: HeldOutParams = HELD_OUT) -> int:
    """Return how many images are held out of training; 0 where there are none to spare.

    Args:
        n_images: N, >= 1.
        params: How many.
    """
    if n_images < params.fewest_to_spare:
        return 0
    return min(params.most, round(params.share * n_images))


def split_held_out(
    n_images: int, *, seed: int, params: HeldOutParams = HELD_OUT
) -> tuple[Tensor, Tensor]:
    """Set a twentieth of the images, at most 256, aside from training.

    Folders of under 400 images have none to spare: there the measure uses training images.

    Args:
        n_images: N, >= 1.
        seed: Of the choice.
        params: How many.

    Returns:
        Indices to train on, (T,) int64, ascending, and indices to measure on, (H,) int64.
    """
    order = torch.randperm(n_images, generator=make_generator(seed, "held out"))
    n_held = count_held_out(n_images, params)
    if n_held == 0:
        return torch.arange(n_images), order[: params.most]
    return order[n_held:].sort().values, order[:n_held]


def choose_interval(
    n_train: int, n_held: int, *, n_crops: int, params: HeldOutParams = HELD_OUT
) -> int:
    """Return after how many epochs to measure again: in small folders an epoch is soon over.

    Args:
        n_train: Images of an epoch.
        n_held: Images to measure on.
        n_crops: Crops of an image, about as large as a view.
        params: How much it may cost.
    """
    n_views, n_passes = 2 * n_held, params.backward_cost * n_crops * n_train
    return max(1, math.ceil(n_views / (params.cost_share * n_passes)))


def compute_view_agreement(first: Tensor, second: Tensor) -> float:
    """Return how often the nearest row of ``second`` is the same image's.

    Args:
        first: (H, P) unit rows, one view of each image.
        second: (H, P) unit rows, another view of each, in the same order.

    Returns:
        A share in [0, 1]; 1 / H by chance.
    """
    nearest = (first @ second.t()).argmax(dim=1)
    same_image = torch.arange(len(first), device=first.device)
    return (nearest == same_image).float().mean().item()


class HeldOutViews:
    """Two fixed random views of some images, to measure a model on now and then."""

    def __init__(
        self, source: PixelSource, indices: Tensor, config: TrainConfig, device: torch.device
    ) -> None:
        """Draw the views.

        Args:
            source: All images.
            indices: (H,) int64, those to measure on.
            config: Its full-resolution crops and colours are used, its seed decides.
            device: Where the model is.
        """
        pair = replace(config, crops=(replace(config.crops[0], count=2),))
        self._device = device
        self._precision = resolve_precision(config.precision, device)
        self._views = MultiCrop(pair)(
            source.read(indices).to(device),
            source.aspects[indices],
            make_generator(config.seed, "held-out views"),
        )

    @torch.no_grad()
    def measure(self, model: SwavModel) -> float:
        """Return the :func:`compute_view_agreement` of the projections, in evaluation mode.

        In the precision of the training: float32 took twice as long.
        """
        was_training = model.training
        model.eval()
        is_lower = self._precision != torch.float32
        with torch.autocast(self._device.type, self._precision, enabled=is_lower):
            first, second = (model.project(model.backbone(view)) for view in self._views)
        model.train(was_training)
        return compute_view_agreement(first, second)
