"""Batches of training images, the next one read while a step computes."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import torch
from torch import Tensor

from swav_train.data.epoch_order import EpochOrder
from swav_train.data.pixel_source import PixelSource

Place = tuple[int, int]
"""Number of an epoch and of a step within it."""
Batch = tuple[Tensor, Tensor]
"""(B, 3, S, S) uint8, and what was drawn for their crops."""
Draw = Callable[[Tensor, int], Tensor]
"""(B,) float32 aspects and the number of the step to all that is random about their crops."""


class BatchReader:
    """Reads a process's share of each batch, one ahead, in a thread that :meth:`close` ends.

    The same thread draws what is random about its crops. For a GPU both wait in pinned memory and
    cross over while the step before computes.
    """

    def __init__(  # noqa: PLR0913 - the images, their order, and where they go
        self,
        source: PixelSource,
        indices: Tensor,
        *,
        batch_size: int,
        seed: int,
        device: torch.device,
        draw: Draw,
        share: tuple[int, int] = (0, 1),
    ) -> None:
        """Read nothing yet.

        Args:
            source: The images.
            indices: (T,) int64, which of them are trained on.
            batch_size: Images of a step over all processes, at most T.
            seed: Of the order.
            device: Where batches go.
            draw: Called in the thread.
            share: This process's number and how many there are.
        """
        self._source = source
        self._indices = indices
        self._batch_size = batch_size
        self._seed = seed
        self._device = device
        self._draw = draw
        self._rank, self._world_size = share
        self._order: tuple[int, EpochOrder] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="batches")
        self._next: tuple[Place, Future[Batch]] | None = None

    def close(self) -> None:
        """End the thread; :func:`contextlib.closing` calls it."""
        self._thread.shutdown(wait=True, cancel_futures=True)

    @property
    def steps_per_epoch(self) -> int:
        """Whole batches in an epoch, >= 1."""
        return max(1, len(self._indices) // self._batch_size)

    def read(self, epoch: int, step: int) -> Batch:
        """Return a batch, and begin to read the one after it.

        Args:
            epoch: Number of the epoch, >= 0.
            step: Number of the batch within it, in [0, steps_per_epoch).

        Returns:
            (B, 3, S, S) uint8 and what was drawn for them, on the device.
        """
        place = (epoch, step)
        if self._next is None or self._next[0] != place:
            self._next = place, self._thread.submit(self._load, place)
        batch = self._next[1].result()
        after = (epoch, step + 1) if step + 1 < self.steps_per_epoch else (epoch + 1, 0)
        self._next = after, self._thread.submit(self._load, after)
        pixels, drawn = (part.to(self._device, non_blocking=True) for part in batch)
        return pixels, drawn

    def _load(self, place: Place) -> Batch:
        epoch, step = place
        if self._order is None or self._order[0] != epoch:
            self._order = epoch, EpochOrder(len(self._indices), seed=self._seed, epoch=epoch)
        begin = step * self._batch_size
        end = min(begin + self._batch_size, len(self._indices))
        rows = self._indices[self._order[1].rows(begin, end)]
        local_rows = rows.tensor_split(self._world_size)[self._rank]
        pixels = self._source.read(local_rows)
        number = epoch * self.steps_per_epoch + step
        drawn = self._draw(self._source.aspects[local_rows], number)
        if self._device.type == "cuda":
            return pixels.pin_memory(), drawn.pin_memory()
        return pixels, drawn
