"""How fast this machine trains: a few steps of a small network, timed."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

from swav_train.config import Precision, Stem
from swav_train.cores import count_cores
from swav_train.defaults import BUDGET
from swav_train.device import resolve_precision
from swav_train.networks.backbone import build_backbone
from swav_train.run.thread_choice import choose_threads, keeping_threads, list_thread_counts

N_IMAGES = 32
"""Of a timed step; chosen: 0.06 s on a core that makes 550 a second."""


def measure_images_per_second(*, read_clock: Callable[[], float] = time.monotonic) -> float:
    """Return the images that the CPU trains on in a second, with the best number of threads.

    An image is two crops of 32 px through ``resnet10_w32``, forward and back, as in
    :class:`swav_train.defaults.BudgetParams`; cutting them is left out.

    Args:
        read_clock: Seconds that only grow.
    """
    device = torch.device("cpu")
    precision = resolve_precision(Precision.AUTO, device)
    with torch.random.fork_rng(devices=[]), keeping_threads():
        network = build_backbone(BUDGET.network, Stem.SMALL)
        network = network.to(memory_format=torch.channels_last).train()
        crops = torch.zeros(2 * N_IMAGES, 3, 32, 32).contiguous(memory_format=torch.channels_last)

        def take_step() -> float:
            began = read_clock()
            with torch.autocast("cpu", precision, enabled=precision != torch.float32):
                features = network(crops)
            features.float().sum().backward()
            return read_clock() - began

        take_step()
        counts = list_thread_counts(min(count_cores(), torch.get_num_threads()))
        _, seconds = choose_threads(counts, take_step)
    return N_IMAGES / max(seconds, 1e-9)
