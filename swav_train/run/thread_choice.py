"""How many threads to compute with: measured, since a busy core makes two slower than one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch

from swav_train.cores import count_cores

N_LOOKS = 2
"""Measurements of each number, of which the faster counts; chosen."""


def list_thread_counts(n_cores: int) -> list[int]:
    """Return the numbers of threads to try: all cores, half of them, and so on down to one.

    Args:
        n_cores: That the process may use, >= 1.
    """
    counts = [n_cores]
    while counts[-1] > 1:
        counts.append(counts[-1] // 2)
    return counts


def list_usable_counts() -> list[int]:
    """Return the numbers of threads to try here: up to its cores, and to what torch may use."""
    return list_thread_counts(min(count_cores(), torch.get_num_threads()))


def choose_threads(counts: Sequence[int], measure: Callable[[], float]) -> tuple[int, float]:
    """Return the number of threads that work is fastest with, and its time; torch keeps it.

    Where another process has one of two cores, a step with two OpenMP threads was measured to take
    twenty times as long as with one: each waits for the other at every layer.

    Args:
        counts: To try, the first wins a draw.
        measure: Does some work and returns the seconds that it took.
    """
    best = {count: float("inf") for count in counts}
    for _ in range(N_LOOKS):
        for count in counts:
            torch.set_num_threads(count)
            best[count] = min(best[count], measure())
    chosen = min(counts, key=lambda count: best[count])
    torch.set_num_threads(chosen)
    return chosen, best[chosen]


@contextmanager
def keeping_threads() -> Iterator[None]:
    """Leave torch with the number of threads that it had before."""
    before = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def with_fastest_threads(device: torch.device, work: Callable[[], object]) -> Iterator[None]:
    """Compute on a CPU with the number of threads that some work is fastest with.

    Args:
        device: Where it is computed; on a GPU the number does not matter.
        work: A little of what is to be done.
    """

    def measure() -> float:
        began = time.monotonic()
        work()
        return time.monotonic() - began

    with keeping_threads():
        if device.type == "cpu":
            choose_threads(list_usable_counts(), measure)
        yield
