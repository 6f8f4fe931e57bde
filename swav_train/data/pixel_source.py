"""The training images as equal squares, from whatever holds them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from swav_train.method.multicrop import squash

Images = NDArray[np.uint8] | Sequence[Any]
"""(N, 3, S, S) uint8, or a sequence of (3, H, W) uint8 arrays or tensors."""


class PixelSource:
    """Read-only access to the training images as squashed squares.

    Attributes:
        aspects: (N,) float32, width / height of the originals.
    """

    def __init__(self, images: Images, *, size: int, aspects: NDArray[Any] | None = None) -> None:
        """Check the images.

        Args:
            images: See :data:`Images`; a memory-mapped array is read batch by batch.
            size: Side of the squares for images that are not equal squares already, px.
            aspects: (N,) width / height of the originals; None: as the images are.

        Raises:
            ValueError: There are fewer than two images, or a shape or dtype is wrong.
        """
        if len(images) < 2:
            raise ValueError(f"need at least 2 images, got {len(images)}")
        self._images = images
        self._size = size
        self._is_array = isinstance(images, np.ndarray)
        first = np.asarray(images[0])
        if first.dtype != np.uint8 or first.ndim != 3 or first.shape[0] != 3:
            raise ValueError(f"images must be (3, H, W) uint8, got {first.shape} {first.dtype}")
        self.aspects = self._check_aspects(aspects)

    def __len__(self) -> int:
        return len(self._images)

    def _check_aspects(self, aspects: NDArray[Any] | None) -> Tensor:
        if aspects is None:
            if self._is_array:
                height, width = np.asarray(self._images[0]).shape[1:]
                return torch.full((len(self),), width / height)
            shapes = [np.shape(self._images[i]) for i in range(len(self))]
            aspects = np.array([width / height for _, height, width in shapes])
        values = torch.from_numpy(np.asarray(aspects, dtype=np.float32).copy())
        if values.shape != (len(self),) or not bool((values > 0).all()):
            raise ValueError(f"aspects must be ({len(self)},) and positive, got {values.shape}")
        return values

    def digest(self) -> str:
        """Return the SHA-256, hex, of all images in their order, with sizes and aspects."""
        total = hashlib.sha256(self.aspects.numpy().tobytes())
        for index in range(len(self)):
            image = np.ascontiguousarray(self._images[index])
            total.update(f"{image.shape}".encode())
            total.update(image.data)
        return total.hexdigest()

    def read(self, indices: Tensor) -> Tensor:
        """Return the images at ``indices`` (B,), as (B, 3, S, S) uint8 on the CPU."""
        if isinstance(self._images, np.ndarray):
            return torch.from_numpy(self._images[indices.numpy()])
        squares = [
            squash(torch.as_tensor(self._images[i])[None], self._size) for i in indices.tolist()
        ]
        return torch.cat(squares)
