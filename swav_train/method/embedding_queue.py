"""Embeddings of past batches, so that small batches can be assigned in balance."""

from __future__ import annotations

import torch
from torch import Tensor


class EmbeddingQueue:
    """The last ``size`` embeddings (SwAV, arXiv:2006.09882, section 4.1, small batches).

    Attributes:
        filled: Rows that hold an embedding, 0 to ``size``.
    """

    def __init__(self, size: int, dim: int, *, device: torch.device | str = "cpu") -> None:
        """Make an empty queue.

        Args:
            size: Rows kept, >= 1.
            dim: Length of an embedding, >= 1.
            device: Where the rows live.

        Raises:
            ValueError: ``size`` or ``dim`` is below 1.
        """
        if size < 1 or dim < 1:
            raise ValueError(f"need size >= 1 and dim >= 1, got {size} and {dim}")
        self._rows = torch.zeros(size, dim, device=device)
        self._next = 0
        self.filled = 0

    @property
    def size(self) -> int:
        """Rows kept at most."""
        return self._rows.shape[0]

    @property
    def is_full(self) -> bool:
        """True once every row holds an embedding."""
        return self.filled == self.size

    def push(self, batch: Tensor) -> None:
        """Put a batch in, the oldest rows fall out.

        Args:
            batch: (B, D) float, unit rows; only the last ``size`` are kept.
        """
        batch = batch.detach()[-self.size :].to(self._rows.dtype)
        places = (self._next + torch.arange(len(batch), device=self._rows.device)) % self.size
        self._rows[places] = batch
        self._next = (self._next + len(batch)) % self.size
        self.filled = min(self.size, self.filled + len(batch))

    def embeddings(self) -> Tensor:
        """Return the stored rows, (filled, D), in no promised order."""
        return self._rows[: self.filled]

    def state(self) -> tuple[Tensor, int, int]:
        """Return all rows (size, D), the place of the next row, and how many are filled."""
        return self._rows, self._next, self.filled

    def restore(self, rows: Tensor, next_row: int, filled: int) -> None:
        """Go back to a :meth:`state`.

        Args:
            rows: (size, D) float.
            next_row: Place of the next row, in [0, size).
            filled: Rows that hold an embedding, in [0, size].

        Raises:
            ValueError: ``rows`` has another shape than this queue.
        """
        if rows.shape != self._rows.shape:
            raise ValueError(f"expected {tuple(self._rows.shape)}, got {tuple(rows.shape)}")
        self._rows.copy_(rows)
        self._next = next_row
        self.filled = filled
