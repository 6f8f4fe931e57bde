"""Candidate pairs kept from one run to the next.

Images that were searched are not searched again: those that come later are paired with each other
and with all before. How descriptors lie is learned once, and again when the folder has doubled.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from curate.copies.cache.arrays import read_arrays, sum_file, write_arrays
from curate.copies.cache.evidence_store import CANDIDATES
from curate.copies.cache.keypoint_store import KeypointStore
from curate.copies.candidates.ann_index import DescriptorIndex
from curate.copies.candidates.from_hashes import pair_by_hashes
from curate.copies.candidates.from_keypoints import (
    KeypointIndex,
    VoteElsewhere,
    pair_by_keypoints,
)
from curate.copies.candidates.pairs import Candidates, order_pairs
from curate.copies.pair_tables import concat_pairs, take_pairs
from curate.files import remove

Ints = NDArray[np.int64]

_TABLE, _LISTS = CANDIDATES, "candidates.faiss"


@dataclass(frozen=True, kw_only=True, slots=True)
class GrowthParams:
    """When candidates are kept, and when they are found anew.

    Time is measured by ``tests/benchmarks/dedup_grow.py``. Who changes one raises
    ``CACHE_VERSION``.

    Attributes:
        least_present: Share of the images searched that must still be there; with fewer, the
            others would only be in the way.
        most_growth: Times the images that the lists were made for; more make the lists long.
    """

    least_present: float = 0.5
    most_growth: float = 2.0


GROWTH_PARAMS = GrowthParams()


@dataclass(frozen=True, kw_only=True, slots=True)
class _Searched:
    """Images among which all candidates are known.

    Attributes:
        slots: (S,) int64, in the order in which their keypoints lie in the index.
        pairs: Candidates, as slots.
        index: Their keypoints; None as long as none has any.
        n_trained: Images the lists of the index were made for.
    """

    slots: Ints
    pairs: Candidates
    index: KeypointIndex | None
    n_trained: int


class CandidateSearch:
    """Finds candidates among images by what their keypoints and hashes have in common."""

    def __init__(
        self,
        folder: Path,
        keypoints: KeypointStore,
        *,
        seed: int,
        vote_elsewhere: VoteElsewhere | None = None,
    ) -> None:
        """Go on with the search kept in a folder.

        Args:
            folder: Of the cache; the caller is its only writer.
            keypoints: Of all images.
            seed: Seed of the index.
            vote_elsewhere: Has blocks of images vote on other machines; None has them vote here.
        """
        self._folder, self._keypoints, self._seed = folder, keypoints, seed
        self._vote_elsewhere = vote_elsewhere

    def find_candidates(self, slots: Ints) -> Candidates:
        """Return the candidates among some images, ordered, rows of ``slots``.

        Args:
            slots: (R,) int64, in the order of the content hashes.
        """
        searched = self._read(slots)
        new = slots[~np.isin(slots, searched.slots)]
        if len(new):
            searched = self._extend(searched, new)
            self._write(searched)
        row = np.full(len(self._keypoints), -1, np.int64)
        row[slots] = np.arange(len(slots))
        pairs = replace(searched.pairs, a=row[searched.pairs.a], b=row[searched.pairs.b])
        present = take_pairs(pairs, (pairs.a >= 0) & (pairs.b >= 0))
        return order_pairs(present, np.arange(len(slots)))

    def _read(self, slots: Ints) -> _Searched:
        """Return the search that was kept if it serves these images, else none."""
        nothing = _Searched(
            slots=np.zeros(0, np.int64), pairs=Candidates.none(), index=None, n_trained=0
        )
        table = read_arrays(self._folder / _TABLE)
        if table is None or int(table["seed"]) != self._seed:
            return nothing
        known = table["slots"].astype(np.int64)
        n_present = int(np.isin(known, slots).sum())
        n_after = len(known) + len(slots) - n_present
        n_trained = int(table["n_trained"])
        if (
            n_present < GROWTH_PARAMS.least_present * len(known)
            or n_after > GROWTH_PARAMS.most_growth * n_trained
        ):
            return nothing
        if int(table["n_keypoints"]) and not _is_whole(self._folder, table):
            return nothing  # a later search by copies needs the lists, too
        index = None
        if n_after > len(known):
            index = _read_index(self._folder, table)
            if index is None:
                return nothing
        pairs = Candidates(
            a=table["a"].astype(np.int64),
            b=table["b"].astype(np.int64),
            method=table["method"].astype(np.int64),
        )
        return _Searched(slots=known, pairs=pairs, index=index, n_trained=n_trained)

    def _extend(self, searched: _Searched, new: Ints) -> _Searched:
        """Return the search with more images."""
        store = self._keypoints
        keypoints = store.keypoints
        slots = np.concatenate([searched.slots, new])
        by_hash = store.by_hash[np.isin(store.by_hash, slots)]
        rank = np.empty(len(store), np.int64)
        rank[store.by_hash] = np.arange(len(store))
        alike = pair_by_hashes(store.hashed(by_hash), np.isin(by_hash, new))
        parts = [searched.pairs, replace(alike, a=by_hash[alike.a], b=by_hash[alike.b])]
        index = searched.index or KeypointIndex.train(keypoints, new, seed=self._seed)
        if index is not None:
            parts.append(
                pair_by_keypoints(
                    keypoints, index, searched.slots, new, vote_elsewhere=self._vote_elsewhere
                )
            )
        return _Searched(
            slots=slots,
            pairs=order_pairs(concat_pairs(parts), rank),
            index=index,
            n_trained=searched.n_trained or len(new),
        )

    def _write(self, searched: _Searched) -> None:
        """Keep a search; killed between its two files, the next run begins anew."""
        index, nothing = searched.index, np.zeros(0, np.float32)
        remove(self._folder / _TABLE)
        if index is not None:
            index.lists.write(self._folder / _LISTS)
        write_arrays(
            self._folder / _TABLE,
            slots=searched.slots.astype(np.int32),
            a=searched.pairs.a.astype(np.int32),
            b=searched.pairs.b.astype(np.int32),
            method=searched.pairs.method.astype(np.int8),
            mean=nothing if index is None else index.mean,
            axes=nothing if index is None else index.axes,
            n_keypoints=np.array(0 if index is None else len(index.lists)),
            lists_checksum=np.array(
                0 if index is None else sum_file(self._folder / _LISTS), np.uint32
            ),
            n_trained=np.array(searched.n_trained),
            seed=np.array(self._seed),
        )


def read_index(folder: Path) -> tuple[Ints, KeypointIndex] | None:
    """Return the slots of the images searched last and the index of their keypoints.

    Returns:
        (S,) int64 and the index; None if they are not kept, damaged, or being written.
    """
    table = read_arrays(folder / _TABLE)
    index = _read_index(folder, table) if table is not None else None
    if table is None or index is None:
        return None
    return table["slots"].astype(np.int64), index


def _is_whole(folder: Path, table: dict[str, NDArray[np.generic]]) -> bool:
    """Return whether the lists are those that belong to the arrays of a search."""
    path = folder / _LISTS
    return path.is_file() and sum_file(path) == int(table["lists_checksum"])


def _read_index(folder: Path, table: dict[str, NDArray[np.generic]]) -> KeypointIndex | None:
    """Return the index that belongs to the arrays of a search, if it is there and whole."""
    if not _is_whole(folder, table):
        return None
    lists = DescriptorIndex.read(folder / _LISTS)
    if lists is None or len(lists) != int(table["n_keypoints"]):
        return None
    return KeypointIndex(
        mean=table["mean"].astype(np.float32),
        axes=table["axes"].astype(np.float32),
        lists=lists,
    )
