"""Near copies among a collection: its keypoints, candidates, their evidence and probability."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curate.amounts import count_of
from curate.copies.cache.arrays import read_fingerprints
from curate.copies.cache.close_store import CloseStore
from curate.copies.cache.evidence_store import EvidenceStore
from curate.copies.cache.keypoint_store import KeypointStore
from curate.copies.candidates.clumps import CLUMP_PARAMS, Clumps
from curate.copies.candidates.incremental import CandidateSearch
from curate.copies.candidates.pairs import Candidates, order_pairs
from curate.copies.pair_tables import concat_pairs, take_pairs
from curate.copies.probability.calibrate import (
    calibrate,
    count_copied,
    guess_copies,
    select_candidates,
    select_refused,
)
from curate.copies.probability.classifier import (
    CLOSE_LOOK,
    FIRST_LOOK,
    THRESHOLD_PARAMS,
    CopyClassifier,
    find_threshold,
)
from curate.copies.probability.context import (
    FolderContext,
    are_crushed,
    judge_in_context,
    measure_context,
)
from curate.copies.probability.synthetic_pairs import PairSources, load_made_findings
from curate.copies.records import Pixels
from curate.copies.relations import are_recoloured
from curate.copies.rungs.base import Known
from curate.copies.rungs.missing_keypoints import MissingKeypoints
from curate.copies.sharded.pairs import PairsOn
from curate.copies.sharded.votes import VoteOn
from curate.copies.verification.close_look import CLOSE_LOOK_PARAMS, CloseLook, choose_pairs
from curate.copies.verification.findings import Findings, Links, select_best
from curate.copies.verification.frames import drop_other_frames
from curate.copies.verification.partners import PARTNER_PARAMS
from curate.copies.verification.verifier import Verifier
from curate.progress import task

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Advance = Callable[[int], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Verified:
    """What is known of the candidates among R images.

    Attributes:
        links: Each pair with its probability.
        classifier: What the probabilities come from.
        context: What the folder says of its images.
        threshold: Least probability that counts.
        notes: What the run should say.
    """

    links: Links
    classifier: CopyClassifier
    context: FolderContext
    threshold: float
    notes: list[str]


class NearSearch:
    """Finds and verifies candidates among images whose bytes and pixels all differ."""

    def __init__(self, known: Known, rows: Ints) -> None:
        """Extract the keypoints of images.

        Args:
            known: What is known of all images.
            rows: (R,) int64, those to compare, in the order of their content hashes.

        Raises:
            ImagesRefused: No worker survives some of them.
        """
        self._hashes = known.images.content_hash.take(rows)
        self._rows, self._frames = rows, known.images.frames[rows]
        self._rank = known.rank[rows]
        self._fingerprints = read_fingerprints(self._hashes)
        self._pixels, self._config, self._cache = known.pixels, known.config, known.cache
        self._progress, self._judged, self._helpers = known.progress, known.judged, known.helpers
        self._store = KeypointStore(self._cache)
        self._evidence = EvidenceStore(self._cache)
        self._close = CloseStore(self._cache)
        missing = MissingKeypoints(self._store, known.pixels, known.helpers, known.progress)
        missing.extract(self._hashes, known.images.phash[rows])
        self._slots = self._store.find_slots(self._hashes)
        self._keypoints = self._store.keypoints.take(self._slots)
        self._verifier = Verifier(
            self._keypoints,
            self._read,
            FIRST_LOOK,
        )
        self._close_look = CloseLook(
            self._keypoints.shapes,
            self._read,
            read_file=lambda row: known.pixels.read_exact([int(rows[row])])[0],
        )
        self._pairs_on = (
            PairsOn(self._helpers, self._cache, self._slots, rows) if self._helpers else None
        )
        self._classifier = CLOSE_LOOK
        self._context: FolderContext | None = None

    @property
    def shapes(self) -> NDArray[np.int32]:
        """Return height and width of the working copies, (R, 2) int32 px."""
        return self._keypoints.shapes

    def verify_candidates(self, extra: tuple[Ints, Ints] | None = None) -> Verified:
        """Return all candidates with their probability to be copies.

        Args:
            extra: Pairs from another source (rows of R), such as near embeddings, or None.
        """
        config, progress = self._config, self._progress
        vote_on = VoteOn(self._helpers, self._cache) if self._helpers is not None else None
        search = CandidateSearch(self._cache, self._store, seed=config.seed, vote_elsewhere=vote_on)
        with task(progress, "finding candidate pairs", None):
            candidates = search.find_candidates(self._slots)
        with task(progress, "settling what is plainly the same", None):
            candidates = self._leave_out_settled(candidates)
        by_keypoints, by_hash = candidates.by_keypoints, candidates.by_frame
        notes = [f"{count_of(len(by_keypoints), 'pair')} by keypoints, {len(by_hash)} by hash"]
        with task(progress, "verifying pairs", len(candidates)):
            parts = [self._verify(by_keypoints, on_progress=progress.advance)]
            unsure = self._verifier.select_unsure(by_hash.a, by_hash.b, parts[0])
            progress.advance(len(unsure) - int(unsure.sum()))  # these are settled
            parts.append(self._verify(take_pairs(by_hash, unsure), on_progress=progress.advance))
        if extra is not None and len(extra[0]):
            parts.append(self._verify_by_keypoints(*extra))
            notes.append(f"{count_of(len(extra[0]), 'pair')} by embedding")
        best = select_best(concat_pairs(parts), FIRST_LOOK)
        n = len(self._hashes)
        chosen = choose_pairs(best.findings, best.probability, n)
        with task(progress, "looking closely", int(chosen.sum())):
            findings = self._look(best, chosen, on_progress=progress.advance)
        self._context = context = measure_context(findings, best.probability, n)
        evidence = judge_in_context(findings, context)
        self._classifier = self._calibrate(findings, evidence)
        links = self._drop_other_frames(self._judge(findings, evidence))
        notes.append(f"{count_of(int(chosen.sum()), 'pair')} looked at closely")
        threshold = config.threshold or find_threshold(links.probability, config.precision)
        return Verified(
            links=links,
            classifier=self._classifier,
            context=context,
            threshold=threshold,
            notes=notes,
        )

    def verify_pairs(self, a: Ints, b: Ints) -> Links:
        """Return those of given pairs that have evidence, with their probability.

        Args:
            a: (P,) int64, first images.
            b: (P,) int64, second images.
        """
        best = select_best(self._verify_by_keypoints(a, b), FIRST_LOOK)
        chosen = best.probability >= CLOSE_LOOK_PARAMS.least
        findings = self._look(best, chosen)
        evidence = judge_in_context(findings, self._context)
        return self._drop_other_frames(self._judge(findings, evidence))

    def _leave_out_settled(self, candidates: Candidates) -> Candidates:
        """Return the candidates less those between images that are settled to be plain copies."""
        clumps = Clumps(candidates, self._rank)
        while len(rows := clumps.choose()):
            tried = take_pairs(candidates, rows)
            first = select_best(self._verify(tried, on_progress=_ignore), FIRST_LOOK)
            sure = first.probability >= PARTNER_PARAMS.sure
            findings = self._look(first, sure, on_progress=_ignore)
            is_plain = sure & are_plain_copies(findings)
            n = len(self._hashes)
            keys = findings.a[is_plain] * n + findings.b[is_plain]
            clumps.settle(rows, np.isin(tried.a * n + tried.b, keys))
        return take_pairs(candidates, clumps.find_needed())

    def _drop_other_frames(self, links: Links) -> Links:
        return drop_other_frames(
            links, self._frames, self._hash_frames, least=THRESHOLD_PARAMS.least
        )

    def _hash_frames(self, row: int) -> Sequence[int]:
        return self._pixels.hash_frames(int(self._rows[row]))

    def _verify_by_keypoints(self, a: Ints, b: Ints) -> Findings:
        """Return the findings on given pairs by keypoints, upright and mirrored."""
        pairs = Candidates.by_either_keypoints(a, b)
        return self._verify(order_pairs(pairs, np.arange(len(self._hashes))))

    def _verify(self, pairs: Candidates, *, on_progress: Advance | None = None) -> Findings:
        """Return the findings on pairs; few pairs, which nobody hears of, are verified here."""

        def verify(some: tuple[Ints, Ints, Ints]) -> Findings:
            if self._pairs_on is not None and on_progress is not None:
                return self._pairs_on.verify(self._verifier, some, on_progress)
            return self._verifier.verify(*some, on_progress=on_progress)

        known = (pairs.a, pairs.b, pairs.method)
        return self._evidence.verify(verify, self._slots, known, on_progress=on_progress)

    def _calibrate(self, findings: Findings, evidence: NDArray[np.float32]) -> CopyClassifier:
        """Return the classifier fitted to these images."""
        share, guess = guess_copies(findings, evidence)
        refused = take_pairs(findings, select_refused(findings, guess, self._fingerprints))
        copied = np.arange(count_copied(findings, len(self._hashes)))
        sources = PairSources.of(copied, refused.a, refused.b)
        with task(self._progress, "calibrating on made pairs", None):
            made = load_made_findings(
                self._cache, sources, self._fingerprints, self._read, seed=self._config.seed
            )
        seen = judge_in_context(made, self._context)
        is_known = np.isfinite(seen).all(axis=1)
        return calibrate(
            (seen[is_known], (made.a == made.b)[is_known]),
            select_candidates(findings, evidence, self._fingerprints),
            self._find_judged(findings, evidence),
            share=share,
        )

    def _find_judged(
        self, findings: Findings, evidence: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], Floats] | None:
        """Return the evidence on pairs that a person judged, and 1 for copies; None without any.

        Pairs that the first look was enough to refuse have no evidence that the fit could use.
        """
        if not self._judged:
            return None
        known = np.flatnonzero(np.isfinite(evidence).all(axis=1))
        said = [
            self._judged.tell(self._hashes[a], self._hashes[b])
            for a, b in zip(findings.a[known].tolist(), findings.b[known].tolist(), strict=True)
        ]
        is_judged = np.array([one is not None for one in said], np.bool_)
        target = np.array([one for one in said if one is not None], np.float64)
        return evidence[known[is_judged]], target

    def _judge(self, findings: Findings, evidence: NDArray[np.float32]) -> Links:
        """Return pairs with their probability to be copies."""
        return Links(findings=findings, probability=self._classifier.predict(evidence))

    def _look(
        self, links: Links, chosen: NDArray[np.bool_], *, on_progress: Advance | None = None
    ) -> Findings:
        """Return the findings on pairs with what a close look shows of the chosen ones."""

        def look(findings: Findings) -> NDArray[np.float32]:
            if self._pairs_on is not None and on_progress is not None:
                return self._pairs_on.look(self._close_look, findings, on_progress)
            return self._close_look.look(findings, on_progress=on_progress)

        return self._close.look(look, self._slots, links.findings, chosen, on_progress=on_progress)

    def _read(self, rows: Sequence[int]) -> list[Pixels]:
        return self._pixels.read([self._hashes[row] for row in rows])


def are_plain_copies(findings: Findings) -> NDArray[np.bool_]:
    """Return which pairs show the same everywhere, whatever else the folder holds, (P,) bool."""
    probability = CLOSE_LOOK.predict(judge_in_context(findings, None))
    conflict = findings.measure_close("conflict_area").astype(np.float64) ** 2
    is_same = (conflict <= CLUMP_PARAMS.most_conflict) | are_crushed(findings)
    return np.asarray((probability >= CLUMP_PARAMS.sure) & is_same & ~are_recoloured(findings))


def _ignore(steps: int) -> None:
    """Hear of progress that nobody watches."""
