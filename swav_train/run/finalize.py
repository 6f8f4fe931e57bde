"""From the last step to an encoder: averaged weights, batch statistics, prototypes, whitening."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from swav_train.config import TrainConfig
from swav_train.data.pixel_source import PixelSource
from swav_train.data.seeds import make_generator
from swav_train.method.multicrop import normalise, squash
from swav_train.method.refine_prototypes import refine_prototypes
from swav_train.networks.encoder import describe_images
from swav_train.networks.swav_model import calibrate_batch_norm
from swav_train.networks.whitening import Whitening, fit_whitening
from swav_train.run.metrics import compute_usage_entropy
from swav_train.run.state import TrainState


@dataclass(frozen=True, kw_only=True, slots=True)
class FinalizeParams:
    """How much work follows the last step; counts chosen so that short budgets are kept.

    Attributes:
        most_images: To describe, however long the training.
        fewest_images: To describe, however short.
        budget_share: Of a budget that describing may take, where it is over ``fewest_images``.
        calibration_images: That batch statistics are taken from.
        calibration_cost: Of such an image, over the cost of describing one, which takes its mirror,
            too.
        most_batch: Images at once, at 96 px; fewer large ones, for memory's sake.
        fewest_batch: Images at once, however large.
        fixed_seconds: Principal components of 2,000 features on one CPU core, and writing the
            model, measured.
    """

    most_images: int = 4096
    fewest_images: int = 512
    budget_share: float = 0.1
    calibration_images: int = 1024
    calibration_cost: float = 0.5
    most_batch: int = 256
    fewest_batch: int = 32
    fixed_seconds: float = 3.0

    def batch_size(self, image_size: int) -> int:
        """Return how many whole images of a side in px to describe at once."""
        affordable = self.most_batch * 96**2 // image_size**2
        return max(self.fewest_batch, min(self.most_batch, affordable))


FINALIZE = FinalizeParams()


def finalize(
    state: TrainState, source: PixelSource, *, n_sample: int, params: FinalizeParams = FINALIZE
) -> tuple[Whitening, float]:
    """Make the model ready for use, in place.

    Args:
        state: Its model is changed: averaged weights if there are any, prototypes refined on whole
            images, evaluation mode.
        source: The training images.
        n_sample: Images to use, drawn at random, whole.
        params: How much work it is.

    Returns:
        The whitening of the features, and the entropy of the prototypes nearest to the images over
        log K.
    """
    model, config = state.model, state.config
    with torch.no_grad():
        for name, average in state.average.items():
            model.get_parameter(name).copy_(average)
    model.normalise_prototypes()
    batch_size = params.batch_size(config.image_size)
    parts = _draw_parts(len(source), n_sample, batch_size=batch_size, seed=config.seed)
    few_parts = parts[: params.calibration_images // batch_size]
    calibrate_batch_norm(model, _read_whole(source, few_parts, config, state.device))
    model.eval()
    with torch.no_grad():
        descriptions = [
            describe_images(model.backbone, images, n_stages=config.embedding_stages)
            for images in _read_whole(source, parts, config, state.device)
        ]
        projections = torch.cat([model.project(pooled) for _, pooled in descriptions])
        refined = refine_prototypes(projections.float(), model.prototypes, epsilon=config.epsilon)
        model.prototypes.copy_(refined)
        nearest = model.score(projections).argmax(dim=1)
    stages = [torch.cat(stage) for stage in zip(*(cells for cells, _ in descriptions), strict=True)]
    whitening = fit_whitening(stages, max_dim=config.embedding_dim, power=config.whitening_power)
    counts = torch.bincount(nearest, minlength=config.n_prototypes)
    return whitening, compute_usage_entropy(counts)


def _draw_parts(n_images: int, n_sample: int, *, batch_size: int, seed: int) -> tuple[Tensor, ...]:
    """Return batches of indices; a last one of under half a batch is left out."""
    order = torch.randperm(n_images, generator=make_generator(seed, "finish"))
    parts: tuple[Tensor, ...] = order[:n_sample].split(batch_size)
    if len(parts) > 1 and len(parts[-1]) < batch_size // 2:
        return parts[:-1]
    return parts


def choose_n_sample(
    n_images: int,
    *,
    budget_seconds: float | None,
    seconds_per_image: float,
    params: FinalizeParams = FINALIZE,
) -> int:
    """Return how many images to finalize with: fewer where they took over a tenth of a budget.

    Args:
        n_images: Training images, N.
        budget_seconds: Time for the whole training; None where its epochs are given.
        seconds_per_image: From :func:`measure_seconds_per_image`.
        params: How many at most and at least.

    Returns:
        A count; more than N means all.
    """
    if budget_seconds is None:
        return params.most_images
    affordable = int(params.budget_share * budget_seconds / max(seconds_per_image, 1e-9))
    return min(n_images, params.most_images, max(params.fewest_images, affordable))


def measure_seconds_per_image(
    state: TrainState,
    source: PixelSource,
    *,
    read_clock: Callable[[], float] = time.monotonic,
    params: FinalizeParams = FINALIZE,
) -> float:
    """Return the time to describe one whole image, measured on a small batch.

    Args:
        state: Its model is used as it is.
        source: The training images.
        read_clock: Seconds that only grow.
        params: The batch is a quarter of theirs.
    """
    model, config = state.model, state.config
    was_training = model.training
    model.eval()
    few = torch.arange(min(len(source), params.batch_size(config.image_size) // 4))
    (images,) = _read_whole(source, [few], config, state.device)
    with torch.no_grad():
        describe_images(model.backbone, images[:1], n_stages=config.embedding_stages)
        began = read_clock()
        stages, _ = describe_images(model.backbone, images, n_stages=config.embedding_stages)
        stages[-1].sum().item()
    model.train(was_training)
    return (read_clock() - began) / len(images)


def estimate_seconds(
    n_sample: int, *, seconds_per_image: float, params: FinalizeParams = FINALIZE
) -> float:
    """Return the time that :func:`finalize` will take, within a second or two.

    Args:
        n_sample: As for :func:`finalize`.
        seconds_per_image: From :func:`measure_seconds_per_image`.
        params: As for :func:`finalize`.
    """
    n_calibration = min(n_sample, params.calibration_images)
    n_described = n_sample + params.calibration_cost * n_calibration
    return params.fixed_seconds + n_described * seconds_per_image


def _read_whole(
    source: PixelSource, parts: Sequence[Tensor], config: TrainConfig, device: torch.device
) -> Iterator[Tensor]:
    """Yield the images at each of ``parts`` as normalised (B, 3, S, S), one batch at a time."""
    for part in parts:
        squares = squash(source.read(part).to(device), config.image_size)
        yield normalise(squares).contiguous(memory_format=torch.channels_last)
