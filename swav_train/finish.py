"""From the last step to an encoder: averaged weights, batch statistics, whitening."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from swav_train.config import TrainConfig
from swav_train.encoder import Whitening, describe, fit_whitening
from swav_train.metrics import usage_entropy
from swav_train.model import calibrate_batch_norm
from swav_train.multicrop import normalise, squash
from swav_train.source import PixelSource, generator_of
from swav_train.state import TrainState

BATCH = 256
CALIBRATION_BATCHES = 4


def finish(state: TrainState, source: PixelSource, *, n_sample: int) -> tuple[Whitening, float]:
    """Make the model ready for use, in place.

    Args:
        state: Its model is changed: averaged weights if there are any, evaluation mode.
        source: The training images.
        n_sample: Images to use, drawn at random, whole.

    Returns:
        The whitening of the features, and the entropy of the prototypes nearest to the images over
        log K.
    """
    model = state.model
    with torch.no_grad():
        for name, average in state.average.items():
            model.get_parameter(name).copy_(average)
    model.normalise_prototypes()
    order = torch.randperm(len(source), generator=generator_of(state.config.seed, "finish"))
    parts = order[:n_sample].split(BATCH)
    if len(parts) > 1 and len(parts[-1]) < BATCH // 2:
        parts = parts[:-1]
    few = _whole_images(source, parts[:CALIBRATION_BATCHES], state.config, state.device)
    calibrate_batch_norm(model, few)
    model.eval()
    every = _whole_images(source, parts, state.config, state.device)
    with torch.no_grad():
        described = [describe(model.backbone, batch) for batch in every]
        projections = torch.cat([model.project(pooled) for _, pooled in described])
        nearest = model.score(projections).argmax(dim=1)
    features = torch.cat([spatial for spatial, _ in described])
    whitening = fit_whitening(features, max_dim=state.config.embedding_dim)
    counts = torch.bincount(nearest, minlength=state.config.n_prototypes)
    return whitening, usage_entropy(counts)


def _whole_images(
    source: PixelSource, parts: Sequence[Tensor], config: TrainConfig, device: torch.device
) -> Iterator[Tensor]:
    """Yield the images at each of ``parts`` as normalised (B, 3, S, S), one batch at a time."""
    for part in parts:
        squares = squash(source.batch(part).to(device), config.image_size)
        yield normalise(squares).contiguous(memory_format=torch.channels_last)
