"""Synthetic pairs: copies and non-copies made of the user's own images, and how they look.

A made copy is an image beside an altered one of itself. A made non-copy is two images that look
alike and were refused, both altered: each in its own way, or both in one way. What tells them apart
among pristine images may be lost where all are re-encoded, cropped or toned; these pairs tell what
agreement is then worth.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from curate.copies.cache.arrays import read_arrays, write_arrays
from curate.copies.pair_tables import take_pairs
from curate.copies.probability.augment import make_copy
from curate.copies.probability.classifier import FIRST_LOOK
from curate.copies.verification.close_look import CLOSE_LOOK_PARAMS, CloseLook
from curate.copies.verification.findings import (
    BY_KEYPOINTS,
    BY_MIRRORED_KEYPOINTS,
    Findings,
    drop_unaligned,
    select_best,
)
from curate.copies.verification.keypoints import Keypoints, make_working_copy
from curate.copies.verification.verifier import Verifier
from curate.images.picture import SHORT_SIDE
from curate.parallel import ordered_map

Pixels = NDArray[np.uint8]
Ints = NDArray[np.int64]
Numbers = NDArray[np.uint64]
Read = Callable[[Sequence[int]], list[Pixels]]

_FILE = "made_pairs.npz"
_KEPT = ("method", "maps", "inliers", "evidence", "close")


@dataclass(frozen=True, kw_only=True, slots=True)
class PairSources:
    """The images that n pairs are made of, by row.

    Attributes:
        first: (n,) int64, of which the first image of each pair is made.
        second: (n,) int64, of which the second is made; the same for a copy.
        other: (n,) int64, of which the alterations may borrow a piece.
    """

    first: Ints
    second: Ints
    other: Ints

    def __len__(self) -> int:
        return len(self.first)

    @property
    def is_copy(self) -> NDArray[np.bool_]:
        """Return which pairs are copies, (n,) bool."""
        return np.asarray(self.first == self.second)

    @classmethod
    def of(cls, copied: Ints, a: Ints, b: Ints) -> "PairSources":
        """Return the sources of copies of some images and of non-copies of some pairs.

        Args:
            copied: (m,) int64, images to copy; copies borrow from the next one, non-copies
                from the first one.
            a: (p,) int64, first images of pairs that are no copies.
            b: (p,) int64, second images.
        """
        return cls(
            first=np.concatenate([copied, a]),
            second=np.concatenate([copied, b]),
            other=np.concatenate([np.roll(copied, -1), np.repeat(copied[:1], len(a))]),
        )


def load_made_findings(
    folder: Path, sources: PairSources, fingerprints: Numbers, read: Read, *, seed: int
) -> Findings:
    """Return the findings on made pairs; what was made before is known.

    Pairs that the first look would refuse are left out. ``a`` and ``b`` are the rows of which the
    two images were made.

    Args:
        folder: Of the cache; the caller is its only writer.
        sources: Of which the pairs are made.
        fingerprints: (R,) uint64, of the content hash of each image.
        read: Gives the cached pixels of some of the R images.
        seed: Seed of the alterations.
    """
    path = folder / _FILE
    rows = np.stack([sources.first, sources.second, sources.other], axis=1)
    keys = np.concatenate([fingerprints[rows], np.full((len(rows), 1), seed, np.uint64)], axis=1)
    arrays = read_arrays(path) or {"keys": keys[:0]}
    places = {tuple(key): place for place, key in enumerate(arrays["keys"].tolist())}
    known = np.array([places.get(tuple(key), -1) for key in keys.tolist()], np.int64)
    missing = np.flatnonzero(known < 0)
    made = make_findings(take_pairs(sources, missing), keys[missing][:, [3, 0, 1]], read)
    columns = {}
    for name in _KEPT:
        new = getattr(made, name)
        columns[name] = np.empty((len(keys), *new.shape[1:]), new.dtype)
        columns[name][missing] = new
        if name in arrays:
            columns[name][known >= 0] = arrays[name][known[known >= 0]]
    if len(missing):
        write_arrays(path, keys=keys, **columns)
    return drop_unaligned(Findings(a=sources.first, b=sources.second, **columns))


def make_findings(sources: PairSources, seeds: Numbers, read: Read) -> Findings:
    """Return the findings on pairs made of n sources, in order.

    The evidence is NaN where the first look would refuse the pair.

    Args:
        sources: Of which the pairs are made.
        seeds: (n, 3) uint64, of the alterations: one for all, one for each first and each second
            image.
        read: Gives the cached pixels of images.
    """
    n = len(sources)
    if n == 0:
        return Findings.unaligned(0)
    ends = (sources.first, sources.second, sources.other)
    firsts, seconds, others = (read(rows.tolist()) for rows in ends)
    is_copy = sources.is_copy

    def alter(number: int) -> tuple[Pixels, Pixels]:
        first, second, other = firsts[number], seconds[number], others[number]
        seed, one, two = seeds[number].tolist()
        if is_copy[number]:
            return first, _alter(first, other, [seed, one])
        is_same_way = (one ^ two) & 1
        second_way = [seed, one, two] if is_same_way else [seed, two, one]
        return _alter(first, other, [seed, one, two]), _alter(second, other, second_way)

    images = [image for ends in zip(*ordered_map(alter, range(n)), strict=True) for image in ends]
    keypoints = Keypoints.of(list(ordered_map(make_working_copy, images)))
    verifier = Verifier(keypoints, lambda rows: [images[row] for row in rows], FIRST_LOOK)
    a = np.tile(np.arange(n, dtype=np.int64), 2)
    method = np.repeat([BY_KEYPOINTS, BY_MIRRORED_KEYPOINTS], n)
    findings = drop_unaligned(verifier.verify(a, a + n, method))
    best = select_best(findings, FIRST_LOOK)
    likely = take_pairs(best.findings, best.probability >= CLOSE_LOOK_PARAMS.least)
    close_look = CloseLook(keypoints.shapes, lambda rows: [images[row] for row in rows])
    likely = replace(likely, close=close_look.look(likely))
    return _spread(likely, n)


def _spread(findings: Findings, n: int) -> Findings:
    """Return the findings on pair ``a`` in row ``a`` of n, NaN in the others."""
    spread = Findings.unaligned(n)
    for name in _KEPT:
        getattr(spread, name)[findings.a] = getattr(findings, name)
    return spread


def _alter(pixels: Pixels, other: Pixels, seed: Sequence[int]) -> Pixels:
    """Return an image altered, as it would be cached."""
    altered = make_copy(pixels, other, np.random.default_rng(seed))
    factor = SHORT_SIDE / min(altered.shape[:2])
    if factor >= 1:
        return altered
    size = tuple(max(1, round(side * factor)) for side in altered.shape[1::-1])
    return np.asarray(cv2.resize(altered, size, interpolation=cv2.INTER_AREA), np.uint8)
