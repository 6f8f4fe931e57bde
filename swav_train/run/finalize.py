"""From the last step to an encoder: averaged weights, batch statistics, prototypes, whitening."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from swav_train.config import TrainConfig
from swav_train.data.pixel_source import PixelSource, generator_of
from swav_train.method.multicrop import normalise, squash
from swav_train.method.refine_prototypes import settled_prototypes
from swav_train.networks.encoder import Whitening, describe, fit_whitening
from swav_train.networks.swav_model import calibrate_batch_norm
from swav_train.run.metrics import usage_entropy
from swav_train.run.state import TrainState

MOST_BATCH = 256
FEWEST_BATCH = 32
CALIBRATION_IMAGES = 1024
WHITENING_SECONDS = 3.0
"""Principal components of 2,000 features on one CPU core, and writing the model, measured."""


def finish(state: TrainState, source: PixelSource, *, n_sample: int) -> tuple[Whitening, float]:
    """Make the model ready for use, in place.

    Args:
        state: Its model is changed: averaged weights if there are any, prototypes settled on whole
            images, evaluation mode.
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
    n_stages = state.config.embedding_stages
    batch = finish_batch(state.config.image_size)
    parts = order[:n_sample].split(batch)
    if len(parts) > 1 and len(parts[-1]) < batch // 2:
        parts = parts[:-1]
    few = _whole_images(source, parts[: CALIBRATION_IMAGES // batch], state.config, state.device)
    calibrate_batch_norm(model, few)
    model.eval()
    every = _whole_images(source, parts, state.config, state.device)
    with torch.no_grad():
        described = [describe(model.backbone, batch, n_stages=n_stages) for batch in every]
        projections = torch.cat([model.project(pooled) for _, pooled in described])
        settled = settled_prototypes(
            projections.float(), model.prototypes, epsilon=state.config.epsilon
        )
        model.prototypes.copy_(settled)
        nearest = model.score(projections).argmax(dim=1)
    stages = [torch.cat(stage) for stage in zip(*(cells for cells, _ in described), strict=True)]
    whitening = fit_whitening(
        stages, max_dim=state.config.embedding_dim, power=state.config.whitening_power
    )
    counts = torch.bincount(nearest, minlength=state.config.n_prototypes)
    return whitening, usage_entropy(counts)


def seconds_to_describe(state: TrainState, source: PixelSource) -> float:
    """Return the time to describe one whole image, measured on a small batch.

    Args:
        state: Its model is used as it is.
        source: The training images.
    """
    model, n_stages = state.model, state.config.embedding_stages
    was_training = model.training
    model.eval()
    few = torch.arange(min(len(source), finish_batch(state.config.image_size) // 4))
    (batch,) = _whole_images(source, [few], state.config, state.device)
    with torch.no_grad():
        describe(model.backbone, batch[:1], n_stages=n_stages)
        began = time.monotonic()
        stages, _ = describe(model.backbone, batch, n_stages=n_stages)
        stages[-1].sum().item()
    model.train(was_training)
    return (time.monotonic() - began) / len(batch)


def seconds_to_finish(n_sample: int, *, seconds_per_image: float) -> float:
    """Return the time that :func:`finish` will take, within a second or two.

    Args:
        n_sample: As for :func:`finish`.
        seconds_per_image: From :func:`seconds_to_describe`; a batch statistic costs half of it.
    """
    n_calibration = min(n_sample, CALIBRATION_IMAGES)
    return WHITENING_SECONDS + (n_sample + 0.5 * n_calibration) * seconds_per_image


def finish_batch(image_size: int) -> int:
    """Return how many whole images to describe at once: fewer large ones, for memory's sake."""
    return max(FEWEST_BATCH, min(MOST_BATCH, MOST_BATCH * 96**2 // image_size**2))


def _whole_images(
    source: PixelSource, parts: Sequence[Tensor], config: TrainConfig, device: torch.device
) -> Iterator[Tensor]:
    """Yield the images at each of ``parts`` as normalised (B, 3, S, S), one batch at a time."""
    for part in parts:
        squares = squash(source.batch(part).to(device), config.image_size)
        yield normalise(squares).contiguous(memory_format=torch.channels_last)
