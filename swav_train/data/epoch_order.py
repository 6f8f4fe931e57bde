"""The order in which an epoch sees the images: random, yet kind to a file larger than memory."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from swav_train.data.seeds import make_generator


@dataclass(frozen=True, kw_only=True, slots=True)
class OrderParams:
    """How an epoch walks through a file larger than memory.

    Measured with `tests/benchmarks/swav_stream.py`: 0.92 of the rate from memory when the system
    has just forgotten the file; other sizes were not compared.

    Attributes:
        block: Images that are read one after the other, some MB.
        blocks_of_window: Blocks from anywhere whose images are shuffled among themselves.
    """

    block: int = 64
    blocks_of_window: int = 256

    @property
    def window(self) -> int:
        """Images that are shuffled among themselves."""
        return self.block * self.blocks_of_window


ORDER = OrderParams()


class EpochOrder:
    """A permutation of [0, n) for one epoch.

    Blocks of neighbours come in random order, and the images of each 256 of them are shuffled. So a
    mapped file is read in pieces that disks like, and each piece is read within a short
    while. Up to 16,384 images it is a permutation like any other. It takes no memory to speak of.
    """

    def __init__(
        self, n_images: int, *, seed: int, epoch: int, params: OrderParams = ORDER
    ) -> None:
        """Draw the order of the blocks.

        Args:
            n_images: Length of the permutation, >= 1.
            seed: Of the training.
            epoch: Number of the epoch, >= 0.
            params: Sizes of blocks and windows.
        """
        self._n_images = n_images
        self._params = params
        self._seed_parts = ("order", seed, epoch)
        n_whole = n_images // params.block
        blocks = torch.randperm(n_whole, generator=make_generator(*self._seed_parts))
        self._blocks = torch.cat([blocks, torch.arange(n_whole, -(-n_images // params.block))])
        self._window = (-1, torch.empty(0, dtype=torch.int64))

    def rows(self, start: int, stop: int) -> Tensor:
        """Return places ``start`` to ``stop`` of the permutation, (stop - start,) int64.

        Args:
            start: First place, in [0, ``n_images``).
            stop: Place after the last.
        """
        window = self._params.window
        first = start // window
        windows = [self._shuffle_window(number) for number in range(first, -(-stop // window))]
        return torch.cat(windows)[start - first * window : stop - first * window]

    def _shuffle_window(self, number: int) -> Tensor:
        """Return a window of the permutation; the last one is kept for the next call."""
        if self._window[0] != number:
            block, n_blocks = self._params.block, self._params.blocks_of_window
            blocks = self._blocks[number * n_blocks : (number + 1) * n_blocks]
            rows = (blocks[:, None] * block + torch.arange(block)).flatten()
            rows = rows[rows < self._n_images]
            generator = make_generator(*self._seed_parts, number)
            self._window = (number, rows[torch.randperm(len(rows), generator=generator)])
        return self._window[1]
