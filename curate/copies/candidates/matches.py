"""Matches of keypoints, and which of them agree.

Two matches agree on one map when what each says of scale, direction and place predicts the other.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curate.copies.candidates.pairs import Candidates
from curate.copies.verification.findings import BY_KEYPOINTS, BY_MIRRORED_KEYPOINTS

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, slots=True)
class AgreementParams:
    """When two matches agree.

    Copies found and pairs to verify are measured by ``tests/benchmarks/dedup_candidates.py``. Who
    changes one raises ``CACHE_VERSION``.

    Attributes:
        place_tolerance: px, and px per px away, that a match may be off the place predicted.
        turn_tolerance: Degrees that its turn may be off.
        scale_tolerance: Octaves that its scale may be off.
        least_distance: px; matches nearer to each other predict nothing.
        n_partners: Next matches of one pair that each match is compared with.
    """

    place_tolerance: tuple[float, float] = (6.0, 0.2)
    turn_tolerance: float = 30.0
    scale_tolerance: float = 0.8
    least_distance: float = 3
    n_partners: int = 12


AGREEMENT_PARAMS = AgreementParams()


@dataclass(frozen=True, kw_only=True, slots=True)
class Matches:
    """Matches of keypoints, sorted by pair of images.

    Attributes:
        a: (m,) row of the image of the query keypoint.
        b: (m,) row of the image of its neighbour.
        method: Whether the query keypoints were mirrored, as in
            `curate.copies.verification.findings`.
        start: (m, 2) float32, place of the query keypoint, mirrored if it was.
        end: (m, 2) float32, place of the neighbour.
        turn: (m,) float32, degrees from the one's direction to the other's.
        octaves: (m,) float32, log2 of the ratio of sizes.
    """

    a: NDArray[np.int64]
    b: NDArray[np.int64]
    method: int
    start: NDArray[np.float32]
    end: NDArray[np.float32]
    turn: NDArray[np.float32]
    octaves: NDArray[np.float32]

    @classmethod
    def of(
        cls,
        pairs: tuple[Ints, Ints],
        places: tuple[Floats, Floats],
        *,
        mirror: bool,
    ) -> "Matches":
        """Make the table.

        Args:
            pairs: Images of matched keypoints, (m,) each.
            places: Their places, (m, 4) each.
            mirror: Whether the first images are mirrored.
        """
        apart = pairs[0] != pairs[1]
        a, b = pairs[0][apart], pairs[1][apart]
        order = np.lexsort((b, a))
        a, b = a[order], b[order]
        from_, to = places[0][apart][order], places[1][apart][order]
        angle = 180 - from_[:, 3] if mirror else from_[:, 3]
        sign = np.float32(-1 if mirror else 1)
        return cls(
            a=a,
            b=b,
            method=BY_MIRRORED_KEYPOINTS if mirror else BY_KEYPOINTS,
            start=from_[:, :2] * np.array([sign, 1], np.float32),
            end=to[:, :2],
            turn=np.mod(to[:, 3] - angle, 360),
            octaves=np.log2(to[:, 2] / from_[:, 2]),
        )

    def find_agreeing(self) -> Candidates:
        """Return the pairs with at least two matches that predict each other, some repeatedly."""
        agrees = np.zeros(len(self.a), np.bool_)
        first = np.arange(len(self.a) - 1)
        for distance in range(1, AGREEMENT_PARAMS.n_partners + 1):
            first = first[: np.searchsorted(first, len(self.a) - distance)]
            second = first + distance
            same = (self.a[first] == self.a[second]) & (self.b[first] == self.b[second])
            first, second = first[same], second[same]
            both = self._predicts(first, second) & self._predicts(second, first)
            agrees[first[both]] = True
        a, b = self.a[agrees], self.b[agrees]
        return Candidates(a=a, b=b, method=np.full(len(a), self.method))

    def _predicts(self, i: NDArray[np.intp], j: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Whether the map that match i implies takes match j about where it lies."""
        params = AGREEMENT_PARAMS
        turn = np.deg2rad(self.turn[i])
        scale = np.exp2(self.octaves[i])
        offset = self.start[j] - self.start[i]
        cos, sin = scale * np.cos(turn), scale * np.sin(turn)
        target = self.end[j] - self.end[i]
        off_x = cos * offset[:, 0] - sin * offset[:, 1] - target[:, 0]
        off_y = sin * offset[:, 0] + cos * offset[:, 1] - target[:, 1]
        length = np.hypot(target[:, 0], target[:, 1])
        allowed = params.place_tolerance[0] + params.place_tolerance[1] * length
        swing = np.abs(np.mod(self.turn[j] - self.turn[i] + 180, 360) - 180)
        fits = (
            (np.hypot(off_x, off_y) < allowed)
            & (np.hypot(offset[:, 0], offset[:, 1]) > params.least_distance)
            & (length > params.least_distance)
            & (swing < params.turn_tolerance)
            & (np.abs(self.octaves[j] - self.octaves[i]) < params.scale_tolerance)
        )
        return np.asarray(fits, np.bool_)
