"""What a finished search of a set of images leaves for those who ask about a further picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from curate.copies.cache.arrays import keys_of, read_arrays, write_arrays
from curate.copies.probability.classifier import Judge

Ints = NDArray[np.int64]

_NAME = "finished.npz"
_LIKELY = 0.5  # less probable pairs never tell where to cut


@dataclass(frozen=True, kw_only=True, slots=True)
class Finished:
    """What a search of C different contents came to.

    Attributes:
        keys: (C,) of 32 bytes, content hashes, rising.
        twin: (C,) int64, row of the one content that stands for all of the same pixels.
        judge: The judge fitted to them.
        probability: (P,) float64, of their candidate pairs, as far as they are likely.
        seed: Seed of the search.
    """

    keys: NDArray[np.bytes_]
    twin: Ints
    judge: Judge
    probability: NDArray[np.float64]
    seed: int

    @classmethod
    def of(
        cls,
        content_hashes: Sequence[str],
        twin: Ints,
        *,
        judge: Judge,
        probability: NDArray[np.float64],
        seed: int,
    ) -> "Finished":
        """Sum a search up.

        Args:
            content_hashes: N of them, maybe with repeats.
            twin: (N,) int64, the one image that stands for all of the same pixels.
            judge: The judge fitted to them.
            probability: (P,) float64, of their candidate pairs.
            seed: Seed of the search.
        """
        every = keys_of(list(content_hashes))
        keys, first = np.unique(every, return_index=True)
        return cls(
            keys=keys,
            twin=np.searchsorted(keys, every[twin[first]]).astype(np.int64),
            judge=judge,
            probability=probability[probability >= _LIKELY],
            seed=seed,
        )

    @classmethod
    def read(cls, folder: Path) -> "Finished | None":
        """Return what lies on a shelf, or None if there is nothing, or it is damaged."""
        found = read_arrays(folder / _NAME)
        if found is None:
            return None
        return cls(
            keys=found["keys"].astype("S32"),
            twin=found["twin"].astype(np.int64),
            judge=Judge(weights=found["weights"].astype(np.float64)),
            probability=found["probability"].astype(np.float64),
            seed=int(found["seed"]),
        )

    def write(self, folder: Path) -> None:
        """Put it on a shelf, in place of what was there.

        Raises:
            ResourceError: The disk is full or cannot be written.
        """
        write_arrays(
            folder / _NAME,
            keys=self.keys,
            twin=self.twin.astype(np.int32),
            weights=self.judge.weights,
            probability=self.probability,
            seed=np.array(self.seed),
        )
