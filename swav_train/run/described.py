"""What a frozen backbone makes of a folder's images: features, whitening, embeddings of views."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import torch
from torch import Tensor, nn

from swav_train.config import TrainConfig
from swav_train.data.pixel_source import PixelSource
from swav_train.data.seeds import make_generator
from swav_train.method.multicrop import MultiCrop, squash
from swav_train.networks.encoder import describe_images, prepare_images
from swav_train.networks.whitening import Whitening, fit_whitening


@dataclass(frozen=True, kw_only=True, slots=True)
class Features:
    """What a backbone makes of some images, and how.

    Attributes:
        backbone: In evaluation mode.
        whitening: Fitted to those images.
        embeddings: (N, D) float32 unit rows.
    """

    backbone: nn.Module
    whitening: Whitening
    embeddings: Tensor


@torch.no_grad()
def describe_source(
    backbone: nn.Module,
    source: PixelSource,
    parts: Sequence[Tensor],
    config: TrainConfig,
    device: torch.device,
    is_over: Callable[[], bool] = lambda: False,
) -> Features:
    """Return the features of some images, as far as the time goes.

    Args:
        backbone: Put in evaluation mode.
        source: Of the images.
        parts: Indices of each batch.
        config: Its settings of the encoder are used.
        device: Where the backbone is.
        is_over: Asked before each batch but the first.
    """
    backbone.eval()
    described = [
        describe(backbone, batch, config)
        for batch in stop_when(is_over, read_whole(source, parts, config, device))
    ]
    stages = [torch.cat(stage) for stage in zip(*described, strict=True)]
    whitening = fit_whitening(stages, max_dim=config.embedding_dim, power=config.whitening_power)
    embeddings = whitening(torch.cat(stages, dim=1))
    return Features(backbone=backbone, whitening=whitening, embeddings=embeddings)


def draw_views(
    source: PixelSource, rows: Tensor, config: TrainConfig, device: torch.device
) -> list[Tensor]:
    """Return two random views of some images, (B, 3, s, s) float each, normalised.

    Args:
        source: Of the images.
        rows: (B,) int64.
        config: Its full-resolution crops and colours are used, its seed decides.
        device: Where to cut them.
    """
    pair = replace(config, crops=(replace(config.crops[0], count=2),))
    generator = make_generator(config.seed, "compared views")
    return MultiCrop(pair)(source.read(rows).to(device), source.aspects[rows], generator)


@torch.no_grad()
def embed_views(features: Features, images: Tensor, config: TrainConfig) -> Tensor:
    """Return (B, D) unit rows of normalised images.

    Args:
        features: Of the backbone that describes them.
        images: (B, 3, S, S) float.
        config: Its settings of the encoder are used.
    """
    stages = describe(features.backbone, images, config)
    return features.whitening(torch.cat(stages, dim=1))


def describe(backbone: nn.Module, images: Tensor, config: TrainConfig) -> list[Tensor]:
    """Return what the encoder of a training makes embeddings of."""
    return describe_images(
        backbone,
        images,
        n_stages=config.embedding_stages,
        vertical_flip=config.vertical_flip,
    )


def stop_when(is_over: Callable[[], bool], batches: Iterable[Tensor]) -> Iterator[Tensor]:
    """Yield the first batch, and others until the time is over."""
    remaining = iter(batches)
    yield from islice(remaining, 1)
    while not is_over() and (batch := next(remaining, None)) is not None:
        yield batch


def read_whole(
    source: PixelSource, parts: Sequence[Tensor], config: TrainConfig, device: torch.device
) -> Iterator[Tensor]:
    """Yield the images at each of ``parts`` as normalised (B, 3, S, S), one batch at a time."""
    for part in parts:
        squares = squash(source.read(part).to(device), config.image_size)
        yield prepare_images(squares, is_evened=config.standardise)
