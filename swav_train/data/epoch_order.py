"""The order in which an epoch sees the images: random, yet kind to a file larger than memory."""

from __future__ import annotations

import torch
from torch import Tensor

from swav_train.data.pixel_source import generator_of

BLOCK = 64
"""Images that are read one after the other from a file that memory does not hold, some MB."""
WINDOW = 256 * BLOCK
"""Images that are shuffled among themselves: those of 256 blocks from anywhere."""


class EpochOrder:
    """A permutation of [0, n) for one epoch.

    Blocks of neighbours come in random order, and the images of each 256 of them are shuffled. So a
    mapped file is read in pieces that disks like, and each piece is asked for within a short
    while. Up to 16,384 images it is a permutation like any other. It takes no memory to speak of.
    """

    def __init__(self, n_images: int, *, seed: int, epoch: int) -> None:
        """Draw the order of the blocks.

        Args:
            n_images: Length of the permutation, >= 1.
            seed: Of the training.
            epoch: Number of the epoch, >= 0.
        """
        self._n_images = n_images
        self._parts = ("order", seed, epoch)
        n_whole = n_images // BLOCK
        blocks = torch.randperm(n_whole, generator=generator_of(*self._parts))
        self._blocks = torch.cat([blocks, torch.arange(n_whole, -(-n_images // BLOCK))])
        self._window = (-1, torch.empty(0, dtype=torch.int64))

    def rows(self, start: int, stop: int) -> Tensor:
        """Return places ``start`` to ``stop`` of the permutation, (stop - start,) int64."""
        first = start // WINDOW
        windows = [self._shuffled(number) for number in range(first, -(-stop // WINDOW))]
        return torch.cat(windows)[start - first * WINDOW : stop - first * WINDOW]

    def _shuffled(self, number: int) -> Tensor:
        """Return a window of the permutation; the last one asked for is kept."""
        if self._window[0] != number:
            blocks = self._blocks[number * WINDOW // BLOCK : (number + 1) * WINDOW // BLOCK]
            rows = (blocks[:, None] * BLOCK + torch.arange(BLOCK)).flatten()
            rows = rows[rows < self._n_images]
            shuffle = torch.randperm(len(rows), generator=generator_of(*self._parts, number))
            self._window = (number, rows[shuffle])
        return self._window[1]
