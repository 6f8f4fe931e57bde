"""The verifier, the first look: pairs in, findings out, block by block on all processors."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from curate.copies.pair_tables import concat_pairs, take_pairs
from curate.copies.verification.alignment import (
    Alignment,
    align_pairs,
    count_support,
    map_frames,
)
from curate.copies.verification.color import shrink_colours
from curate.copies.verification.evidence import NAMES, WorkingCopy, measure_evidence
from curate.copies.verification.findings import BY_FRAME, Classifier, Findings, is_mirrored
from curate.copies.verification.keypoints import Keypoints, make_working_copy
from curate.copies.verification.overlay import refine_map
from curate.parallel import ordered_map

Ints = NDArray[np.int64]
ReadPixels = Callable[[Sequence[int]], list[NDArray[np.uint8]]]

_CORRELATION = NAMES.index("correlation")


@dataclass(frozen=True, kw_only=True, slots=True)
class VerifierParams:
    """Which alignments are measured, and how finely.

    Quality is measured by ``tests/benchmarks/dedup_quality.py``, time by ``dedup_scale.py`` there.
    Who changes one of the first five raises ``CACHE_VERSION``.

    Attributes:
        min_inliers: Fewer prove nothing: an affine map always fits three.
        few_inliers: So many or fewer must be some share of all matches: chance agrees on as many.
        least_share: That share.
        doubt: Pairs of a probability between these are aligned more finely and measured again.
        sure: Pairs more probable by their keypoints are not aligned frame on frame as well.
        n_block: Pairs aligned at a time; more take memory.
        n_cached: Working copies held, 22 kB each.
    """

    min_inliers: int = 4
    few_inliers: int = 5
    least_share: float = 0.3
    doubt: tuple[float, float] = (0.01, 0.99)
    sure: float = 0.99
    n_block: int = 64
    n_cached: int = 4096


VERIFIER_PARAMS = VerifierParams()


class Verifier:
    """Aligns the images of pairs and measures how well they agree."""

    def __init__(
        self,
        keypoints: Keypoints,
        read: ReadPixels,
        classifier: Classifier,
    ) -> None:
        """Verify pairs of N images.

        Args:
            keypoints: Of the images.
            read: Gives their cached pixels by row.
            classifier: Says which pairs are in doubt.
        """
        self._keypoints = keypoints
        self._read = read
        self._classifier = classifier
        self._cache: OrderedDict[int, WorkingCopy] = OrderedDict()
        self._lock = Lock()

    def verify(
        self,
        a: Ints,
        b: Ints,
        method: Ints,
        *,
        on_progress: Callable[[int], None] | None = None,
    ) -> Findings:
        """Return the findings on pairs, in order; evidence is NaN where no map is found.

        Args:
            a: (P,) first images.
            b: (P,) second images.
            method: (P,) int, how the first is aligned with the second: ``BY_KEYPOINTS``,
                ``BY_MIRRORED_KEYPOINTS``, or ``BY_FRAME`` + k where version k of the first, of the
                eight in `curate.images.perceptual_hash.orientations`, looks like the second.
            on_progress: Hears how many more pairs are done.
        """
        order = np.argsort(method >= BY_FRAME, kind="stable")
        n_by_keypoints = int((method < BY_FRAME).sum())
        n_block = VERIFIER_PARAMS.n_block
        edges = [
            *range(0, n_by_keypoints, n_block),
            *range(n_by_keypoints, len(order), n_block),
            len(order),
        ]
        blocks = [order[start:stop] for start, stop in pairwise(edges)]

        def verify_block(block: Ints) -> Findings:
            is_by_frame = method[block[0]] >= BY_FRAME
            verify = self._verify_by_frame if is_by_frame else self._verify_by_keypoints
            return verify(a[block], b[block], method[block])

        parts = [Findings.none()]
        for block, part in zip(blocks, ordered_map(verify_block, blocks, ahead=16), strict=True):
            parts.append(part)
            if on_progress is not None:
                on_progress(len(block))
        return take_pairs(concat_pairs(parts), np.argsort(order))

    def select_unsure(self, a: Ints, b: Ints, findings: Findings) -> NDArray[np.bool_]:
        """Return which pairs are not beyond doubt at the first look already, (P,) bool.

        Args:
            a: (P,) first images.
            b: (P,) second images.
            findings: What their keypoints have shown.
        """
        probability = self._classifier.predict(findings.evidence)
        sure = take_pairs(findings, probability > VERIFIER_PARAMS.sure)
        n = 1 + max(int(part.max(initial=0)) for part in (b, sure.b))
        return np.asarray(~np.isin(a * n + b, sure.a * n + sure.b), np.bool_)

    def _verify_by_frame(self, a: Ints, b: Ints, method: Ints) -> Findings:
        shapes = self._keypoints.shapes
        maps = map_frames(shapes[a], shapes[b], method - BY_FRAME)
        alignment = count_support(self._keypoints, a, b, maps)
        return self._measure(a, b, method, alignment)

    def _verify_by_keypoints(self, a: Ints, b: Ints, method: Ints) -> Findings:
        params = VERIFIER_PARAMS
        alignment = align_pairs(self._keypoints, a, b, is_mirrored(method))
        is_chance = (alignment.inliers <= params.few_inliers) & (
            alignment.inliers < params.least_share * np.maximum(alignment.matches, 1)
        )
        kept = (alignment.inliers >= params.min_inliers) & ~is_chance
        measured = self._measure(a[kept], b[kept], method[kept], take_pairs(alignment, kept))
        maps = alignment.maps.copy()
        evidence = np.full((len(a), len(NAMES)), np.nan, np.float32)
        maps[kept], evidence[kept] = measured.maps, measured.evidence
        return Findings.at_first_look(
            a, b, method, maps=maps, inliers=alignment.inliers, evidence=evidence
        )

    def _measure(self, a: Ints, b: Ints, method: Ints, alignment: Alignment) -> Findings:
        copies = self._load_working_copies(np.unique(np.concatenate([a, b])).tolist())
        evidence = np.full((len(a), len(NAMES)), np.nan, np.float32)
        maps = alignment.maps.copy()
        for row, (i, j) in enumerate(zip(a.tolist(), b.tolist(), strict=True)):
            counts = (int(alignment.inliers[row]), int(alignment.matches[row]))
            measured = self._measure_pair(copies[i], copies[j], maps[row], counts)
            if measured is not None:
                maps[row], evidence[row] = measured
        return Findings.at_first_look(
            a, b, method, maps=maps, inliers=alignment.inliers, evidence=evidence
        )

    def _measure_pair(
        self,
        a: WorkingCopy,
        b: WorkingCopy,
        a_to_b: NDArray[np.float32],
        counts: tuple[int, int],
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]] | None:
        """Return the map, refined if in doubt, and the evidence; None where there is none."""
        inliers, matches = counts
        first = measure_evidence(a, b, a_to_b, inliers=inliers, matches=matches)
        if first is None:
            return None
        least, most = VERIFIER_PARAMS.doubt
        if not least < float(self._classifier.predict(first[None])[0]) < most:
            return a_to_b, first
        refined = refine_map(a.grey, b.grey, a_to_b)
        again = measure_evidence(a, b, refined, inliers=inliers, matches=matches)
        if again is not None and again[_CORRELATION] > first[_CORRELATION]:
            return refined, again
        return a_to_b, first

    def _load_working_copies(self, rows: list[int]) -> dict[int, WorkingCopy]:
        """Return working copies by row; recent ones are held."""
        with self._lock:
            copies = {row: self._cache[row] for row in rows if row in self._cache}
        missing = [row for row in rows if row not in copies]
        if missing:
            made = {
                row: make_copy_with_colours(pixels)
                for row, pixels in zip(missing, self._read(missing), strict=True)
            }
            copies |= made
            with self._lock:
                self._cache.update(made)
                while len(self._cache) > VERIFIER_PARAMS.n_cached:
                    self._cache.popitem(last=False)
        return copies


def make_copy_with_colours(pixels: NDArray[np.uint8]) -> WorkingCopy:
    """Return the working copy of cached pixels, (H, W, 3) uint8, with its colours."""
    grey = make_working_copy(pixels)
    height, width = grey.shape
    return WorkingCopy(
        grey=grey,
        colours=shrink_colours(pixels, (height, width)),
        enlarged=max(1.0, height / int(pixels.shape[0])),
    )
