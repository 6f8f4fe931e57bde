"""Verification: candidate pairs in, evidence out, block by block on all processors."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from curate.copies.probability.classifier import BUILT_IN, Judge
from curate.copies.verification import alignment
from curate.copies.verification.color import colours_of
from curate.copies.verification.evidence import NAMES, Working, measure, refined
from curate.copies.verification.keypoints import Features, working_copy
from curate.parallel import ordered_map

Ints = NDArray[np.int64]
ReadPixels = Callable[[Sequence[int]], list[NDArray[np.uint8]]]

BY_POINTS, BY_MIRRORED_POINTS, BY_FRAME = 0, 1, 2
"""Ways to lay one image over another; the frame may be turned in eight ways, so there are ten."""
_BLOCK = 64  # pairs aligned at a time
_MIN_INLIERS = 4  # an affine map always fits three
_FEW_INLIERS = 5  # these must be some share of all matches: chance agrees on as many
_LEAST_SHARE = 0.3
_SURE = 0.99  # pairs more probable by their points are not laid frame on frame as well
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

    def turned(self, which: NDArray[np.bool_]) -> "Findings":
        """Return the same findings with first and second image exchanged in some rows."""
        back = inverted(self.maps).astype(np.float32)
        return replace(
            self,
            a=np.where(which, self.b, self.a),
            b=np.where(which, self.a, self.b),
            maps=np.where(which[:, None, None], back, self.maps),
        )

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


def best_per_pair(findings: Findings, judge: Judge) -> tuple[Findings, NDArray[np.float64]]:
    """Return the most probable finding on each pair, ordered by pair, and its probability."""
    probability = judge.probability(findings.evidence)
    order = np.lexsort((findings.mirror, -findings.inliers, -probability, findings.b, findings.a))
    a, b = findings.a[order], findings.b[order]
    fresh = np.ones(len(order), np.bool_)
    fresh[1:] = (a[1:] != a[:-1]) | (b[1:] != b[:-1])
    rows = order[fresh]
    return findings.take(rows), probability[rows]


def without_sure(a: Ints, b: Ints, found: Findings) -> NDArray[np.bool_]:
    """Return which of some pairs, (P,) each, are not beyond doubt by their points already."""
    sure = found.take(BUILT_IN.probability(found.evidence) > _SURE)
    n = 1 + max(int(part.max(initial=0)) for part in (b, sure.b))
    return np.asarray(~np.isin(a * n + b, sure.a * n + sure.b), np.bool_)


class Verifier:
    """Lays images over each other and measures how well they agree."""

    def __init__(self, features: Features, read: ReadPixels) -> None:
        """Take the features of N images and a reader of their cached pixels by row."""
        self._features = features
        self._read = read
        self._cache: OrderedDict[int, Working] = OrderedDict()
        self._lock = Lock()

    def examined(
        self, a: Ints, b: Ints, way: Ints, *, told: Callable[[int], None] | None = None
    ) -> Findings:
        """Return the findings on pairs, in order; evidence is NaN where no map is found.

        Args:
            a: (P,) first images.
            b: (P,) second images.
            way: (P,) int, how the first is laid on the second: ``BY_POINTS``,
                ``BY_MIRRORED_POINTS``, or ``BY_FRAME`` + k where version k of the first, of the
                eight in `curate.images.perceptual_hash.orientations`, looks like the second.
            told: Hears how many pairs are done.
        """
        order = np.argsort(way >= BY_FRAME, kind="stable")
        n_by_points = int((way < BY_FRAME).sum())
        edges = [
            *range(0, n_by_points, _BLOCK),
            *range(n_by_points, len(order), _BLOCK),
            len(order),
        ]
        blocks = [order[start:stop] for start, stop in pairwise(edges)]

        def examine(block: Ints) -> Findings:
            look = self._by_frame if way[block[0]] >= BY_FRAME else self._by_points
            return look(a[block], b[block], way[block])

        parts = [_nothing()]
        for block, part in zip(blocks, ordered_map(examine, blocks, ahead=16), strict=True):
            parts.append(part)
            if told is not None:
                told(len(block))
        return joined(parts).take(np.argsort(order))

    def _by_frame(self, a: Ints, b: Ints, way: Ints) -> Findings:
        shapes = self._features.shapes
        maps = alignment.frame_maps(shapes[a], shapes[b], way - BY_FRAME)
        found = alignment.support(self._features, a, b, maps)
        return self._measured(a, b, is_mirrored(way), found)

    def _by_points(self, a: Ints, b: Ints, way: Ints) -> Findings:
        mirror = is_mirrored(way)
        found = alignment.align(self._features, a, b, mirror)
        few = (found.inliers <= _FEW_INLIERS) & (
            found.inliers < _LEAST_SHARE * np.maximum(found.matches, 1)
        )
        kept = (found.inliers >= _MIN_INLIERS) & ~few
        supported = alignment.Alignment(
            maps=found.maps[kept], inliers=found.inliers[kept], matches=found.matches[kept]
        )
        measured = self._measured(a[kept], b[kept], mirror[kept], supported)
        maps = found.maps.copy()
        evidence = np.full((len(a), len(NAMES)), np.nan, np.float32)
        maps[kept], evidence[kept] = measured.maps, measured.evidence
        return Findings(
            a=a, b=b, mirror=mirror, maps=maps, inliers=found.inliers, evidence=evidence
        )

    def _measured(
        self, a: Ints, b: Ints, mirror: NDArray[np.bool_], found: alignment.Alignment
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


def inverted(maps: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the maps from the second images to the first, (P, 2, 3) float64."""
    inverse = np.linalg.inv(maps[:, :, :2].astype(np.float64))
    shift = -np.einsum("pij,pj->pi", inverse, maps[:, :, 2].astype(np.float64))
    return np.concatenate([inverse, shift[..., None]], axis=2)


def is_mirrored(way: Ints) -> NDArray[np.bool_]:
    """Return whether a way shows the first image mirrored, (P,) bool."""
    turned = way - BY_FRAME
    flips = (turned & 1) + (turned >> 1 & 1) + (turned >> 2 & 1)
    is_odd = np.where(way >= BY_FRAME, flips % 2 == 1, way == BY_MIRRORED_POINTS)
    return np.asarray(is_odd, np.bool_)


def _nothing() -> Findings:
    return Findings(
        a=np.zeros(0, np.int64),
        b=np.zeros(0, np.int64),
        mirror=np.zeros(0, np.bool_),
        maps=np.zeros((0, 2, 3), np.float32),
        inliers=np.zeros(0, np.int32),
        evidence=np.zeros((0, len(NAMES)), np.float32),
    )
