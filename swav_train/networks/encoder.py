"""The trained model as a function from whole images to vectors, and its two files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from swav_train.config import TrainConfig
from swav_train.device import resolve_device
from swav_train.errors import DamagedFile
from swav_train.files import (
    digest_file,
    read_json,
    read_tensors,
    strip_prefix,
    write_json,
    write_tensors,
)
from swav_train.method.exposure import standardise
from swav_train.method.multicrop import normalise
from swav_train.method.neighbor_prediction import PrototypeHead
from swav_train.networks.backbone import build_backbone, pool_features
from swav_train.networks.whitening import Whitening

WEIGHTS = "weights.safetensors"
FACTS = "model.json"
METRICS = "metrics.jsonl"
FORMAT = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class DescribeParams:
    """How many whole images go through a network at once on a CPU.

    Maps of over 32 MB are given back to the system after each layer and asked for anew. Measured,
    milliseconds an image on one core: ``efficientnet_lite0``, 192 px: 54 with 128 images, 29 with
    16, 27 with 8; ``resnet10_w32``, 96 px: 11.3 with 256, 6.9 with 32, 7.5 with 8.

    Attributes:
        most_pixels: Of all images together.
        fewest_images: However large they are.
    """

    most_pixels: int = 300_000
    fewest_images: int = 8

    def count_images(self, side: int) -> int:
        """Return how many images of a side in px to take at once."""
        return max(self.fewest_images, self.most_pixels // side**2)


DESCRIBE = DescribeParams()


@dataclass(frozen=True, kw_only=True, slots=True)
class Encoded:
    """What an encoder says about a batch.

    Attributes:
        embeddings: (B, D) float32 unit rows, for neighbours, search and groups.
        projections: (B, P) float32 unit rows, to be compared with the prototypes and for clusters.
    """

    embeddings: Tensor
    projections: Tensor


@dataclass(frozen=True, kw_only=True, slots=True)
class EncoderParts:
    """What an encoder is made of.

    Attributes:
        backbone: Trained, in evaluation mode.
        whitening: Turns its features into embeddings.
        head: Turns embeddings into projections, and holds the prototypes.
    """

    backbone: nn.Module
    whitening: Whitening
    head: PrototypeHead


def prepare_images(squares: Tensor, *, is_evened: bool) -> Tensor:
    """Return whole images as a network takes them.

    Args:
        squares: (B, 3, S, S) uint8.
        is_evened: Whether each is brought to one mean and contrast before.

    Returns:
        (B, 3, S, S) float32, normalised, channels last.
    """
    evened = standardise(squares) if is_evened else squares
    return normalise(evened).contiguous(memory_format=torch.channels_last)


def describe_images(
    backbone: nn.Module, images: Tensor, *, n_stages: int, vertical_flip: bool = False
) -> list[Tensor]:
    """Return what embeddings are made of.

    Args:
        backbone: In evaluation mode.
        images: (B, 3, S, S) float, normalised.
        n_stages: Last stages to describe with, 1 to 3.
        vertical_flip: Whether the images have no up.

    Returns:
        One (B, F_i) float32 per stage, see :func:`swav_train.networks.backbone.pool_features`, the
        mean of an image and its mirror, and of both upside down where images have no up.
    """
    n_at_once = len(images) if images.is_cuda else DESCRIBE.count_images(images.shape[-1])
    described = []
    for few in images.split(max(1, n_at_once)):
        parts = _describe_few(backbone, few, n_stages)
        if vertical_flip:
            turned = _describe_few(backbone, few.flip(2), n_stages)
            parts = [(one + two) / 2 for one, two in zip(parts, turned, strict=True)]
        described.append(parts)
    return [torch.cat(parts) for parts in zip(*described, strict=True)]


def _describe_few(backbone: nn.Module, images: Tensor, n_stages: int) -> list[Tensor]:
    cells = pool_features(backbone, images, n_stages=n_stages)
    mirrored = pool_features(backbone, images.flip(3), n_stages=n_stages)
    return [(one.float() + two.float()) / 2 for one, two in zip(cells, mirrored, strict=True)]


class Encoder:
    """A trained backbone, its whitening, its head and its prototypes."""

    def __init__(self, parts: EncoderParts, *, config: TrainConfig, device: torch.device) -> None:
        """Put the parts together, in evaluation mode.

        Args:
            parts: Of a finished training.
            config: Of the training.
            device: Where to compute.
        """
        self.image_size = config.image_size
        self._n_stages = config.embedding_stages
        self._vertical_flip = config.vertical_flip
        self._standardises = config.standardise
        self._device = device
        self._backbone = parts.backbone.to(device).to(memory_format=torch.channels_last).eval()
        self._whitening = Whitening(
            mean=parts.whitening.mean.to(device), matrix=parts.whitening.matrix.to(device)
        )
        self._head = PrototypeHead(
            matrix=parts.head.matrix.to(device), prototypes=parts.head.prototypes.to(device)
        )

    @property
    def dim(self) -> int:
        """D, length of an embedding."""
        return int(self._whitening.matrix.shape[1])

    @property
    def projection_dim(self) -> int:
        """P, length of a projection."""
        return self._head.prototypes.shape[1]

    @property
    def prototypes(self) -> Tensor:
        """(K, P) float32, unit rows, on the CPU."""
        return self._head.prototypes.cpu()

    @torch.inference_mode()
    def encode(self, pixels: Tensor | NDArray[np.uint8]) -> Encoded:
        """Embed whole images; in float32, so that a copy of an image gets the same vector.

        Args:
            pixels: (B, 3, S, S) uint8, squashed to S = ``image_size``.

        Returns:
            Rows in the order of ``pixels``, on the CPU.

        Raises:
            ValueError: ``pixels`` has another shape or dtype.
        """
        batch = torch.as_tensor(pixels)
        size = self.image_size
        if batch.ndim != 4 or batch.shape[1:] != (3, size, size) or batch.dtype != torch.uint8:
            given = f"{tuple(batch.shape)} {batch.dtype}"
            raise ValueError(f"pixels must be (B, 3, {size}, {size}) uint8, got {given}")
        images = prepare_images(batch.to(self._device), is_evened=self._standardises)
        parts = describe_images(
            self._backbone, images, n_stages=self._n_stages, vertical_flip=self._vertical_flip
        )
        embeddings = self._whitening(torch.cat(parts, dim=1))
        return Encoded(embeddings=embeddings.cpu(), projections=self._head(embeddings).cpu())


def save_encoder(folder: Path, parts: EncoderParts, facts: dict[str, Any]) -> None:
    """Write ``weights.safetensors``, then ``model.json``, which says that the model is whole.

    Args:
        folder: Exists; has the measures of the epochs.
        parts: Of the encoder.
        facts: JSON values; ``config`` holds the settings of the model.
    """
    (folder / FACTS).unlink(missing_ok=True)
    tensors = {f"backbone.{name}": value for name, value in parts.backbone.state_dict().items()}
    tensors |= {"whitening.mean": parts.whitening.mean, "whitening.matrix": parts.whitening.matrix}
    tensors |= {"head.matrix": parts.head.matrix, "prototypes": parts.head.prototypes}
    write_tensors(folder / WEIGHTS, tensors)
    names = [name for name in (WEIGHTS, METRICS) if (folder / name).exists()]
    digests = {name: digest_file(folder / name) for name in names}
    write_json(folder / FACTS, {"format": FORMAT, "digests": digests} | facts)


def read_facts(folder: Path) -> dict[str, Any] | None:
    """Return what ``model.json`` says, None if ``folder`` holds no model.

    Args:
        folder: Of the model.

    Raises:
        DamagedFile: The file is not what was written.
    """
    path = folder / FACTS
    return read_json(path) if path.exists() else None


def check_weights(folder: Path, facts: dict[str, Any]) -> None:
    """Check the weights of a model against their digest.

    Args:
        folder: Of the model.
        facts: What ``model.json`` says.

    Raises:
        DamagedFile: They are lost, or not what was written.
    """
    if digest_file(folder / WEIGHTS) != facts["digests"][WEIGHTS]:
        raise DamagedFile(folder / WEIGHTS, "the weights are not those that were trained")


def load_encoder(folder: Path, *, device: str = "auto") -> Encoder:
    """Return the encoder that a training wrote.

    Args:
        folder: Holds ``weights.safetensors`` and ``model.json``.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.

    Raises:
        FileNotFoundError: ``folder`` holds no model.
        ValueError: The model has another format, or the device is absent.
        DamagedFile: The weights or what is known of them are damaged: train again.
    """
    facts = read_facts(folder)
    if facts is None:
        raise FileNotFoundError(f"no trained model in {folder}")
    if facts.get("format") != FORMAT:
        raise ValueError(f"model format {facts.get('format')} in {folder}, expected {FORMAT}")
    config = TrainConfig.from_dict(facts["config"])
    check_weights(folder, facts)
    tensors, _ = read_tensors(folder / WEIGHTS)
    with torch.random.fork_rng(devices=[]):
        backbone = build_backbone(config.backbone, config.stem)
    backbone.load_state_dict(strip_prefix("backbone.", tensors))
    parts = EncoderParts(
        backbone=backbone,
        whitening=Whitening(mean=tensors["whitening.mean"], matrix=tensors["whitening.matrix"]),
        head=PrototypeHead(matrix=tensors["head.matrix"], prototypes=tensors["prototypes"]),
    )
    return Encoder(parts, config=config, device=resolve_device(device))
