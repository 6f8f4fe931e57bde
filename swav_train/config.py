"""Every setting of a training, where its default comes from, and its JSON form."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from enum import StrEnum
from typing import Any

FULL_AREA = (0.2, 1.0)
SMALL_AREA = (0.1, 0.4)


class Optimizer(StrEnum):
    """How the weights move."""

    ADAMW = "adamw"
    SGD = "sgd"
    LARS = "lars"


class Precision(StrEnum):
    """What the network computes in; codes and loss are float32 in any case."""

    AUTO = "auto"
    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"


class Device(StrEnum):
    """Where the network computes."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


class Stem(StrEnum):
    """The first layers of a convolutional backbone."""

    STANDARD = "standard"
    SMALL = "small"


@dataclass(frozen=True, kw_only=True, slots=True)
class CropSpec:
    """Some random crops of one size.

    Attributes:
        count: Crops of each image, >= 1.
        size: Side of the square they become, px, >= 8.
        min_area: Smallest share of the image's area, in (0, 1].
        max_area: Largest share, ``min_area`` to 1.
    """

    count: int
    size: int
    min_area: float
    max_area: float

    def __post_init__(self) -> None:
        if self.count < 1 or self.size < 8:
            raise ValueError(f"crops need count >= 1 and size >= 8, got {self.count}x{self.size}")
        if not 0 < self.min_area <= self.max_area <= 1:
            raise ValueError(
                f"crops need 0 < min_area <= max_area <= 1, got {self.min_area}-{self.max_area}"
            )


_CROP = re.compile(r"(\d+)x(\d+)(?:@(\d*\.?\d+)-(\d*\.?\d+))?")


def parse_crops(text: str) -> tuple[CropSpec, ...]:
    """Return the crops that ``2x96+4x48`` or ``2x96@0.3-1+4x48@0.1-0.4`` stands for.

    The first group is the full-resolution one; areas left out are 0.2 to 1 there and 0.1 to 0.4
    in the others.

    Raises:
        ValueError: The text has another form, or a number is out of range.
    """
    crops = []
    for position, part in enumerate(text.replace(" ", "").split("+")):
        match = _CROP.fullmatch(part)
        if match is None:
            raise ValueError(f"crops look like 2x96+4x48 or 2x96@0.3-1+4x48@0.1-0.4, got {text!r}")
        count, size, low, high = match.groups()
        default_low, default_high = SMALL_AREA if position else FULL_AREA
        crops.append(
            CropSpec(
                count=int(count),
                size=int(size),
                min_area=float(low) if low else default_low,
                max_area=float(high) if high else default_high,
            )
        )
    return tuple(crops)


def format_crops(crops: tuple[CropSpec, ...]) -> str:
    """Return the text that :func:`parse_crops` reads, areas included."""
    return "+".join(f"{c.count}x{c.size}@{c.min_area:g}-{c.max_area:g}" for c in crops)


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainConfig:
    """All settings of one training; equal settings and data give equal results on a CPU.

    Attributes:
        backbone: A name for :func:`swav_train.networks.backbone.build_backbone`.
        pretrained: Start from published weights of the backbone.
        stem: ``small`` lets a convolutional backbone see small images in more detail.
        image_size: Side of the squashed image the trained encoder takes, px.
        cache_size: Side of the squashed images that training reads, px.
        crops: Full-resolution crops first (two or more), then smaller ones.
        n_prototypes: K, >= 2.
        epsilon: Entropy weight of the codes, > 0.
        sinkhorn_iterations: Rounds of normalisation of the codes, >= 1.
        temperature: Divides the scores in the loss, > 0.
        batch_size: Images of a step over all processes, >= 2.
        queue_size: Past embeddings per full-resolution crop that help to balance codes; 0: none.
        queue_start_epoch: Epochs before the queue is used.
        epochs: Passes over the images, >= 1. A budget in seconds overrides it.
        optimizer: See :class:`Optimizer`.
        learning_rate: Peak of the schedule for ``batch_size``, > 0.
        backbone_rate: Share of the learning rate that the backbone gets, > 0.
        backbone_freeze: Share of the training in which the backbone does not move yet, in [0, 1].
        freeze_batch_norm: Keep the running statistics of the backbone's batch norms as they are,
            and use them.
        weight_decay: Of matrices and filters; norms and biases have none.
        warmup: Share of the training in which the learning rate rises, in [0, 1).
        freeze_prototypes_steps: First steps in which the prototypes do not move.
        projection_hidden: Width of the projection head's hidden layer; 0: one linear layer.
        projection_dim: Length of a projected embedding, P.
        embedding_dim: Most dimensions of the encoder's whitened output.
        embedding_stages: Last stages of the backbone that it is made of, 1 to 3.
        whitening_power: How far it is whitened: 0 not at all, 0.5 wholly.
        color_strength: Scale of the random colour changes, 0 (none) to 1 (as in SimCLR).
        gray_probability: Share of crops without colour.
        blur_probability: Share of blurred crops.
        flip: Mirror half of the crops.
        average_decay: Of the moving average of the weights that becomes the model; 0: the last
            weights.
        precision: See :class:`Precision`.
        device: See :class:`Device`.
        seed: Of everything random, >= 0.

    Closed choices may be given by their names.
    """

    backbone: str = "resnet10_w32"
    pretrained: bool = False
    stem: Stem = Stem.SMALL
    image_size: int = 64
    cache_size: int = 96
    crops: tuple[CropSpec, ...] = (
        CropSpec(count=2, size=64, min_area=FULL_AREA[0], max_area=FULL_AREA[1]),
    )
    n_prototypes: int = 300
    epsilon: float = 0.03
    sinkhorn_iterations: int = 3
    temperature: float = 0.1
    batch_size: int = 128
    queue_size: int = 0
    queue_start_epoch: int = 15
    epochs: int = 60
    optimizer: Optimizer = Optimizer.ADAMW
    learning_rate: float = 3e-3
    backbone_rate: float = 1.0
    backbone_freeze: float = 0.0
    freeze_batch_norm: bool = False
    weight_decay: float = 0.05
    warmup: float = 0.05
    freeze_prototypes_steps: int = 100
    projection_hidden: int = 512
    projection_dim: int = 128
    embedding_dim: int = 256
    embedding_stages: int = 3
    whitening_power: float = 0.5
    color_strength: float = 0.5
    gray_probability: float = 0.1
    blur_probability: float = 0.0
    flip: bool = True
    average_decay: float = 0.0
    precision: Precision = Precision.AUTO
    device: Device = Device.AUTO
    seed: int = 0

    def __post_init__(self) -> None:
        for name, choice in _CHOICES.items():
            object.__setattr__(self, name, choice(getattr(self, name)))
        for name, low, high in _RANGES:
            value = getattr(self, name)
            if not low <= value <= high or not math.isfinite(value):
                raise ValueError(f"{name} must be in [{low:g}, {high:g}], got {value!r}")
        if not self.backbone:
            raise ValueError("backbone must be a name, got an empty one")
        if not self.crops or self.crops[0].count < 2:
            raise ValueError("crops must start with two or more full-resolution crops")

    @property
    def n_full_crops(self) -> int:
        """Crops of each image that get a code."""
        return self.crops[0].count

    @property
    def n_crops(self) -> int:
        """Crops of each image in a step."""
        return sum(crop.count for crop in self.crops)

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as JSON values."""
        return asdict(self) | {"crops": format_crops(self.crops)}

    @classmethod
    def from_dict(cls, values: Mapping[str, object]) -> TrainConfig:
        """Return the settings that :meth:`to_dict` wrote; what is left out gets its default.

        Crops may be text.

        Raises:
            ValueError: A name is unknown or a value is out of range.
        """
        return replace(cls(), **_converted(values))


_TINY = 1e-6
_RANGES: tuple[tuple[str, float, float], ...] = (
    ("image_size", 8, 4096),
    ("cache_size", 8, 8192),
    ("n_prototypes", 2, 10_000_000),
    ("epsilon", 1e-3, 100),
    ("sinkhorn_iterations", 1, 1000),
    ("temperature", 1e-3, 100),
    ("batch_size", 2, 1_000_000),
    ("queue_size", 0, 10_000_000),
    ("queue_start_epoch", 0, 1_000_000),
    ("epochs", 1, 1_000_000),
    ("learning_rate", 1e-9, 1000),
    ("backbone_rate", 1e-9, 1),
    ("backbone_freeze", 0, 1),
    ("weight_decay", 0, 1000),
    ("warmup", 0, 1 - _TINY),
    ("freeze_prototypes_steps", 0, 1_000_000_000),
    ("projection_hidden", 0, 100_000),
    ("projection_dim", 2, 100_000),
    ("embedding_dim", 2, 100_000),
    ("embedding_stages", 1, 3),
    ("whitening_power", 0, 0.5),
    ("color_strength", 0, 1),
    ("gray_probability", 0, 1),
    ("blur_probability", 0, 1),
    ("average_decay", 0, 1 - _TINY),
    ("seed", 0, 2**62),
)
_CHOICES = {"stem": Stem, "optimizer": Optimizer, "precision": Precision, "device": Device}


def _converted(values: Mapping[str, object]) -> dict[str, Any]:
    known = {field.name: field for field in fields(TrainConfig)}
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise ValueError(f"unknown settings: {', '.join(unknown)}")
    converted: dict[str, Any] = dict(values)
    if isinstance(crops := values.get("crops"), str):
        converted["crops"] = parse_crops(crops)
    return converted


CROP_SIZES = (32, 48, 64, 96, 112)
ENOUGH_EPOCHS = 150
CPU_BATCH = 128
SMALL_CPU_BATCH = 64
GPU_BATCH = 512
PROTOTYPES_AN_IMAGE = 5
"""A batch of codes serves so many prototypes an image: 64 images 300, measured."""
PRETRAINED_CROP_SIZE = 128
PRETRAINED_SIDE = 192
DEFAULT_BUDGET_SECONDS = 480.0
IMAGES_PER_CORE_SECOND = 550.0
"""Two 32 px crops of an image through ``resnet10_w32`` with the small stem, bfloat16, measured."""


def default_budget_seconds(n_images: int) -> float:
    """Return the time a training takes when nobody says: 8 minutes, less for under 2,000 images."""
    return DEFAULT_BUDGET_SECONDS * min(1.0, math.sqrt(n_images / 2000))


def derive_config(
    *,
    n_images: int,
    side_px: int,
    device: str,
    n_cores: int,
    budget_seconds: float | None,
    overrides: Mapping[str, object],
) -> TrainConfig:
    """Return settings that suit the images, the machine and the time, overrides kept as they are.

    What follows from what (each rule is one function below):

    * the largest crops that the time affords 150 epochs of, 32 px at least: many epochs of small
      crops teach more than few of large ones; the encoder's size and the cached one from the crops;
    * prototypes K = 3 sqrt(n), at least 10 images to each: 300 for 10,000 images, 10 for 100;
    * batch of 64 where its codes serve the prototypes, else 128, smaller where an epoch would have
      less than 4 steps, larger on a GPU;
    * a queue only where the batch has fewer than K / 5 images;
    * learning rate with the square root of the batch (arXiv:2205.10287 for Adam-like optimisers);
    * with ``pretrained``, a small network that has published weights and larger images; its batch
      statistics stay, it rests while the head learns, then moves at a thirtieth of the rate;
    * epochs from the budget, or from 8 minutes on two cores, less for under 2,000 images.

    Args:
        n_images: Images to learn from, >= 2.
        side_px: Median short side of the source images, px, >= 1.
        device: ``cpu`` or ``cuda``; what ``auto`` stands for on this machine.
        n_cores: CPU cores, >= 1.
        budget_seconds: Time for the whole training, > 0; None for the default.
        overrides: Settings by name that are not derived; others follow from them.

    Returns:
        A valid configuration.

    Raises:
        ValueError: An argument or an override is out of range.
    """
    if n_images < 2 or side_px < 1 or n_cores < 1:
        raise ValueError(
            f"need n_images >= 2, side_px >= 1, n_cores >= 1, got {n_images}, {side_px}, {n_cores}"
        )
    if budget_seconds is not None and budget_seconds <= 0:
        raise ValueError(f"budget_seconds must be positive, got {budget_seconds}")
    is_gpu = device == Device.CUDA
    asked = _converted(overrides)
    is_pretrained = bool(asked.get("pretrained"))
    crops: tuple[CropSpec, ...] | None = asked.get("crops")
    seconds = budget_seconds or default_budget_seconds(n_images)
    core_seconds = seconds * (50 if is_gpu else n_cores) / (8 if is_pretrained else 1)
    image_size = asked.get("image_size")
    if crops is None:
        if image_size is not None:
            crop_size = _crop_size(image_size)
        elif is_pretrained:
            crop_size = PRETRAINED_CROP_SIZE
        else:
            crop_size = _affordable_crop_size(n_images, side_px, core_seconds)
        crops = (_full_crops(crop_size),)
    image_size = image_size or _encoder_size(
        crops[0].size, PRETRAINED_SIDE if is_pretrained else side_px
    )
    n_prototypes = asked.get("n_prototypes") or _n_prototypes(n_images)
    batch_size = asked.get("batch_size") or _batch_size(n_images, n_prototypes, is_gpu=is_gpu)
    epochs = asked.get("epochs") or _epochs(n_images, crops, core_seconds)
    derived: dict[str, Any] = {
        "backbone": _backbone(is_gpu=is_gpu, is_pretrained=is_pretrained),
        "image_size": image_size,
        "cache_size": _cache_size(side_px, crops[0].size),
        "crops": crops,
        "stem": Stem.STANDARD if is_pretrained or crops[0].size > 128 else Stem.SMALL,
        "n_prototypes": n_prototypes,
        "batch_size": batch_size,
        "queue_size": _queue_size(n_images, n_prototypes, batch_size),
        "embedding_stages": 2 if is_pretrained else 3,
        "whitening_power": 0.3 if is_pretrained else 0.5,
        "learning_rate": (1e-3 if is_pretrained else 3e-3) * math.sqrt(batch_size / 128),
        "backbone_rate": 0.03 if is_pretrained else 1.0,
        "backbone_freeze": 0.2 if is_pretrained else 0.0,
        "freeze_batch_norm": is_pretrained,
        "epochs": epochs,
        "freeze_prototypes_steps": _freeze_steps(n_images, batch_size, epochs),
        "device": Device(device),
    }
    return TrainConfig(**(derived | asked))


def _backbone(*, is_gpu: bool, is_pretrained: bool) -> str:
    if is_pretrained:
        return "efficientnet_lite0"
    return "resnet18" if is_gpu else "resnet10_w32"


def _full_crops(size: int) -> CropSpec:
    return CropSpec(count=2, size=size, min_area=FULL_AREA[0], max_area=FULL_AREA[1])


def _affordable_crop_size(n_images: int, side_px: int, core_seconds: float) -> int:
    """Return the largest of some sizes that the images have and the time affords.

    Measured on 3,068 photos of clothes after five minutes on one core, k-NN: 0.55 with crops of
    64 px (16 epochs), 0.59 with 48 px (29 epochs), 0.61 with 32 px (56 epochs).
    """
    fitting = [
        size
        for size in CROP_SIZES
        if size <= side_px
        and _images_seen((_full_crops(size),), core_seconds) >= ENOUGH_EPOCHS * n_images
    ]
    return max(fitting, default=CROP_SIZES[0])


def _encoder_size(crop_size: int, side_px: int) -> int:
    """Return the encoder's size for a crop's: twice as much where the images have so many pixels.

    A crop magnifies what it shows (arXiv:1906.06423, section 3), and the map of a stage has more
    cells then. Measured, k-NN: two to four points on photos of 32 px and of clothes.
    """
    return 2 * crop_size if side_px >= 2 * crop_size else 8 * round(1.5 * crop_size / 8)


def _crop_size(image_size: int) -> int:
    """Return the size of the crops where the encoder's is given."""
    return max(8, 8 * round(image_size / 12))


def _cache_size(side_px: int, crop_size: int) -> int:
    """Return the stored side: half as much again as a crop, never more than the images have."""
    return max(crop_size, min(side_px, 8 * round(1.5 * crop_size / 8)))


def _n_prototypes(n_images: int) -> int:
    return max(2, min(3000, round(3 * math.sqrt(n_images)), n_images // 10))


def _freeze_steps(n_images: int, batch_size: int, epochs: int) -> int:
    """Return 100 steps, less where that were over a twentieth of the training."""
    return min(100, epochs * max(1, n_images // batch_size) // 20)


def _batch_size(n_images: int, n_prototypes: int, *, is_gpu: bool) -> int:
    """Return a batch: more steps beat larger ones in minutes.

    Measured, k-NN with 64 images and with 128: 0.521 and 0.491 on CIFAR-10 after 2.5 minutes on one
    core, 0.602 and 0.589 on clothes after 4. It also halves the memory.
    """
    if is_gpu:
        most = GPU_BATCH
    elif n_prototypes <= PROTOTYPES_AN_IMAGE * SMALL_CPU_BATCH:
        most = SMALL_CPU_BATCH
    else:
        most = CPU_BATCH
    return max(2, min(most, max(16, 8 * (n_images // 32)), n_images))


def _queue_size(n_images: int, n_prototypes: int, batch_size: int) -> int:
    if batch_size * PROTOTYPES_AN_IMAGE >= n_prototypes:
        return 0
    return batch_size * math.ceil(min(4 * n_prototypes, n_images / 4) / batch_size)


def _epochs(n_images: int, crops: tuple[CropSpec, ...], core_seconds: float) -> int:
    return max(1, min(400, round(_images_seen(crops, core_seconds) / n_images)))


def _images_seen(crops: tuple[CropSpec, ...], core_seconds: float) -> float:
    cost = sum(crop.count * crop.size**2 for crop in crops) / (2 * 32**2)
    return IMAGES_PER_CORE_SECOND * core_seconds / cost
