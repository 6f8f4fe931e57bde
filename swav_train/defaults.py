"""Settings that suit the images, the machine and the time: one pure function and its rules."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from swav_train.config import FULL_AREA, CropSpec, Stem, TrainConfig, check_budget, convert_settings
from swav_train.default_params import (
    BATCH,
    BUDGET,
    CROPS,
    FROM_PRETRAINED,
    FROM_RANDOM,
    PROTOTYPES,
    StartParams,
)


def default_budget_seconds(n_images: int) -> float:
    """Return the time a training takes when nobody says: 8 minutes, less for under 2,000 images."""
    return BUDGET.default_seconds * min(1.0, math.sqrt(n_images / BUDGET.full_budget_images))


def derive_config(  # noqa: PLR0913 - all that settings follow from
    *,
    n_images: int,
    side_px: int,
    device: str,
    n_cores: int,
    budget_seconds: float | None,
    overrides: Mapping[str, object],
    images_per_second: float | None = None,
) -> TrainConfig:
    """Return settings that suit the images, the machine and the time, overrides kept as they are.

    What follows from what (each rule is one function below):

    * the largest crops that the time affords 150 epochs of, 32 px at least: many epochs of small
      crops teach more than few of large ones; the encoder's size and the cached one from the crops;
    * with a time and a CPU, from a random start, crops of half the side first: more epochs;
    * prototypes K = 3 sqrt(n), at least 10 images to each: 300 for 10,000 images, 10 for 100;
    * batch of 64 where its codes serve the prototypes, else 128, smaller where an epoch would have
      less than 4 steps, larger on a GPU;
    * from a random start instance contrast beside SwAV's loss;
    * a queue only where the batch has fewer than K / 5 images;
    * learning rate with the square root of the batch (arXiv:2205.10287 for Adam-like optimisers),
      from a random start on a CPU twice that of a GPU for the same batch;
    * with ``pretrained``, a small network that has published weights and larger images; its batch
      statistics stay, it rests while the head learns, then moves at a thirtieth of the rate;
    * epochs from the budget, or from 8 minutes on two cores, less for under 2,000 images.

    Args:
        n_images: Images to learn from, >= 2.
        side_px: Median short side of the source images, px, >= 1.
        device: ``cpu`` or ``cuda``; what ``auto`` stands for on this machine.
        n_cores: CPU cores, >= 1.
        budget_seconds: Time for the whole training, > 0; None for the default.
        overrides: Settings by name that are not derived; others follow from them. Where epochs
            are among them and there is no budget, nothing follows from the number of cores.
        images_per_second: Of this machine, as
            :func:`swav_train.run.machine_speed.measure_images_per_second` has it; None for 550 a
            core, 25,000 on a GPU.

    Returns:
        A valid configuration.

    Raises:
        ValueError: An argument or an override is out of range.
    """
    if n_images < 2 or side_px < 1 or n_cores < 1:
        raise ValueError(
            f"need n_images >= 2, side_px >= 1, n_cores >= 1, got {n_images}, {side_px}, {n_cores}"
        )
    check_budget(budget_seconds)
    given = convert_settings(overrides)
    is_gpu = device.startswith("cuda")
    is_pretrained = bool(given.get("pretrained"))
    affordable = _find_affordable(
        budget_seconds or default_budget_seconds(n_images),
        images_per_second,
        n_cores=n_cores if budget_seconds or "epochs" not in given else BUDGET.reference_cores,
        is_gpu=is_gpu,
    )
    if is_pretrained:
        affordable = replace(affordable, n_pairs=affordable.n_pairs / BUDGET.pretrained_cost)
    start = FROM_PRETRAINED if is_pretrained else FROM_RANDOM
    sizes = _derive_sizes(given, start, n_images=n_images, side_px=side_px, affordable=affordable)
    is_timed = budget_seconds is not None
    share = given.get("half_size_share", _half_size_share(start, is_timed=is_timed, is_gpu=is_gpu))
    n_seen = affordable.count_images(sizes["crops"]) * (1 - share + share / BUDGET.half_size_cost)
    counts = _derive_counts(given, n_images=n_images, n_seen=n_seen, is_gpu=is_gpu)
    others = _derive_others(start, batch_size=counts["batch_size"], is_gpu=is_gpu)
    others |= {"half_size_share": share}
    is_large = sizes["crops"][0].size > CROPS.most_for_small_stem
    stem = Stem.STANDARD if is_pretrained or is_large else Stem.SMALL
    return TrainConfig(**(sizes | counts | others | {"stem": stem, "device": device} | given))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Affordable:
    """What the time affords.

    Attributes:
        n_pairs: Images, as two 32 px crops of the network that speed is measured with.
        fixed_cost: What an image costs however small its crops, in such pairs.
    """

    n_pairs: float
    fixed_cost: float = 0.0

    def count_images(self, crops: tuple[CropSpec, ...]) -> float:
        """Return how many images it affords with other crops."""
        n_pairs = sum(crop.count * crop.size**2 for crop in crops) / (2 * 32**2)
        return self.n_pairs * (1 + self.fixed_cost) / (n_pairs + self.fixed_cost)


def _find_affordable(
    seconds: float, images_per_second: float | None, *, n_cores: int, is_gpu: bool
) -> _Affordable:
    if images_per_second is None:
        by_cores = BUDGET.images_per_core_second * n_cores
        images_per_second = BUDGET.gpu_images_per_second if is_gpu else by_cores
    fixed_cost = BUDGET.gpu_fixed_cost if is_gpu else 0.0
    return _Affordable(n_pairs=seconds * images_per_second, fixed_cost=fixed_cost)


def _derive_sizes(
    given: Mapping[str, Any],
    start: StartParams,
    *,
    n_images: int,
    side_px: int,
    affordable: _Affordable,
) -> dict[str, Any]:
    """Return crops and the sides of what is stored and encoded, px."""
    crops: tuple[CropSpec, ...] | None = given.get("crops")
    image_size = given.get("image_size")
    if crops is None:
        if image_size is not None:
            crop_size = _crop_size_of_encoder(image_size)
        else:
            crop_size = start.crop_size or _affordable_crop_size(n_images, side_px, affordable)
        crops = (_full_crops(crop_size),)
    image_size = image_size or _encoder_size(crops[0].size, start.encoder_side or side_px)
    return {
        "crops": crops,
        "image_size": image_size,
        "cache_size": _cache_size(side_px, crops[0].size, image_size),
    }


def _derive_counts(
    given: Mapping[str, Any], *, n_images: int, n_seen: float, is_gpu: bool
) -> dict[str, int]:
    """Return the numbers of prototypes, images of a step, rows of the queue, epochs and steps."""
    n_prototypes = given.get("n_prototypes") or _n_prototypes(n_images)
    batch_size = given.get("batch_size") or _batch_size(n_images, n_prototypes, is_gpu=is_gpu)
    epochs = given.get("epochs") or _epochs(n_images, n_seen)
    return {
        "n_prototypes": n_prototypes,
        "batch_size": batch_size,
        "queue_size": _queue_size(n_images, n_prototypes, batch_size),
        "queue_start_epoch": min(BATCH.most_epochs_without_queue, epochs // BATCH.queue_share),
        "epochs": epochs,
        "freeze_prototypes_steps": _freeze_steps(n_images, batch_size, epochs),
    }


def _derive_others(start: StartParams, *, batch_size: int, is_gpu: bool) -> dict[str, Any]:
    """Return network, rates and embedding: they follow from what the backbone starts from."""
    learning_rate = start.learning_rate_gpu if is_gpu else start.learning_rate_cpu
    return {
        "backbone": start.backbone_gpu if is_gpu else start.backbone_cpu,
        "embedding_stages": start.embedding_stages,
        "whitening_power": start.whitening_power,
        "learning_rate": learning_rate * math.sqrt(batch_size / start.reference_batch),
        "backbone_rate": start.backbone_rate,
        "backbone_freeze": start.backbone_freeze,
        "freeze_batch_norm": start.freeze_batch_norm,
        "contrast_weight": start.contrast_weight,
    }


def _full_crops(size: int) -> CropSpec:
    return CropSpec(count=2, size=size, min_area=FULL_AREA[0], max_area=FULL_AREA[1])


def _affordable_crop_size(n_images: int, side_px: int, affordable: _Affordable) -> int:
    """Return the largest of some sizes that the images have and the time affords."""
    fitting = [
        size
        for size in CROPS.sizes
        if size <= side_px
        and affordable.count_images((_full_crops(size),)) >= CROPS.enough_epochs * n_images
    ]
    return max(fitting, default=CROPS.sizes[0])


def _encoder_size(crop_size: int, side_px: int) -> int:
    """Return the encoder's size for a crop's: twice as much where the images have so many pixels.

    A crop magnifies what it shows (arXiv:1906.06423, section 3), and the map of a stage has more
    cells then. Measured, k-NN: two to four points on photos of 32 px and of clothes.
    """
    return 2 * crop_size if side_px >= 2 * crop_size else 8 * round(1.5 * crop_size / 8)


def _crop_size_of_encoder(image_size: int) -> int:
    """Return the size of the crops where the encoder's is given."""
    return max(8, 8 * round(image_size / 12))


def _cache_size(side_px: int, crop_size: int, image_size: int) -> int:
    """Return the stored side: the encoder's, or half as much again as a crop where that is more.

    Batch statistics, whitening and prototypes are taken from the stored squares, so these must be
    no coarser than what the encoder will be asked about; never more than the images have.
    """
    return max(crop_size, min(side_px, max(image_size, 8 * round(1.5 * crop_size / 8))))


def _half_size_share(start: StartParams, *, is_timed: bool, is_gpu: bool) -> float:
    """Return the share of the time with small crops; a training by epochs has none."""
    return start.half_size_share_cpu if is_timed and not is_gpu else 0.0


def _epochs(n_images: int, n_seen: float) -> int:
    return max(1, min(BUDGET.most_epochs, round(n_seen / n_images)))


def _n_prototypes(n_images: int) -> int:
    by_root = round(PROTOTYPES.per_root_image * math.sqrt(n_images))
    return max(2, min(PROTOTYPES.most, by_root, n_images // PROTOTYPES.fewest_images_each))


def _freeze_steps(n_images: int, batch_size: int, epochs: int) -> int:
    """Return 100 steps, less where that were over a twentieth of the training."""
    n_steps = epochs * max(1, n_images // batch_size)
    return min(PROTOTYPES.frozen_steps, n_steps // PROTOTYPES.frozen_share)


def _batch_size(n_images: int, n_prototypes: int, *, is_gpu: bool) -> int:
    if is_gpu:
        most = BATCH.gpu
    elif n_prototypes <= BATCH.prototypes_an_image * BATCH.small_cpu:
        most = BATCH.small_cpu
    else:
        most = BATCH.cpu
    return max(2, min(most, max(BATCH.fewest, 8 * (n_images // 32)), n_images))


def _queue_size(n_images: int, n_prototypes: int, batch_size: int) -> int:
    if batch_size * BATCH.prototypes_an_image >= n_prototypes:
        return 0
    return batch_size * math.ceil(min(4 * n_prototypes, n_images / 4) / batch_size)
