"""What the last run of the ladder leaves for a later search by copies, in ``last_run.npz``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from curate.choices import Level
from curate.copies.cache.arrays import pack_hashes, read_arrays, write_arrays

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_FILE = "last_run.npz"
_LABEL, _CONTEXT = "label_", "context_"


@dataclass(frozen=True, kw_only=True, slots=True)
class LastRun:
    """What a run over C different contents came to.

    Attributes:
        hashes: (C,) of 32 bytes, content hashes, rising.
        labels: For each rung above ``near``, strongest first: (C,) int64, row of the one content
            that stands for all that the rung says are the same.
        weights: (W,) float64, of the classifier fitted to them.
        probability: (P,) float64, of their likely candidates.
        context: What the folder says of each content: several columns, (C,) float64 each.
        seed: Seed of the run.
    """

    hashes: NDArray[np.bytes_]
    labels: dict[Level, Ints]
    weights: Floats
    probability: Floats
    context: dict[str, Floats]
    seed: int

    @classmethod
    def summarize(
        cls,
        content_hashes: Sequence[str],
        labels: Mapping[Level, Ints],
        *,
        weights: Floats,
        probability: Floats,
        context: Mapping[str, Floats],
        seed: int,
    ) -> "LastRun":
        """Return what is kept of a run.

        Args:
            content_hashes: N of them, maybe with repeats.
            labels: For each rung: (N,) int64, the one image that stands for all that are the same.
            weights: Of the classifier fitted to them.
            probability: (P,) float64, of their likely candidates.
            context: What the folder says of each image: several columns, (N,) each.
            seed: Seed of the run.
        """
        all_hashes = pack_hashes(content_hashes)
        hashes, first = np.unique(all_hashes, return_index=True)
        return cls(
            hashes=hashes,
            labels={
                level: np.searchsorted(hashes, all_hashes[label[first]]).astype(np.int64)
                for level, label in labels.items()
            },
            weights=weights,
            probability=probability,
            context={name: column[first] for name, column in context.items()},
            seed=seed,
        )

    @classmethod
    def read(cls, folder: Path) -> "LastRun | None":
        """Return what a cache holds, or None if there is nothing, or it is damaged."""
        arrays = read_arrays(folder / _FILE)
        if arrays is None or not any(name.startswith(_CONTEXT) for name in arrays):
            return None
        return cls(
            hashes=arrays["hashes"].astype("S32"),
            labels={
                level: arrays[_LABEL + level].astype(np.int64)
                for level in Level
                if _LABEL + level in arrays
            },
            weights=arrays["weights"].astype(np.float64),
            probability=arrays["probability"].astype(np.float64),
            context={
                name.removeprefix(_CONTEXT): column.astype(np.float64)
                for name, column in arrays.items()
                if name.startswith(_CONTEXT)
            },
            seed=int(arrays["seed"]),
        )

    def write(self, folder: Path) -> None:
        """Put it into a cache, in place of what was there.

        Raises:
            ResourceError: The disk is full or cannot be written.
        """
        write_arrays(
            folder / _FILE,
            hashes=self.hashes,
            weights=self.weights,
            probability=self.probability,
            **{_CONTEXT + name: column for name, column in self.context.items()},
            seed=np.array(self.seed),
            **{_LABEL + level: rows.astype(np.int32) for level, rows in self.labels.items()},
        )
