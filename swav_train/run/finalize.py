"""From the last step to an encoder: averaged weights, batch statistics, whitening, prototypes."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from swav_train.data.pixel_source import PixelSource
from swav_train.data.seeds import make_generator
from swav_train.method.neighbor_prediction import learn_prototypes
from swav_train.networks.encoder import EncoderParts
from swav_train.networks.swav_model import calibrate_batch_norm
from swav_train.run.clock import Deadline
from swav_train.run.described import (
    Features,
    describe,
    describe_source,
    draw_views,
    embed_views,
    read_whole,
    stop_when,
)
from swav_train.run.keep_better import MOST_IMAGES, Comparison, measure_features
from swav_train.run.metrics import compute_usage_entropy
from swav_train.run.state import TrainState


@dataclass(frozen=True, kw_only=True, slots=True)
class FinalizeParams:
    """How much work follows the last step; counts chosen so that short budgets are kept.

    Attributes:
        most_images: To describe, however long the training, where prototypes need no more.
        images_a_prototype: To describe, where time allows.
        enough_images: To describe, even where they take over ``budget_share``.
        fewest_images: To describe, however short the budget.
        budget_share: Of a budget that describing may take, where it is over ``enough_images``.
        most_budget_share: Of a budget that describing may take.
        prototype_share: Of a budget that prototypes may be learned for.
        calibration_images: That batch statistics are taken from.
        calibration_cost: Of such an image, over the cost of describing one, which takes its mirror,
            too.
        comparison_cost: Times the work where two networks describe, and two views of a quarter of
            the images besides.
        fewest_compared: Images that views are made of, at least.
        most_batch: Images at once, at 96 px; fewer large ones, for memory's sake.
        fewest_batch: Images at once, however large.
        batch_over_look: A batch over the images that the time is measured on.
        fixed_seconds: Principal components of 2,000 features on one CPU core, and writing the
            model, measured.
        overrun: Times the expected seconds that describing and prototypes may take, on a machine
            that became busy; then they make do with what they have.
    """

    most_images: int = 4096
    images_a_prototype: int = 8
    enough_images: int = 512
    fewest_images: int = 64
    budget_share: float = 0.1
    most_budget_share: float = 0.3
    prototype_share: float = 0.05
    calibration_images: int = 1024
    calibration_cost: float = 0.5
    comparison_cost: float = 3.0
    fewest_compared: int = 16
    most_batch: int = 256
    fewest_batch: int = 32
    batch_over_look: int = 16
    fixed_seconds: float = 3.0
    overrun: float = 1.5

    def batch_size(self, image_size: int) -> int:
        """Return how many whole images of a side in px to describe at once."""
        affordable = self.most_batch * 96**2 // image_size**2
        return max(self.fewest_batch, min(self.most_batch, affordable))


FINALIZE = FinalizeParams()


@dataclass(frozen=True, kw_only=True, slots=True)
class FinishPlan:
    """What the work after the last step is, and how long it may take.

    Attributes:
        n_sample: Images to describe.
        describe_seconds: For describing them; None for as long as it takes.
        prototype_seconds: For prototypes; None for as long as they take.
        fixed_seconds: For all else, which nothing bounds.
    """

    n_sample: int
    describe_seconds: float | None = None
    prototype_seconds: float | None = None
    fixed_seconds: float = 0.0

    @property
    def seconds(self) -> float:
        """What all of it is expected to take; 0 without a budget."""
        return (self.describe_seconds or 0) + (self.prototype_seconds or 0) + self.fixed_seconds


def plan_finish(
    n_images: int,
    n_prototypes: int,
    *,
    budget_seconds: float | None,
    seconds_per_image: float,
    is_compared: bool = False,
    params: FinalizeParams = FINALIZE,
) -> FinishPlan:
    """Return how many images to finalize with: fewer where they took over a tenth of a budget.

    Args:
        n_images: Training images, N.
        n_prototypes: K.
        budget_seconds: Time for the whole training; None where its epochs are given.
        seconds_per_image: From :func:`measure_seconds_per_image`.
        is_compared: Whether the published network describes them, too.
        params: How many at most and at least.
    """
    seconds_per_image *= params.comparison_cost if is_compared else 1
    most = min(n_images, max(params.most_images, params.images_a_prototype * n_prototypes))
    if budget_seconds is None:
        return FinishPlan(n_sample=most)
    affordable = budget_seconds / max(seconds_per_image, 1e-9)
    enough = min(params.enough_images, int(params.most_budget_share * affordable))
    n_sample = max(params.fewest_images, enough, int(params.budget_share * affordable))
    n_sample = min(n_sample, most)
    n_calibration = min(n_sample, params.calibration_images)
    return FinishPlan(
        n_sample=n_sample,
        describe_seconds=(n_sample + params.calibration_cost * n_calibration) * seconds_per_image,
        prototype_seconds=params.prototype_share * budget_seconds,
        fixed_seconds=params.fixed_seconds,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Finished:
    """A training made ready for use.

    Attributes:
        encoder: Its parts.
        usage_entropy: Entropy of the prototypes nearest to the images over log K.
        comparison: With the published features, where there were some.
    """

    encoder: EncoderParts
    usage_entropy: float
    comparison: Comparison | None


def finalize(
    state: TrainState,
    source: PixelSource,
    plan: FinishPlan,
    *,
    published: nn.Module | None = None,
    read_clock: Callable[[], float] = time.monotonic,
    params: FinalizeParams = FINALIZE,
) -> Finished:
    """Make an encoder of a trained model, or of the network that it started from if that is better.

    Args:
        state: Its model is changed: averaged weights if there are any, evaluation mode.
        source: The training images.
        plan: How many to use, drawn at random, whole, and for how long.
        published: The backbone before the first step; None if that was random.
        read_clock: Seconds that only grow.
        params: How much work it is.
    """
    model, config = state.model, state.config
    with torch.no_grad():
        for name, average in state.average.items():
            model.get_parameter(name).copy_(average)
    batch_size = params.batch_size(config.image_size)
    parts = _draw_parts(len(source), plan.n_sample, batch_size=batch_size, seed=config.seed)
    few_parts = parts[: params.calibration_images // batch_size]
    allowed = plan.describe_seconds and params.overrun * plan.describe_seconds
    deadline = Deadline(allowed, read_clock=read_clock)
    few = read_whole(source, few_parts, config, state.device)
    # Statistics are a third of the work, as their cost says.
    calibrate_batch_norm(model, stop_when(lambda: deadline.is_over(1 / 3), few))
    share = 1.0 if published is None else 2 / 3
    features = describe_source(
        model.backbone, source, parts, config, state.device, lambda: deadline.is_over(share)
    )
    comparison = None
    if published is not None:
        others = describe_source(published, source, parts, config, state.device, deadline.is_over)
        comparison = _compare(features, others, state, source, torch.cat(parts))
        features = others if comparison.keeps_published else features
    head = learn_prototypes(
        features.embeddings,
        n_prototypes=config.n_prototypes,
        dim=config.projection_dim,
        generator=make_generator(config.seed, "prototypes"),
        spent_share=Deadline(plan.prototype_seconds, read_clock=read_clock).spent_share,
    )
    counts = torch.bincount(head.find_nearest(features.embeddings), minlength=config.n_prototypes)
    return Finished(
        encoder=EncoderParts(backbone=features.backbone, whitening=features.whitening, head=head),
        usage_entropy=compute_usage_entropy(counts),
        comparison=comparison,
    )


@torch.no_grad()
def _compare(
    trained: Features,
    published: Features,
    state: TrainState,
    source: PixelSource,
    order: Tensor,
) -> Comparison:
    """Return how well both features know views of the first images of ``order``, (N,)."""
    config = state.config
    # As far as the time went: of a quarter of what was described, two views each.
    n_images = min(len(trained.embeddings), len(published.embeddings))
    rows = order[: min(MOST_IMAGES, max(FINALIZE.fewest_compared, n_images // 4))]
    views = draw_views(source, rows, config, state.device)
    figures = [
        measure_features(*(embed_views(features, view, config) for view in views))
        for features in (trained, published)
    ]
    return Comparison(trained=figures[0], published=figures[1])


def _draw_parts(n_images: int, n_sample: int, *, batch_size: int, seed: int) -> tuple[Tensor, ...]:
    """Return batches of indices; a last one of under half a batch is left out."""
    order = torch.randperm(n_images, generator=make_generator(seed, "finish"))
    parts: tuple[Tensor, ...] = order[:n_sample].split(batch_size)
    if len(parts) > 1 and len(parts[-1]) < batch_size // 2:
        return parts[:-1]
    return parts


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
        params: The batch is a sixteenth of theirs.
    """
    model, config = state.model, state.config
    was_training = model.training
    model.eval()
    n_images = params.batch_size(config.image_size) // params.batch_over_look
    few = torch.arange(min(len(source), n_images))
    (images,) = read_whole(source, [few], config, state.device)
    with torch.no_grad():
        describe(model.backbone, images[:1], config)
        began = read_clock()
        stages = describe(model.backbone, images, config)
        stages[-1].sum().item()
    model.train(was_training)
    return (read_clock() - began) / len(images)
