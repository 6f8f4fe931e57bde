"""Which pairs are worth a look, kept from one run to the next.

Images that were searched are not searched again: those that come later are paired with each other
and with all before. How points lie is learned once, and again when the folder has doubled.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from curate.copies.cache.arrays import read_arrays, write_arrays
from curate.copies.cache.keypoint_store import PointStore
from curate.copies.candidates.ann_index import DescriptorIndex
from curate.copies.candidates.from_hashes import from_hashes
from curate.copies.candidates.from_keypoints import PointIndex, from_points
from curate.copies.candidates.pairs import Candidates, joined
from curate.files import remove

Ints = NDArray[np.int64]

_LEAST_PRESENT = (
    0.5  # share of the images searched; with fewer, the others would only be in the way
)
_GROWTH = 2.0  # times the images that the lists were made for


@dataclass(frozen=True, kw_only=True, slots=True)
class _Searched:
    """Images among which all pairs are known.

    Attributes:
        slots: (S,) int64, in the order in which their points lie in the index.
        pairs: Slots worth a look.
        index: Their points; None as long as none has any.
        n_trained: Images the lists of the index were made for.
    """

    slots: Ints
    pairs: Candidates
    index: PointIndex | None
    n_trained: int


class Search:
    """Finds candidates among images by what their points and hashes have in common."""

    def __init__(self, folder: Path, points: PointStore, *, seed: int) -> None:
        """Go on with the search kept in a folder."""
        self._folder, self._points, self._seed = folder, points, seed

    def candidates(self, slots: Ints) -> Candidates:
        """Return the pairs among some images that are worth a look, ordered, rows of ``slots``.

        Args:
            slots: (R,) int64, in the order of the content hashes.
        """
        searched = self._kept(slots)
        fresh = slots[~np.isin(slots, searched.slots)]
        if len(fresh):
            searched = self._extended(searched, fresh)
            self._write(searched)
        row = np.full(len(self._points), -1, np.int64)
        row[slots] = np.arange(len(slots))
        pairs = searched.pairs
        known = Candidates(a=row[pairs.a], b=row[pairs.b], way=pairs.way)
        present = (known.a >= 0) & (known.b >= 0)
        return known.take(present).along(np.arange(len(slots)))

    def _kept(self, slots: Ints) -> _Searched:
        """Return the search that was kept if it serves these images, else none."""
        none = np.zeros(0, np.int64)
        nothing = _Searched(
            slots=none, pairs=Candidates(a=none, b=none, way=none), index=None, n_trained=0
        )
        table = read_arrays(self._folder / "search.npz")
        if table is None or int(table["seed"]) != self._seed:
            return nothing
        known = table["slots"].astype(np.int64)
        n_present = int(np.isin(known, slots).sum())
        n_after = len(known) + len(slots) - n_present
        n_trained = int(table["n_trained"])
        if n_present < _LEAST_PRESENT * len(known) or n_after > _GROWTH * n_trained:
            return nothing
        index = None
        if n_after > len(known):
            index = _index_of(self._folder, table)
            if index is None:
                return nothing
        pairs = Candidates(
            a=table["a"].astype(np.int64),
            b=table["b"].astype(np.int64),
            way=table["way"].astype(np.int64),
        )
        return _Searched(slots=known, pairs=pairs, index=index, n_trained=n_trained)

    def _extended(self, searched: _Searched, fresh: Ints) -> _Searched:
        """Return the search with further images."""
        points = self._points
        features = points.features
        slots = np.concatenate([searched.slots, fresh])
        by_hash = points.by_hash[np.isin(points.by_hash, slots)]
        rank = np.empty(len(points), np.int64)
        rank[points.by_hash] = np.arange(len(points))
        alike = from_hashes(points.phash[by_hash], np.isin(by_hash, fresh))
        parts = [
            searched.pairs,
            Candidates(a=by_hash[alike.a], b=by_hash[alike.b], way=alike.way),
        ]
        index = searched.index or PointIndex.trained(features, fresh, seed=self._seed)
        if index is not None:
            parts.append(from_points(features, index, searched.slots, fresh))
        return _Searched(
            slots=slots,
            pairs=joined(parts).along(rank),
            index=index,
            n_trained=searched.n_trained or len(fresh),
        )

    def _write(self, searched: _Searched) -> None:
        """Keep a search; killed between its two files, the next run begins anew."""
        index, nothing = searched.index, np.zeros(0, np.float32)
        remove(self._folder / "search.npz")
        if index is not None:
            index.lists.write(self._folder / "search.faiss")
        write_arrays(
            self._folder / "search.npz",
            slots=searched.slots.astype(np.int32),
            a=searched.pairs.a.astype(np.int32),
            b=searched.pairs.b.astype(np.int32),
            way=searched.pairs.way.astype(np.int8),
            mean=nothing if index is None else index.mean,
            axes=nothing if index is None else index.axes,
            n_points=np.array(0 if index is None else len(index.lists)),
            n_trained=np.array(searched.n_trained),
            seed=np.array(self._seed),
        )


def kept_index(folder: Path) -> tuple[Ints, PointIndex] | None:
    """Return the slots of the images searched last and where their points lie.

    Returns:
        (S,) int64 and the index; None if they are not kept, damaged, or being written.
    """
    table = read_arrays(folder / "search.npz")
    index = _index_of(folder, table) if table is not None else None
    if table is None or index is None:
        return None
    return table["slots"].astype(np.int64), index


def _index_of(folder: Path, table: dict[str, NDArray[np.generic]]) -> PointIndex | None:
    """Return the index that belongs to the arrays of a search, if it is there and whole."""
    lists = DescriptorIndex.read(folder / "search.faiss")
    if lists is None or len(lists) != int(table["n_points"]):
        return None
    return PointIndex(
        mean=table["mean"].astype(np.float32),
        axes=table["axes"].astype(np.float32),
        lists=lists,
    )
