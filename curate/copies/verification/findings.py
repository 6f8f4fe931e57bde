"""Findings: the evidence on pairs of images, and how the images are aligned."""

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from curate.copies.pair_tables import take_pairs
from curate.copies.verification.detail import CLOSE_NAMES, N_DETAIL, swap_sides
from curate.copies.verification.evidence import NAMES

Ints = NDArray[np.int64]
Probabilities = NDArray[np.float64]

BY_KEYPOINTS, BY_MIRRORED_KEYPOINTS, BY_FRAME = 0, 1, 2
"""Methods to align a pair; the frame may be turned in eight ways, so there are ten."""
_AGREEMENT = NAMES.index("agreement")


class Classifier(Protocol):
    """What turns evidence into probabilities."""

    def predict(self, evidence: NDArray[np.float32]) -> Probabilities:
        """Return the probability of each row of evidence, (P, K), in [0, 1]; 0 for rows of NaN."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Findings:
    """Evidence on P pairs.

    Attributes:
        a: (P,) int64, first images.
        b: (P,) int64, second images.
        method: (P,) int64, how they were aligned, as in
            `curate.copies.verification.verifier.Verifier.verify`.
        maps: (P, 2, 3) float32, working px of ``a`` to working px of ``b``.
        inliers: (P,) int32.
        evidence: (P, 21) float32, NaN where the images cannot be aligned.
        close: (P, 46) float32, what a close look shows, in the order of ``CLOSE_NAMES``; NaN where
            there was none.
    """

    a: Ints
    b: Ints
    method: Ints
    maps: NDArray[np.float32]
    inliers: NDArray[np.int32]
    evidence: NDArray[np.float32]
    close: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.a)

    @classmethod
    def none(cls) -> "Findings":
        """Return the findings on no pair."""
        return cls.unaligned(0)

    @classmethod
    def unaligned(cls, n: int) -> "Findings":
        """Return findings on n pairs, each of an image and itself, that could not be aligned."""
        return cls(
            a=np.arange(n, dtype=np.int64),
            b=np.arange(n, dtype=np.int64),
            method=np.zeros(n, np.int64),
            maps=np.zeros((n, 2, 3), np.float32),
            inliers=np.zeros(n, np.int32),
            evidence=np.full((n, len(NAMES)), np.nan, np.float32),
            close=np.full((n, len(CLOSE_NAMES)), np.nan, np.float32),
        )

    @classmethod
    def at_first_look(
        cls,
        a: Ints,
        b: Ints,
        method: Ints,
        *,
        maps: NDArray[np.float32],
        inliers: NDArray[np.int32],
        evidence: NDArray[np.float32],
    ) -> "Findings":
        """Return findings that no close look has been at."""
        close = np.full((len(a), len(CLOSE_NAMES)), np.nan, np.float32)
        return cls(
            a=a, b=b, method=method, maps=maps, inliers=inliers, evidence=evidence, close=close
        )

    @property
    def agreement(self) -> NDArray[np.float32]:
        """Return the share of textured tiles that agree, (P,) in [0, 1]."""
        return np.nan_to_num(self.evidence[:, _AGREEMENT])

    @property
    def whole_evidence(self) -> NDArray[np.float32]:
        """Return the evidence of both looks, (P, 56); NaN where there was one look at most."""
        return np.concatenate([self.evidence, self.close[:, :N_DETAIL]], axis=1)

    def measure_close(self, name: str) -> NDArray[np.float32]:
        """Return one of the measures of the close look, (P,); 0 where there was none."""
        return np.nan_to_num(self.close[:, CLOSE_NAMES.index(name)])

    def reverse(self) -> "Findings":
        """Return all pairs with first and second image exchanged."""
        return replace(
            self,
            a=self.b,
            b=self.a,
            maps=invert_maps(self.maps).astype(self.maps.dtype),
            close=swap_sides(self.close),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Links:
    """Pairs that may be copies, each once, ordered by (a, b).

    Attributes:
        findings: Their evidence.
        probability: (P,) float64, to be a copy.
    """

    findings: Findings
    probability: Probabilities

    def __len__(self) -> int:
        return len(self.probability)


def drop_unaligned(findings: Findings) -> Findings:
    """Return the findings that have evidence."""
    return take_pairs(findings, np.asarray(np.isfinite(findings.evidence).all(axis=1)))


def select_best(findings: Findings, classifier: Classifier) -> Links:
    """Return the most probable finding on each pair, and its probability at the first look.

    Args:
        findings: Of any order; several may be on one pair.
        classifier: Gives their probabilities.
    """
    probability = classifier.predict(findings.evidence)
    order = np.lexsort((findings.method, -findings.inliers, -probability, findings.b, findings.a))
    a, b = findings.a[order], findings.b[order]
    is_first = np.ones(len(order), np.bool_)
    is_first[1:] = (a[1:] != a[:-1]) | (b[1:] != b[:-1])
    rows = order[is_first]
    return take_pairs(Links(findings=findings, probability=probability), rows)


def invert_maps(maps: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the maps from the second images to the first, (P, 2, 3) float64."""
    inverse = np.linalg.inv(maps[:, :, :2].astype(np.float64))
    shift = -np.einsum("pij,pj->pi", inverse, maps[:, :, 2].astype(np.float64))
    return np.concatenate([inverse, shift[..., None]], axis=2)


def is_mirrored(method: Ints) -> NDArray[np.bool_]:
    """Return whether a method mirrors the first image, (P,) bool."""
    orientation = method - BY_FRAME
    flips = (orientation & 1) + (orientation >> 1 & 1) + (orientation >> 2 & 1)
    is_odd = np.where(method >= BY_FRAME, flips % 2 == 1, method == BY_MIRRORED_KEYPOINTS)
    return np.asarray(is_odd, np.bool_)
