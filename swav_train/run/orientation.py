"""Whether a folder's images have an up: satellite tiles and slides have none, photographs do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from swav_train.config import TrainConfig
from swav_train.data.pixel_source import PixelSource
from swav_train.device import resolve_device
from swav_train.method.multicrop import normalise, squash
from swav_train.networks.backbone import pool_features
from swav_train.networks.pretrained import read_published_weights
from swav_train.run.state import build_published
from swav_train.run.thread_choice import with_fastest_threads


@dataclass(frozen=True, kw_only=True, slots=True)
class OrientationParams:
    """How the images are asked; measured by ``tests/benchmarks/asked_images.py``.

    Upright is told from upside down, of 256 images, three draws, in 0.48 to 0.54 of satellite
    tiles, in 0.76 to 0.81 of CIFAR-10, and in more of photographs, clothes, signs and faces:
    ``chance`` is between, chosen on these folders.

    Attributes:
        most_images: That are asked; the classifier is off by 0.03 then.
        fewest_images: Fewer tell nothing.
        side: Of the squares that are described, px.
        n_at_once: Images described at a time.
        n_timed: The same, to find the number of threads; chosen.
        least_seconds: Time of a training, from which on the images are asked: it takes some 5 s of
            a core; chosen.
        chance: Share told rightly up to which the images have no up.
        n_folds: Of the cross-validation.
        ridge: Of the classifier, times the mean squared length of what it learns from; chosen.
    """

    most_images: int = 256
    fewest_images: int = 128
    side: int = 128
    n_at_once: int = 16
    n_timed: int = 4
    least_seconds: float = 60.0
    chance: float = 0.65
    n_folds: int = 5
    ridge: float = 1.0


ORIENTATION = OrientationParams()


@dataclass(frozen=True, kw_only=True, slots=True)
class Orientation:
    """What the images say about up and down.

    Attributes:
        told_rightly: Share of images not learned from of which a classifier tells which of both
            versions is upright, in [0, 1]; 0.5 by chance.
    """

    told_rightly: float

    @property
    def has_up(self) -> bool:
        """True where upright can be told from upside down."""
        return self.told_rightly > ORIENTATION.chance

    def describe(self) -> str:
        """Return one clause for people."""
        told = f"upright is told from upside down in {self.told_rightly:.2f} of them, 0.5 by chance"
        if self.has_up:
            return f"the images have an up ({told})"
        return f"the images have no up, so both ways round count alike ({told})"


def tell_orientation(
    source: PixelSource,
    config: TrainConfig,
    *,
    read_published: Callable[[str], tuple[Mapping[str, Tensor], str]] = read_published_weights,
) -> Orientation:
    """Return whether a folder's images have an up, by what a published network sees in them.

    A two-sample test by a classifier (Lopez-Paz and Oquab 2017, arXiv:1610.06545): if upright and
    upside down images come from one distribution, no classifier tells them apart.

    Args:
        source: Of the images; the first are used.
        config: Its backbone and device are used.
        read_published: Published weights of a backbone by name, and where they are from.

    Raises:
        WeightsUnavailable: There are no such weights.
    """
    params = ORIENTATION
    device = resolve_device(config.device)
    weights, _ = read_published(config.backbone)
    backbone = build_published(config, weights, device).eval()
    upright: list[list[Tensor]] = []
    turned: list[list[Tensor]] = []

    def describe(images: Tensor) -> list[Tensor]:
        batch = images.contiguous(memory_format=torch.channels_last)
        with torch.no_grad():
            return pool_features(backbone, batch, n_stages=config.embedding_stages)

    some = torch.zeros(params.n_timed, 3, params.side, params.side, device=device)
    with with_fastest_threads(device, lambda: describe(some)):
        for rows in torch.arange(min(len(source), params.most_images)).split(params.n_at_once):
            squares = normalise(squash(source.read(rows).to(device), params.side))
            upright.append(describe(squares))
            turned.append(describe(squares.flip(2)))
    stages = [
        [torch.cat(stage).float() for stage in zip(*f, strict=True)] for f in (upright, turned)
    ]
    return Orientation(told_rightly=tell_versions_apart(*stages))


def tell_versions_apart(
    first: Sequence[Tensor], second: Sequence[Tensor], *, params: OrientationParams = ORIENTATION
) -> float:
    """Return how often two versions of an image that was not learned from are told apart.

    By ridge regression on the differences of both, cross-validated.

    Args:
        first: (N, F_i) float each, features of one version of each image by stage; each stage
            counts as much as any other.
        second: Of the other version.
        params: Of the classifier.

    Returns:
        A share in [0, 1]; near 0.5 where the versions are alike.
    """
    both = [torch.cat(pair) for pair in zip(first, second, strict=True)]
    scales = [
        (stage - stage.mean(dim=0)).square().sum(dim=1).mean().clamp_min(1e-12).rsqrt()
        for stage in both
    ]
    differences = torch.cat(
        [(one - two) * scale for one, two, scale in zip(first, second, scales, strict=True)], dim=1
    ).double()
    products = differences @ differences.t()
    fold = torch.arange(len(products), device=products.device) % params.n_folds
    n_right = 0
    for left_out in range(params.n_folds):
        known, asked = fold != left_out, fold == left_out
        kernel = products[known][:, known]
        ridge = params.ridge * kernel.diagonal().mean().clamp_min(1e-12)
        eye = torch.eye(len(kernel), dtype=kernel.dtype, device=kernel.device)
        weights = torch.linalg.solve(kernel + ridge * eye, torch.ones_like(kernel[:, 0]))
        n_right += int((products[asked][:, known] @ weights > 0).sum())
    return n_right / len(products)
