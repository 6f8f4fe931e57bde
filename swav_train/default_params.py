"""What settings are derived with: rules of thumb, and where each was measured."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class BudgetParams:
    """How many images a training can look at; measure again with `tests/benchmarks/swav_speed.py`.

    Attributes:
        default_seconds: Time where nobody says; chosen.
        full_budget_images: Fewer images than this get less of it, with the root; chosen.
        network: What a machine's speed is measured with, small stem, two 32 px crops an image.
        images_per_core_second: Through it, forward, back and crops, where the machine's speed is
            not known: measured in bfloat16 on two cores that had nothing else to do; a busy
            machine of the same kind made 240.
        reference_cores: Whose speed counts where epochs are given, so that the same settings follow
            on every machine.
        gpu_images_per_second: Where a GPU's speed is not known: whole steps of its network in its
            batches, on an H200 beside a slow CPU (`tests/benchmarks/swav_gpu.py`).
        gpu_fixed_cost: What an image costs a GPU however small its crops, in pairs of 32 px crops:
            there, 512 images as two crops of 64 px took 16.0 ms, of 32 px 11.3.
        half_size_cost: What an image costs a CPU as crops of half the side: steps of 64 images of
            ``resnet10_w32`` with crops of 16 px took 0.42 of those with 32 px, on one core.
        pretrained_cost: Images of a random start, of crops as large, that one of a pretrained start
            costs: 71 ms and 28 ms were measured on one core.
        most_epochs: However small the folder. On an H200 k-NN of 1,434 signs was 0.362 after 400
            epochs and 0.399 after 1,600; more were not tried (one draw, with the parts of
            `tests/benchmarks/ssl_methods.py --device cuda --epochs 1600 --methods ours`).
    """

    default_seconds: float = 480.0
    full_budget_images: int = 2000
    network: str = "resnet10_w32"
    images_per_core_second: float = 550.0
    reference_cores: int = 2
    gpu_images_per_second: float = 25_000.0
    gpu_fixed_cost: float = 6.0
    half_size_cost: float = 0.42
    pretrained_cost: int = 3
    most_epochs: int = 1600


@dataclass(frozen=True, kw_only=True, slots=True)
class CropParams:
    """How large crops are.

    Measured with `tests/benchmarks/swav_quality.py` on 3,068 photos of clothes after five minutes
    on one core, k-NN: 0.55 with crops of 64 px (16 epochs), 0.59 with 48 px (29 epochs), 0.61 with
    32 px (56 epochs).

    Attributes:
        sizes: Sides to choose from, px, ascending.
        enough_epochs: A larger size is taken where the time affords so many.
        most_for_small_stem: Larger crops get the standard stem, px; chosen.
    """

    sizes: tuple[int, ...] = (32, 48, 64, 96, 112)
    enough_epochs: int = 150
    most_for_small_stem: int = 128


@dataclass(frozen=True, kw_only=True, slots=True)
class PrototypeParams:
    """How many prototypes, K; chosen on CIFAR-10 and clothes, not measured over a range.

    Attributes:
        per_root_image: K over the root of the number of images.
        most: As in the paper.
        fewest_images_each: Images to a prototype at least.
        frozen_steps: First steps in which they rest.
        frozen_share: They rest for 1 / so much of the training at most.
    """

    per_root_image: int = 3
    most: int = 3000
    fewest_images_each: int = 10
    frozen_steps: int = 100
    frozen_share: int = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchParams:
    """How many images a step has: more steps beat larger ones in minutes.

    Measured with `tests/benchmarks/swav_quality.py`, k-NN with 64 images and with 128: 0.521 and
    0.491 on CIFAR-10 after 2.5 minutes on one core, 0.602 and 0.589 on clothes after 4. It also
    halves the memory.

    Attributes:
        cpu: On a CPU.
        small_cpu: On a CPU where its codes serve all prototypes.
        gpu: On a GPU; chosen.
        prototypes_an_image: A batch of codes serves so many prototypes an image: 64 images 300,
            measured. With more prototypes there is a queue.
        fewest: Even where an epoch has less than four steps then; chosen.
        most_epochs_without_queue: Epochs before a queue is used, as in the paper (section 4.1).
        queue_share: It waits for 1 / so much of the training at most; the paper's 15 of 200 epochs.
    """

    cpu: int = 128
    small_cpu: int = 64
    gpu: int = 512
    prototypes_an_image: int = 5
    fewest: int = 16
    most_epochs_without_queue: int = 15
    queue_share: int = 13


@dataclass(frozen=True, kw_only=True, slots=True)
class StartParams:
    """What follows from the weights that the backbone starts from.

    Attributes:
        backbone_cpu: The network on a CPU.
        backbone_gpu: The network on a GPU.
        crop_size: Of full-resolution crops, px; None: what the time affords.
        encoder_side: Side for which the encoder's size is chosen, px; None: that of the images.
        embedding_stages: See :class:`~swav_train.config.TrainConfig`, as all below.
        whitening_power: See there.
        learning_rate_cpu: Of a batch of ``reference_batch``, where batches are of 64 or so.
        learning_rate_gpu: Of such a batch, where they are of 512.
        backbone_rate: See there.
        backbone_freeze: See there.
        freeze_batch_norm: See there.
        contrast_weight: See there.
        half_size_share_cpu: See there; where the training has a time and a CPU. A GPU takes about
            as long for crops of half the side.
        reference_batch: Images of a step at that learning rate; it changes with their root.
    """

    backbone_cpu: str
    backbone_gpu: str
    crop_size: int | None
    encoder_side: int | None
    embedding_stages: int
    whitening_power: float
    learning_rate_cpu: float
    learning_rate_gpu: float
    backbone_rate: float
    backbone_freeze: float
    freeze_batch_norm: bool
    contrast_weight: float
    half_size_share_cpu: float
    reference_batch: int = 128


FROM_RANDOM = StartParams(
    backbone_cpu="resnet10_w32",
    backbone_gpu="resnet18",
    crop_size=None,
    encoder_side=None,
    embedding_stages=3,
    whitening_power=0.5,
    learning_rate_cpu=6e-3,
    learning_rate_gpu=3e-3,
    backbone_rate=1.0,
    backbone_freeze=0.0,
    freeze_batch_norm=False,
    contrast_weight=1.0,
    half_size_share_cpu=0.7,
)
"""Chosen on CIFAR-10 and clothes with `tests/benchmarks/swav_quality.py`. The contrast, and a CPU's
learning rate beside it, in equal epochs of batches of 64 on four folders, three draws: k-NN 0.446,
0.427 with half the rate, 0.428 without the contrast, 0.425 without both (`docs/training.md`). Half
the side for 0.7 of 65 CPU seconds, seven draws of four folders: k-NN 0.469, 0.438 without. On a
GPU, batches of 512 and 320, with SimCLR's form of the contrast: 0.582 and 0.547 without on CIFAR-10
after 36 epochs (two seeds), 0.649 and 0.625 after 150, 0.536 and 0.509 on imagenette after 100."""
FROM_PRETRAINED = StartParams(
    backbone_cpu="efficientnet_lite0",
    backbone_gpu="efficientnet_lite0",
    crop_size=128,
    encoder_side=192,
    embedding_stages=2,
    whitening_power=0.3,
    learning_rate_cpu=1e-3,
    learning_rate_gpu=1e-3,
    backbone_rate=0.03,
    backbone_freeze=0.2,
    freeze_batch_norm=True,
    contrast_weight=0.0,
    half_size_share_cpu=0.0,
)
"""The network that has weights without a hub. Batch statistics taken anew from a folder of clothes
cost 6 to 13 points of k-NN; the rest was chosen there."""

BUDGET = BudgetParams()
CROPS = CropParams()
PROTOTYPES = PrototypeParams()
BATCH = BatchParams()
