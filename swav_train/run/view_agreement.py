"""A measure of learning that needs no labels: are two views of an image each other's neighbours?"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from swav_train.config import TrainConfig
from swav_train.data.pixel_source import PixelSource, generator_of
from swav_train.method.multicrop import MultiCrop
from swav_train.networks.swav_model import SwavModel

MOST = 256
SHARE = 0.05
FEWEST_TO_SPARE = 400


def split_held_out(n_images: int, *, seed: int) -> tuple[Tensor, Tensor]:
    """Set a twentieth of the images, at most 256, aside from training.

    Folders of under 400 images have none to spare: there the measure uses training images.

    Args:
        n_images: N, >= 1.
        seed: Of the choice.

    Returns:
        Indices to train on, (T,) int64, ascending, and indices to measure on, (H,) int64.
    """
    order = torch.randperm(n_images, generator=generator_of(seed, "held out"))
    if n_images < FEWEST_TO_SPARE:
        return torch.arange(n_images), order[:MOST]
    n_held = min(MOST, round(SHARE * n_images))
    return order[n_held:].sort().values, order[:n_held]


def view_agreement(first: Tensor, second: Tensor) -> float:
    """Return how often the nearest row of ``second`` is the same image's.

    Args:
        first: (H, P) unit rows, one view of each image.
        second: (H, P) unit rows, another view of each, in the same order.

    Returns:
        A share in [0, 1]; 1 / H by chance.
    """
    nearest = (first @ second.t()).argmax(dim=1)
    own = torch.arange(len(first), device=first.device)
    return (nearest == own).float().mean().item()


class HeldOut:
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
        two = replace(config, crops=(replace(config.crops[0], count=2),))
        self._views = MultiCrop(two)(
            source.batch(indices).to(device),
            source.aspects[indices],
            generator_of(config.seed, "held-out views"),
        )

    @torch.no_grad()
    def agreement(self, model: SwavModel) -> float:
        """Return the :func:`view_agreement` of the projections, in evaluation mode."""
        was_training = model.training
        model.eval()
        first, second = (model.project(model.backbone(view)) for view in self._views)
        model.train(was_training)
        return view_agreement(first, second)
