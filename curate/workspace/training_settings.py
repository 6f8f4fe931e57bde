"""What a training is asked for, and the settings of SwAV that follow from it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from curate.choices import Precision, Recipe, Start, check_device
from curate.errors import InputError, UsageError
from curate.field_types import take_types
from curate.machine import count_cores
from curate.workspace.models import require_device

if TYPE_CHECKING:
    import swav_train.config as swav_config

Result = TypeVar("Result")

_LONGEST_NAME = 200
"""File systems take 255, and a training adds some while it runs."""
_NAME_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainConfig:
    """What the stage needs to know; None lets data and machine decide.

    Attributes:
        recipe: ``paper`` for the settings of the SwAV paper; None derives them. What else is given
            goes before both.
        backbone: Any timm name.
        prototypes: How many, >= 2.
        epochs: Passes over the images, >= 1.
        budget_seconds: Time for the whole run, scan included, > 0; an alternative to ``epochs``.
            With neither, and no recipe, 8 minutes, less for under 2,000 images.
        batch_size: Images of a step, >= 2.
        image_size: Side of the images that the encoder takes, px.
        crops: Such as ``2x96+4x48``: full-resolution crops first.
        queue: Past embeddings that help to balance the codes; 0 for none.
        precision: ``auto``, ``float32`` or ``bfloat16``.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        init: Weights of the backbone to start from, a safetensors file.
        start: From random weights (``scratch``), from published ones of the backbone
            (``pretrained``; without a backbone named, ``efficientnet_lite0``, whose weights the
            extra ``pretrained`` brings along), or from published ones where they are installed and
            tell these images apart better than an untrained network does (``auto``). None is
            ``scratch``.
        pretrained: The same as ``start="pretrained"``.
        vertical_flip: Whether upside down images count like upright ones, as where they have no up:
            half of the crops are turned, and embeddings are of both ways round. None asks the
            images where published weights are installed, and is else False.
        standardise: Whether each image is brought to one mean and contrast before the network sees
            it. None asks the images how much they differ in exposure.
        name: Name of the model in the workspace.
        resume: Go on where an interrupted training of the same settings stopped.
        seed: Of everything random.
    """

    recipe: Recipe | str | None = None
    backbone: str | None = None
    prototypes: int | None = None
    epochs: int | None = None
    budget_seconds: float | None = None
    batch_size: int | None = None
    image_size: int | None = None
    crops: str | None = None
    queue: int | None = None
    precision: Precision | str = Precision.AUTO
    device: str = "auto"
    init: Path | None = None
    start: Start | str | None = None
    pretrained: bool = False
    vertical_flip: bool | None = None
    standardise: bool | None = None
    name: str = "default"
    resume: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        """Take the choices by their names and check what swav_train does not.

        Raises:
            UsageError: There is no such choice, or an option is out of range.
        """
        take_types(self)
        check_device(self.device)
        if self.pretrained and self.start not in (None, Start.PRETRAINED):
            raise UsageError(
                f"--pretrained is --start pretrained, not {self.start}", hint="give one of them"
            )
        if self.start is None:
            start = Start.PRETRAINED if self.pretrained else Start.SCRATCH
            object.__setattr__(self, "start", start)
        if self.init is not None and self.start != Start.SCRATCH:
            given = "--pretrained" if self.pretrained else f"--start {self.start}"
            raise UsageError(f"--init and {given} exclude each other", hint="give one of them")
        if self.epochs is not None and self.budget_seconds is not None:
            raise UsageError("--epochs and --budget exclude each other", hint="give one of them")
        if not self.name or self.name.startswith(".") or set(self.name) - _NAME_CHARACTERS:
            raise UsageError(
                f"{self.name!r} cannot name a model",
                hint="use letters, digits, '-', '_' and '.', not at the start",
            )
        if len(self.name) > _LONGEST_NAME:
            raise UsageError(
                f"the name of the model has {len(self.name)} characters",
                hint=f"use at most {_LONGEST_NAME}",
            )

    def overrides(self) -> dict[str, object]:
        """Return the settings that were given, by swav_train's names.

        Raises:
            ValueError: There is no such recipe.
        """
        from swav_train.networks.pretrained import WHEEL_BACKBONE
        from swav_train.presets import find_preset

        is_published = self.start == Start.PRETRAINED
        given = {
            "backbone": self.backbone or (WHEEL_BACKBONE if is_published else None),
            "pretrained": is_published or None,
            "n_prototypes": self.prototypes,
            "epochs": self.epochs,
            "batch_size": self.batch_size,
            "image_size": self.image_size,
            "crops": self.crops,
            "queue_size": self.queue,
            "vertical_flip": self.vertical_flip,
            "standardise": self.standardise,
            "precision": str(self.precision),
            "seed": self.seed,
        }
        published = find_preset(str(self.recipe)) if self.recipe is not None else {}
        return published | {name: value for name, value in given.items() if value is not None}


def check_early(config: TrainConfig) -> None:
    """Find mistakes before an hour of scanning.

    Args:
        config: What is asked for.

    Raises:
        InputError: The weights to start from are none.
        ResourceError: The device is not there.
        UsageError: A setting is out of range, or timm has no such network.
    """
    require_device(config.device)
    if config.init is not None:
        _check_weights(Path(config.init))
    if config.backbone is not None:
        from swav_train.networks.backbone import find_timm_spec

        backbone = config.backbone
        _as_usage(
            lambda: find_timm_spec(backbone),
            hint="name a network of timm, such as resnet18, or leave --backbone out",
        )
    _derive(config, n_images=1000, side_px=256)


def derive_settings(
    config: TrainConfig, images: pa.Table, *, images_per_second: float | None = None
) -> "swav_config.TrainConfig":
    """Return the settings of SwAV for some images.

    Args:
        config: What is asked for.
        images: One row for each different image: ``width``, ``height``.
        images_per_second: Of this machine; None for a machine of usual speed.

    Raises:
        UsageError: A setting is out of range.
    """
    short = pc.min_element_wise(images["width"], images["height"])
    side_px = min(256, round(pc.quantile(short, 0.5)[0].as_py()))
    return _derive(
        config, n_images=len(images), side_px=side_px, images_per_second=images_per_second
    )


def fit_settings(config: TrainConfig, images: pa.Table) -> "swav_config.TrainConfig":
    """Return the settings of SwAV for some images on this machine, whose speed is measured.

    Args:
        config: What is asked for.
        images: One row for each different image: ``width``, ``height``.

    Raises:
        UsageError: A setting is out of range.
    """
    return derive_settings(config, images, images_per_second=_measure_speed(config))


def find_budget(config: TrainConfig, n_images: int) -> float | None:
    """Return the time a training may take, in seconds, or None where its epochs are given.

    A guess of the epochs that fit would be far off on a busy machine; the clock is not.

    Args:
        config: What is asked for.
        n_images: Different images to learn from.
    """
    from swav_train.defaults import default_budget_seconds

    if config.budget_seconds is not None:
        return config.budget_seconds
    if config.epochs is not None or config.recipe is not None:
        return None
    return default_budget_seconds(n_images)


def _check_weights(path: Path) -> None:
    """Check that a file holds weights, before the scan.

    Raises:
        InputError: It does not.
    """
    from swav_train.errors import WeightsUnusable
    from swav_train.networks.pretrained import read_backbone_weights

    try:
        read_backbone_weights(path)
    except WeightsUnusable as error:
        raise InputError(str(error), hint="name a .safetensors file of weights") from None


def _derive(
    config: TrainConfig, *, n_images: int, side_px: int, images_per_second: float | None = None
) -> "swav_config.TrainConfig":
    import torch

    from swav_train import derive_config

    device = config.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    return _as_usage(
        lambda: derive_config(
            n_images=n_images,
            side_px=side_px,
            device=device,
            n_cores=count_cores(),
            budget_seconds=config.budget_seconds,
            overrides=config.overrides(),
            images_per_second=images_per_second,
        )
    )


def _measure_speed(config: TrainConfig) -> float | None:
    """Return the images a second of this machine; None where settings do not follow from it."""
    if config.epochs is not None or config.recipe is not None:
        return None
    from swav_train.run.machine_speed import measure_images_per_second

    return _as_usage(lambda: measure_images_per_second(config.device))


def _as_usage(
    call: Callable[[], Result], *, hint: str = "see `curate train --help` for the ranges"
) -> Result:
    """Return what ``call()`` returns; a ValueError of swav_train is the user's mistake.

    Args:
        call: Asks swav_train.
        hint: The way out.

    Raises:
        UsageError: ``call`` raised one.
    """
    try:
        return call()
    except ValueError as error:
        raise UsageError(str(error), hint=hint) from None
