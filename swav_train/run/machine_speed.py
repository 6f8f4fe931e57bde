"""How fast this machine trains: a few steps of a small network, timed."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

from swav_train.config import Precision, Stem
from swav_train.default_params import BATCH, BUDGET, FROM_RANDOM
from swav_train.device import resolve_device, resolve_precision
from swav_train.networks.backbone import build_backbone
from swav_train.run.thread_choice import choose_threads, keeping_threads, list_usable_counts

N_IMAGES = 32
"""Of a timed step on a CPU; chosen: 0.06 s on a core that makes 550 a second."""
N_GPU_STEPS = 5
"""Timed together on a GPU; chosen: 0.06 s on an H200."""


def measure_images_per_second(
    device: str = "cpu", *, read_clock: Callable[[], float] = time.monotonic
) -> float:
    """Return the images that this machine trains on in a second.

    An image is two crops of 32 px, forward and back: on a CPU through ``resnet10_w32``, with the
    best number of threads, on a GPU through the network and in the batches it trains with. Cutting
    the crops is left out.

    Args:
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        read_clock: Seconds that only grow.

    Raises:
        ValueError: The device has another name, or is absent.
    """
    where = resolve_device(device)
    is_gpu = where.type == "cuda"
    n_images = BATCH.gpu if is_gpu else N_IMAGES
    with torch.random.fork_rng(devices=[where] if is_gpu else []), keeping_threads():
        take_step = _make_step(where, n_images)
        if is_gpu:
            return n_images / max(_time_on_gpu(take_step, read_clock), 1e-9)

        def time_step() -> float:
            began = read_clock()
            take_step()
            return read_clock() - began

        time_step()
        _, seconds = choose_threads(list_usable_counts(), time_step)
    return n_images / max(seconds, 1e-9)


def _make_step(device: torch.device, n_images: int) -> Callable[[], None]:
    is_gpu = device.type == "cuda"
    precision = resolve_precision(Precision.AUTO, device)
    name = FROM_RANDOM.backbone_gpu if is_gpu else BUDGET.network
    network = build_backbone(name, Stem.SMALL).to(device)
    network = network.to(memory_format=torch.channels_last).train()
    crops = torch.zeros(2 * n_images, 3, 32, 32, device=device)
    crops = crops.contiguous(memory_format=torch.channels_last)

    def take_step() -> None:
        with torch.autocast(device.type, precision, enabled=precision != torch.float32):
            features = network(crops)
        features.float().sum().backward()

    return take_step


def _time_on_gpu(take_step: Callable[[], None], read_clock: Callable[[], float]) -> float:
    """Return the seconds of a step, after two that choose kernels."""
    for _ in range(2):
        take_step()
    torch.cuda.synchronize()
    began = read_clock()
    for _ in range(N_GPU_STEPS):
        take_step()
    torch.cuda.synchronize()
    return (read_clock() - began) / N_GPU_STEPS
