"""Verification: candidate pairs in, evidence out, block by block on all processors."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from curate.copies import geometry
from curate.copies.calibrate import BUILT_IN
from curate.copies.colour import colours_of
from curate.copies.evidence import NAMES, Working, measure, refined
from curate.copies.features import Features, working_copy
from curate.threads import ordered_map

Ints = NDArray[np.int64]
ReadPixels = Callable[[Sequence[int]], list[NDArray[np.uint8]]]

_BLOCK = 64  # pairs aligned at a time
_MIN_INLIERS = 4  # an affine map always fits three
_FEW_INLIERS = 5  # these must be some share of all matches: chance agrees on as many
_LEAST_SHARE = 0.3
_DOUBT = (0.01, 0.99)  # pairs judged between these are aligned more finely and measured again
_CORRELATION = NAMES.index("correlation")
_AGREEMENT = NAMES.index("agreement")
_CACHED = 4096  # working copies held, 22 kB each


@dataclass(frozen=True, kw_only=True, slots=True)
class Findings:
    """Evidence on P pairs.

    Attributes:
        a: (P,) int64, first images.
        b: (P,) int64, second images.
        mirror: (P,) bool, first image mirrored.
        maps: (P, 2, 3) float32, working px of ``a`` to working px of ``b``.
        inliers: (P,) int32.
        evidence: (P, 20) float32, NaN where the images cannot be laid over each other.
    """

    a: Ints
    b: Ints
    mirror: NDArray[np.bool_]
    maps: NDArray[np.float32]
    inliers: NDArray[np.int32]
    evidence: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.a)

    @property
    def agreement(self) -> NDArray[np.float32]:
        """Return the share of textured tiles that agree, (P,) in [0, 1]."""
        return np.nan_to_num(self.evidence[:, _AGREEMENT])

    def measured(self) -> "Findings":
        """Return the rows that have evidence."""
        return self.take(np.asarray(np.isfinite(self.evidence).all(axis=1)))

    def take(self, rows: NDArray[np.integer] | NDArray[np.bool_]) -> "Findings":
        """Return some of the rows."""
        return Findings(
            a=self.a[rows],
            b=self.b[rows],
            mirror=self.mirror[rows],
            maps=self.maps[rows],
            inliers=self.inliers[rows],
            evidence=self.evidence[rows],
        )


def joined(parts: Sequence[Findings]) -> Findings:
    """Return several findings as one; at least one."""
    return Findings(
        a=np.concatenate([part.a for part in parts]),
        b=np.concatenate([part.b for part in parts]),
        mirror=np.concatenate([part.mirror for part in parts]),
        maps=np.concatenate([part.maps for part in parts]),
        inliers=np.concatenate([part.inliers for part in parts]),
        evidence=np.concatenate([part.evidence for part in parts]),
    )


class Verifier:
    """Lays images over each other and measures how well they agree."""

    def __init__(self, features: Features, read: ReadPixels) -> None:
        """Take the features of N images and a reader of their cached pixels by row."""
        self._features = features
        self._read = read
        self._cache: OrderedDict[int, Working] = OrderedDict()
        self._lock = Lock()

    def by_points(
        self,
        a: Ints,
        b: Ints,
        mirror: NDArray[np.bool_],
        *,
        told: Callable[[int], None] | None = None,
    ) -> Findings:
        """Return the findings on pairs whose points agree on a map; pairs without are left out."""
        blocks = [slice(s, s + _BLOCK) for s in range(0, len(a), _BLOCK)]

        def examine(block: slice) -> Findings:
            return self._examined(a[block], b[block], mirror[block])

        parts = [_nothing()]
        for block, part in zip(blocks, ordered_map(examine, blocks, ahead=16), strict=True):
            parts.append(part)
            if told is not None:
                told(len(a[block]))
        return joined(parts)

    def by_frame(self, a: Ints, b: Ints, orientation: NDArray[np.int64]) -> Findings:
        """Return the findings on pairs laid frame on frame.

        Args:
            a: (P,) first images.
            b: (P,) second images.
            orientation: (P,) int, which of the eight versions of ``a`` looks like ``b``.
        """
        shapes = self._features.shapes
        maps = geometry.frame_maps(shapes[a], shapes[b], orientation)
        mirror = np.linalg.det(maps[:, :, :2]) < 0
        blocks = [slice(s, s + _BLOCK) for s in range(0, len(a), _BLOCK)]

        def examine(block: slice) -> Findings:
            found = geometry.support(self._features, a[block], b[block], maps[block])
            return self._measured(a[block], b[block], mirror[block], found)

        return joined([_nothing(), *ordered_map(examine, blocks, ahead=16)])

    def _examined(self, a: Ints, b: Ints, mirror: NDArray[np.bool_]) -> Findings:
        found = geometry.align(self._features, a, b, mirror)
        few = (found.inliers <= _FEW_INLIERS) & (
            found.inliers < _LEAST_SHARE * np.maximum(found.matches, 1)
        )
        kept = (found.inliers >= _MIN_INLIERS) & ~few
        found = geometry.Alignment(
            maps=found.maps[kept], inliers=found.inliers[kept], matches=found.matches[kept]
        )
        return self._measured(a[kept], b[kept], mirror[kept], found)

    def _measured(
        self, a: Ints, b: Ints, mirror: NDArray[np.bool_], found: geometry.Alignment
    ) -> Findings:
        copies = self._working(np.unique(np.concatenate([a, b])).tolist())
        evidence = np.full((len(a), len(NAMES)), np.nan, np.float32)
        maps = found.maps.copy()
        for row, (i, j) in enumerate(zip(a.tolist(), b.tolist(), strict=True)):
            points = (int(found.inliers[row]), int(found.matches[row]))
            first = measure(copies[i], copies[j], maps[row], points=points)
            if first is None:
                continue
            evidence[row] = first
            doubt = float(BUILT_IN.probability(first[None])[0])
            if not _DOUBT[0] < doubt < _DOUBT[1]:
                continue
            finer = refined(copies[i].grey, copies[j].grey, maps[row])
            again = measure(copies[i], copies[j], finer, points=points)
            if again is not None and again[_CORRELATION] > first[_CORRELATION]:
                evidence[row], maps[row] = again, finer
        return Findings(
            a=a, b=b, mirror=mirror, maps=maps, inliers=found.inliers, evidence=evidence
        )

    def _working(self, rows: list[int]) -> dict[int, Working]:
        """Return working copies by row; recent ones are held."""
        with self._lock:
            found = {row: self._cache[row] for row in rows if row in self._cache}
        missing = [row for row in rows if row not in found]
        if missing:
            fresh = {
                row: working_of(pixels)
                for row, pixels in zip(missing, self._read(missing), strict=True)
            }
            found |= fresh
            with self._lock:
                self._cache.update(fresh)
                while len(self._cache) > _CACHED:
                    self._cache.popitem(last=False)
        return found


def working_of(pixels: NDArray[np.uint8]) -> Working:
    """Return the working copy of cached pixels, (H, W, 3) uint8, with its colours."""
    grey = working_copy(pixels)
    height, width = grey.shape
    return Working(
        grey=grey,
        colours=colours_of(pixels, (height, width)),
        enlarged=max(1.0, height / int(pixels.shape[0])),
    )


def _nothing() -> Findings:
    return Findings(
        a=np.zeros(0, np.int64),
        b=np.zeros(0, np.int64),
        mirror=np.zeros(0, np.bool_),
        maps=np.zeros((0, 2, 3), np.float32),
        inliers=np.zeros(0, np.int32),
        evidence=np.zeros((0, len(NAMES)), np.float32),
    )
