"""The rung ``near``: candidates, evidence, probability."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curate.copies.cache.evidence_store import Memory
from curate.copies.cache.keypoint_store import Extracted
from curate.copies.candidates import pairs
from curate.copies.candidates.incremental import Search
from curate.copies.candidates.pairs import Candidates
from curate.copies.config import DedupConfig
from curate.copies.probability.classifier import BUILT_IN, Judge, fitted, threshold_for
from curate.copies.probability.synthetic_pairs import practised
from curate.copies.records import Images, PixelReader, Pixels
from curate.copies.verification.keypoints import extract, working_copy
from curate.copies.verification.verifier import (
    BY_MIRRORED_POINTS,
    BY_POINTS,
    Findings,
    Verifier,
    best_per_pair,
    joined,
    without_sure,
)
from curate.parallel import ordered_map
from curate.progress import Progress, task

Ints = NDArray[np.int64]

_BATCH = 32  # images read at a time
_SHARD = 4096  # images whose points are written at a time
_PRACTICE = 96  # images of which copies are made: those of the lowest content hashes
_PRIOR_SPREAD = 0.4  # how far a folder may pull each weight
_MAX_EXAMPLES = 4000  # candidates of the folder that take part in the fit
_ROUNDS = 3  # of guessing which candidates are copies, then fitting


@dataclass(frozen=True, kw_only=True, slots=True)
class Verified:
    """What is known of the candidate pairs among R images.

    Attributes:
        findings: Best finding per pair, ordered by (a, b), a < b; rows of R.
        probability: (P,) float64, to be a copy.
        judge: What the probabilities come from.
        threshold: Least probability that counts.
        notes: What the run should say.
    """

    findings: Findings
    probability: NDArray[np.float64]
    judge: Judge
    threshold: float
    notes: list[str]


class NearCopies:
    """Finds copies among images whose bytes and pixels all differ."""

    def __init__(
        self,
        images: Images,
        rows: Ints,
        pixels: PixelReader,
        config: DedupConfig,
        *,
        memory: Memory,
        progress: Progress,
    ) -> None:
        """Look at images ``rows``, (R,) int64, in the order of their content hashes."""
        self._hashes = [images.content_hash[row] for row in rows.tolist()]
        self._marks = np.array([int(name[:16], 16) for name in self._hashes], np.uint64)
        self._pixels = pixels
        self._config = config
        self._memory = memory
        self._progress = progress
        self._extract(images.phash[rows])
        self._slots = memory.points.slots(self._hashes)
        self._features = memory.points.features.take(self._slots)
        self._verifier = Verifier(self._features, self._read)
        self._judge = BUILT_IN

    def _extract(self, phash: NDArray[np.uint64]) -> None:
        """Find the points of the images whose points are not known."""
        missing = np.nonzero(self._memory.points.slots(self._hashes) < 0)[0]
        blocks = [missing[start : start + _BATCH] for start in range(0, len(missing), _BATCH)]

        def extract_block(block: Ints) -> list[Extracted]:
            greys = [working_copy(image) for image in self._read(block.tolist())]
            return [Extracted(shape=grey.shape, points=extract(grey)) for grey in greys]

        waiting: list[Extracted] = []
        done = 0
        with task(self._progress, "finding points", len(missing)):
            for found in ordered_map(extract_block, blocks, ahead=8):
                waiting += found
                self._progress.advance(len(found))
                if len(waiting) >= _SHARD or done + len(waiting) == len(missing):
                    named = missing[done : done + len(waiting)]
                    hashes = [self._hashes[row] for row in named.tolist()]
                    self._memory.points.add(hashes, phash[named], waiting)
                    done, waiting = done + len(waiting), []

    def verified(self, extra: tuple[Ints, Ints] | None = None) -> Verified:
        """Return all candidate pairs with their probability to be copies.

        Args:
            extra: Pairs from another source (rows of R), such as near embeddings, or None.
        """
        config = self._config
        search = Search(self._memory.folder, self._memory.points, seed=config.seed)
        with task(self._progress, "looking for likely pairs", None):
            pairs = search.candidates(self._slots)
        by_points, by_hash = pairs.by_points, pairs.by_frame
        notes = [f"{len(by_points)} pairs by points, {len(by_hash)} by hash"]
        with task(self._progress, "laying pairs over each other", len(pairs)):
            parts = [self._found(by_points, told=self._progress.advance)]
            open_ = by_hash.take(without_sure(by_hash.a, by_hash.b, parts[0]))
            parts.append(self._found(open_, told=self._progress.advance))
        if extra is not None and len(extra[0]):
            parts.append(self._examined(*extra))
            notes.append(f"{len(extra[0])} pairs by embedding")
        findings = joined(parts)
        self._judge = self._calibrated(findings)
        best, probability = self._best(findings)
        threshold = config.threshold or threshold_for(probability, config.precision)
        return Verified(
            findings=best,
            probability=probability,
            judge=self._judge,
            threshold=threshold,
            notes=notes,
        )

    def _examined(self, a: Ints, b: Ints) -> Findings:
        """Return the findings on given pairs by points, upright and mirrored."""
        upright = Candidates(a=a, b=b, way=np.full(len(a), BY_POINTS))
        mirrored = Candidates(a=a, b=b, way=np.full(len(a), BY_MIRRORED_POINTS))
        both = pairs.joined([upright, mirrored])
        return self._found(both.along(np.arange(len(self._hashes))), told=None)

    def _found(self, pairs: Candidates, *, told: Callable[[int], None] | None) -> Findings:
        pair = (pairs.a, pairs.b, pairs.way)
        return self._memory.findings(self._verifier, self._slots, pair, told=told)

    def judged(self, a: Ints, b: Ints) -> tuple[Findings, NDArray[np.float64]]:
        """Return the best finding on each of the given pairs that has one, and its probability."""
        return self._best(self._examined(a, b))

    @property
    def shapes(self) -> NDArray[np.int32]:
        """Return height and width of the working copies, (R, 2) int32 px."""
        return self._features.shapes

    def _read(self, rows: Sequence[int]) -> list[Pixels]:
        return self._pixels.read([self._hashes[row] for row in rows])

    def _best(self, findings: Findings) -> tuple[Findings, NDArray[np.float64]]:
        return best_per_pair(findings, self._judge)

    def _calibrated(self, findings: Findings) -> Judge:
        """Return the judge fitted to this folder: made copies, and its own candidates.

        Which candidates are copies is not known; their own probability stands in for it, and
        fitting and guessing take turns (expectation-maximisation), held by the prior.
        """
        with task(self._progress, "practising on made copies", None):
            known = practised(
                self._memory, self._marks[:_PRACTICE], self._read, seed=self._config.seed
            )
        own = self._examples(findings)
        evidence = np.concatenate([known, own])
        judge = BUILT_IN
        for _ in range(_ROUNDS):
            guess = judge.probability(own)
            target = np.concatenate([np.ones(len(known)), guess])
            weight = np.concatenate([np.full(len(known), 0.25), np.ones(len(own))])
            judge = fitted(BUILT_IN, evidence, target, weight, spread=_PRIOR_SPREAD)
        return judge

    def _examples(self, findings: Findings) -> NDArray[np.float32]:
        """Return evidence of the folder's candidates, (E, 20).

        Of many, those are taken of the lowest sums of content hashes: a folder that grows a
        little keeps nearly the same ones.
        """
        usable, _ = best_per_pair(findings, BUILT_IN)
        lot = self._marks[usable.a] + self._marks[usable.b]  # wraps around
        drawn = np.sort(np.argsort(lot, kind="stable")[:_MAX_EXAMPLES])
        return usable.evidence[drawn]
