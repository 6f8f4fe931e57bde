"""The duplicate groups of a manifest, indexed: which rows, how large, how doubtful."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curate.pages.images_table import ImagesTable

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class GroupIndex:
    """The duplicate groups of a manifest, ready to be ranked.

    Attributes:
        numbers: (G,) int64, as in the manifest, rising.
        sizes: (G,) int64, images.
        least: (G,) float64, least probability of a member that need not be kept; 1 if none has one.
    """

    numbers: Ints
    sizes: Ints
    least: NDArray[np.float64]
    _rows: Ints
    _starts: Ints

    @classmethod
    def of(cls, images: ImagesTable) -> "GroupIndex":
        """Index the groups of a manifest."""
        group = images.codes("group")
        rows = np.flatnonzero(group >= 0)
        rows = rows[np.argsort(group[rows], kind="stable")]
        numbers, starts, sizes = np.unique(group[rows], return_index=True, return_counts=True)
        is_whole = np.isin(group[rows], numbers[sizes > 1])  # of a part, groups may be left alone
        rows = rows[is_whole]
        numbers, starts, sizes = np.unique(group[rows], return_index=True, return_counts=True)
        sure = np.nan_to_num(images.numbers("similarity"), nan=1.0)[rows]
        least = np.minimum.reduceat(sure, starts) if len(starts) else np.ones(0)
        return cls(numbers, sizes.astype(np.int64), least, rows, starts.astype(np.int64))

    def members(self, place: int) -> Ints:
        """Return the rows of the group at a place of ``numbers``."""
        return self._rows[self._starts[place] : self._starts[place] + self.sizes[place]]

    def have_one(self, values: Ints) -> NDArray[np.bool_]:
        """Return whether all images of each group have one value, (G,).

        Args:
            values: (N,) int64, one for each row of the manifest.
        """
        if not len(self._starts):
            return np.zeros(0, np.bool_)
        ordered = values[self._rows]
        least = np.minimum.reduceat(ordered, self._starts)
        return np.asarray(least == np.maximum.reduceat(ordered, self._starts), np.bool_)

    def largest(self, n: int) -> list[int]:
        """Return the places of the n largest groups."""
        order: list[int] = np.lexsort((self.numbers, -self.sizes))[:n].tolist()
        return order

    def most_doubtful(self, n: int) -> list[int]:
        """Return the places of the n groups with the least sure member, certain ones left out."""
        order = np.lexsort((self.numbers, self.least))
        doubtful: list[int] = order[self.least[order] < 1][:n].tolist()
        return doubtful

    def places_of(self, numbers: Iterable[int]) -> list[int]:
        """Return the places of groups by number."""
        return [int(place) for place in np.searchsorted(self.numbers, list(numbers))]
