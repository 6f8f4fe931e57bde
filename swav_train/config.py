"""Every setting of a training, its range, and its JSON form."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from enum import StrEnum
from numbers import Integral, Real
from typing import Any

FULL_AREA = (0.2, 1.0)
SMALL_AREA = (0.1, 0.4)
SMALLEST_CROP = 8


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
        if self.count < 1 or self.size < SMALLEST_CROP:
            raise ValueError(
                f"crops need count >= 1 and size >= {SMALLEST_CROP}, got {self.count}x{self.size}"
            )
        if not 0 < self.min_area <= self.max_area <= 1:
            raise ValueError(
                f"crops need 0 < min_area <= max_area <= 1, got {self.min_area}-{self.max_area}"
            )


_DEVICE = re.compile(r"auto|cpu|cuda(:\d{1,4})?")


def check_device(name: str) -> None:
    """Check that a device may have a name; whether it is there is another question.

    Raises:
        ValueError: It is not ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
    """
    if _DEVICE.fullmatch(name) is None:
        raise ValueError(f"device must be auto, cpu, cuda or cuda:N, got {name!r}")


def check_budget(seconds: float | None) -> None:
    """Check that a training may take so long; None is no budget.

    Raises:
        ValueError: It is not above 0, or no finite number.
    """
    if seconds is not None and not 0 < seconds < math.inf:
        raise ValueError(f"budget_seconds must be above 0 and finite, got {seconds}")


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
        half_size_share: Share of the training, from its start, in which all crops have half their
            side: cheaper steps, so more of them in the same time; in [0, 1).
        n_prototypes: K, >= 2.
        epsilon: Entropy weight of the codes, > 0.
        sinkhorn_iterations: Rounds of normalisation of the codes, >= 1.
        temperature: Divides the scores in the loss, > 0.
        contrast_weight: Of :func:`~swav_train.method.contrast.instance_contrast` of the
            full-resolution crops, at ``temperature``, beside the loss of SwAV; 0: SwAV alone.
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
        vertical_flip: Turn half of the crops upside down, and describe whole images both ways: for
            images that have no up, such as those taken from above.
        standardise: Bring each image to one mean and contrast before the network sees it: for
            folders whose images differ much in exposure.
        average_decay: Of the moving average of the weights that becomes the model; 0: the last
            weights.
        precision: See :class:`Precision`.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
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
    half_size_share: float = 0.0
    n_prototypes: int = 300
    epsilon: float = 0.03
    sinkhorn_iterations: int = 3
    temperature: float = 0.1
    contrast_weight: float = 0.0
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
    vertical_flip: bool = False
    standardise: bool = False
    average_decay: float = 0.0
    precision: Precision = Precision.AUTO
    device: str = "auto"
    seed: int = 0

    def __post_init__(self) -> None:
        for name, choice in _CHOICES.items():
            object.__setattr__(self, name, _find_choice(name, choice, getattr(self, name)))
        for name, low, high in _RANGES:
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise ValueError(f"{name} must be a number, got {value!r}")  # noqa: TRY004 - one error
            if not low <= value <= high or not math.isfinite(value):
                raise ValueError(f"{name} must be in [{low:g}, {high:g}], got {value!r}")
        check_device(self.device)
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
        return replace(cls(), **convert_settings(values))


_TINY = 1e-6
_RANGES: tuple[tuple[str, float, float], ...] = (
    ("image_size", 8, 4096),
    ("cache_size", 8, 8192),
    ("half_size_share", 0, 1 - _TINY),
    ("n_prototypes", 2, 10_000_000),
    ("epsilon", 1e-3, 100),
    ("sinkhorn_iterations", 1, 1000),
    ("temperature", 1e-3, 100),
    ("contrast_weight", 0, 1000),
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
_CHOICES = {"stem": Stem, "optimizer": Optimizer, "precision": Precision}


def _find_choice(name: str, choice: type[StrEnum], value: str) -> StrEnum:
    """Return the value of a closed choice.

    Raises:
        ValueError: It has none of that name.
    """
    try:
        return choice(value)
    except ValueError:
        names = ", ".join(choice)
        raise ValueError(f"{name} must be one of {names}, got {value!r}") from None


def _check_kind(name: str, value: object, default: object) -> None:
    """Check that a setting is of the kind that its default is of.

    Raises:
        ValueError: It is of another one.
    """
    kinds: tuple[tuple[type, type | tuple[type, ...], str], ...] = (
        (bool, bool, "true or false"),
        (int, Integral, "a whole number"),
        (float, Real, "a number"),
        (str, str, "a name"),
        (tuple, (str, tuple), "text such as 2x96+4x48"),
    )
    taken, said = next((taken, said) for kind, taken, said in kinds if isinstance(default, kind))
    is_flag = isinstance(value, bool)
    if not isinstance(value, taken) or is_flag != (taken is bool):
        raise ValueError(f"{name} must be {said}, got {value!r}")


def convert_settings(values: Mapping[str, object]) -> dict[str, Any]:
    """Return settings by name as :class:`TrainConfig` takes them, text of crops read.

    Raises:
        ValueError: A name is unknown, a value is of another kind, or the text of the crops has
            another form.
    """
    known = {field.name for field in fields(TrainConfig)}
    unknown = sorted(set(values) - known)
    if unknown:
        raise ValueError(f"unknown settings: {', '.join(unknown)}")
    defaults = TrainConfig()
    for name, value in values.items():
        _check_kind(name, value, getattr(defaults, name))
    converted: dict[str, Any] = dict(values)
    if isinstance(crops := values.get("crops"), str):
        converted["crops"] = parse_crops(crops)
    return converted
