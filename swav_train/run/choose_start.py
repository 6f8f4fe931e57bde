"""Which weights to start from, before the first step: random or published ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from swav_train.config import TrainConfig
from swav_train.data.pixel_source import PixelSource
from swav_train.device import resolve_device
from swav_train.networks.pretrained import read_published_weights
from swav_train.run.described import describe, describe_source, draw_views, embed_views
from swav_train.run.keep_better import measure_features
from swav_train.run.state import build_published, new_state
from swav_train.run.thread_choice import with_fastest_threads

IMAGES_COMPARED = 96
"""Images that both networks look at, chosen: 8 s on one core; a share of 0.5 is off by 0.04."""
IMAGES_AT_ONCE, IMAGES_TIMED = 32, 4


@dataclass(frozen=True, kw_only=True, slots=True)
class StartComparison:
    """Which start a folder's images speak for.

    Attributes:
        untrained: View agreement of the network with random weights, in [0, 1].
        published: That of the network with published ones.
    """

    untrained: float
    published: float

    @property
    def prefers_published(self) -> bool:
        """True where the published network knows the images better."""
        return self.published > self.untrained

    def describe(self) -> str:
        """Return one clause for people."""
        figures = f"view agreement {self.published:.2f} published, {self.untrained:.2f} untrained"
        if self.prefers_published:
            return f"published weights, which tell these images apart ({figures})"
        return f"random weights: published ones tell these images apart no better ({figures})"


def compare_starts(
    source: PixelSource,
    *,
    random: TrainConfig,
    published: TrainConfig,
    read_published: Callable[[str], tuple[Mapping[str, Tensor], str]] = read_published_weights,
) -> StartComparison:
    """Return how well an untrained and a published network know views of a folder's images.

    Two random views of each image, the same for both, are embedded as a finished model would; the
    figure is :func:`swav_train.run.keep_better.measure_features`.

    Args:
        source: Of the images, as large as the settings' ``cache_size``; the first are used.
        random: Settings of a training that starts from random weights.
        published: Settings of one that starts from published weights.
        read_published: Published weights of a backbone by name, and where they are from.

    Raises:
        WeightsUnavailable: There are no such weights.
    """
    device = resolve_device(published.device)
    weights, _ = read_published(published.backbone)
    figures = [
        _measure(backbone, source, config, device)
        for backbone, config in (
            (new_state(random, device).model.backbone, random),
            (build_published(published, weights, device), published),
        )
    ]
    return StartComparison(untrained=figures[0], published=figures[1])


def _measure(
    backbone: nn.Module, source: PixelSource, config: TrainConfig, device: torch.device
) -> float:
    """Return the view agreement of a backbone's features, as an encoder would embed."""
    backbone.eval()
    rows = torch.arange(min(len(source), IMAGES_COMPARED))
    parts = rows.split(IMAGES_AT_ONCE)
    some = torch.zeros(IMAGES_TIMED, 3, config.image_size, config.image_size, device=device)
    with with_fastest_threads(device, lambda: describe(backbone, some, config)):
        features = describe_source(backbone, source, parts, config, device)
        crop = replace(config.crops[0], size=config.image_size)
        views = draw_views(source, rows, replace(config, crops=(crop,)), device)
        return measure_features(*(embed_views(features, view, config) for view in views))
