"""The rung ``near``: candidates, evidence, probability."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curate.copies.calibrate import BUILT_IN, Judge, fitted, threshold_for
from curate.copies.candidates import from_hashes, from_points
from curate.copies.config import DedupConfig
from curate.copies.features import Features, working_copy
from curate.copies.practice import findings_on_made_copies
from curate.copies.tables import Images, PixelReader, Pixels
from curate.copies.verify import Findings, Verifier, joined
from curate.records import Progress, task
from curate.threads import ordered_map

Ints = NDArray[np.int64]

_BATCH = 32  # images read at a time
_PRACTICE = 96  # images of which copies are made
_PRIOR_SPREAD = 0.4  # how far a folder may pull each weight
_MAX_EXAMPLES = 4000  # candidates of the folder that take part in the fit
_ROUNDS = 3  # of guessing which candidates are copies, then fitting


@dataclass(frozen=True, kw_only=True, slots=True)
class Verified:
    """What is known of the candidate pairs among R images.

    Attributes:
        findings: Best finding per pair, ordered by (a, b), a < b; rows of R.
        probability: (P,) float64, to be a copy.
        threshold: Least probability that counts.
        notes: What the run should say.
    """

    findings: Findings
    probability: NDArray[np.float64]
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
        progress: Progress,
    ) -> None:
        """Extract the features of images ``rows``, (R,) int64, rising."""
        self._hashes = [images.content_hash[row] for row in rows.tolist()]
        self._phash = images.phash[rows]
        self._pixels = pixels
        self._config = config
        self._progress = progress
        self._features = Features.empty(len(rows), max_bytes=config.memory_bytes)
        blocks = [
            range(start, min(start + _BATCH, len(rows))) for start in range(0, len(rows), _BATCH)
        ]

        def extract(block: range) -> int:
            for row, image in zip(block, self._read(block), strict=True):
                self._features.fill(row, working_copy(image))
            return len(block)

        with task(progress, "finding points", len(rows)):
            for done in ordered_map(extract, blocks, ahead=8):
                progress.advance(done)
        self._verifier = Verifier(self._features, self._read)
        self._judge = BUILT_IN

    def verified(self, extra: tuple[Ints, Ints] | None = None) -> Verified:
        """Return all candidate pairs with their probability to be copies.

        Args:
            extra: Pairs from another source (rows of R), such as near embeddings, or None.
        """
        config, progress = self._config, self._progress
        points = from_points(self._features, seed=config.seed)
        hashes, orientation = from_hashes(self._phash)
        notes = [f"{len(points.a)} pairs by points, {len(hashes.a)} by hash"]
        with task(progress, "laying pairs over each other", len(points.a)):
            found = self._verifier.by_points(
                points.a, points.b, points.mirror, told=progress.advance
            )
        parts = [found, self._verifier.by_frame(hashes.a, hashes.b, orientation)]
        if extra is not None and len(extra[0]):
            parts.append(self.examined(*extra))
            notes.append(f"{len(extra[0])} pairs by embedding")
        findings = joined(parts)
        self._judge = self._calibrated(findings)
        best, probability = self._best(findings)
        threshold = config.threshold or threshold_for(probability, config.precision)
        return Verified(findings=best, probability=probability, threshold=threshold, notes=notes)

    def examined(self, a: Ints, b: Ints) -> Findings:
        """Return the findings on given pairs, upright and mirrored."""
        low, high = np.minimum(a, b), np.maximum(a, b)
        pair = np.unique(low * len(self._hashes) + high)
        low, high = pair // len(self._hashes), pair % len(self._hashes)
        both = np.repeat([False, True], len(pair))
        return self._verifier.by_points(np.tile(low, 2), np.tile(high, 2), both)

    def judged(self, a: Ints, b: Ints) -> tuple[Findings, NDArray[np.float64]]:
        """Return the best finding on each of the given pairs that has one, and its probability."""
        return self._best(self.examined(a, b))

    @property
    def shapes(self) -> NDArray[np.int32]:
        """Return height and width of the working copies, (R, 2) int32 px."""
        return self._features.shapes

    def _read(self, rows: Sequence[int]) -> list[Pixels]:
        return self._pixels.read([self._hashes[row] for row in rows])

    def _best(self, findings: Findings) -> tuple[Findings, NDArray[np.float64]]:
        """Return the most probable finding on each pair, ordered by pair."""
        probability = self._judge.probability(findings.evidence)
        key = findings.a * len(self._hashes) + findings.b
        order = np.lexsort((findings.mirror, -findings.inliers, -probability, key))
        fresh = np.ones(len(order), np.bool_)
        fresh[1:] = key[order[1:]] != key[order[:-1]]
        rows = order[fresh]
        return findings.take(rows), probability[rows]

    def _calibrated(self, findings: Findings) -> Judge:
        """Return the judge fitted to this folder: made copies, and its own candidates.

        Which candidates are copies is not known; their own probability stands in for it, and
        fitting and guessing take turns (expectation-maximisation), held by the prior.
        """
        rng = np.random.default_rng(self._config.seed)
        n = len(self._hashes)
        chosen = np.sort(rng.choice(n, min(n, _PRACTICE), replace=False)).tolist()
        with task(self._progress, "practising on made copies", None):
            made = findings_on_made_copies(self._read(chosen), seed=self._config.seed)
        own, own_weight = self._examples(findings)
        known, _ = _strongest_per_pair(made)
        evidence = np.concatenate([known, own])
        judge = BUILT_IN
        for _ in range(_ROUNDS):
            guess = judge.probability(own)
            target = np.concatenate([np.ones(len(known)), guess])
            weight = np.concatenate([np.full(len(known), 0.25), own_weight])
            judge = fitted(BUILT_IN, evidence, target, weight, spread=_PRIOR_SPREAD)
        return judge

    def _examples(self, findings: Findings) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        """Return evidence of the folder's candidates, thinned evenly, and their weights."""
        usable = findings.measured()
        evidence, _ = _strongest_per_pair(usable)
        step = max(1, -(-len(evidence) // _MAX_EXAMPLES))
        thinned = evidence[::step]
        return thinned, np.ones(len(thinned))


def _strongest_per_pair(
    findings: Findings,
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Return one row of evidence per pair: the one the built-in judge believes most."""
    usable = findings.measured()
    probability = BUILT_IN.probability(usable.evidence)
    order = np.lexsort((-probability, usable.b, usable.a))
    fresh = np.ones(len(order), np.bool_)
    fresh[1:] = (usable.a[order[1:]] != usable.a[order[:-1]]) | (
        usable.b[order[1:]] != usable.b[order[:-1]]
    )
    rows = order[fresh]
    return usable.evidence[rows], probability[rows]
