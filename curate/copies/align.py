"""Align: how one image lies over another, for people who look at a pair."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curate.copies.probability.classifier import FIRST_LOOK
from curate.copies.records import Pixels
from curate.copies.verification.findings import (
    BY_FRAME,
    BY_KEYPOINTS,
    BY_MIRRORED_KEYPOINTS,
    drop_unaligned,
    select_best,
)
from curate.copies.verification.keypoints import Keypoints, make_working_copy
from curate.copies.verification.verifier import Verifier

_METHODS = (BY_KEYPOINTS, BY_MIRRORED_KEYPOINTS, *range(BY_FRAME, BY_FRAME + 8))


@dataclass(frozen=True, kw_only=True, slots=True)
class Lay:
    """How the first image of a pair lies on the second.

    Attributes:
        matrix: Shares of the first's width and height to shares of the second's:
            ``x' = m[0] x + m[1] y + m[2]``, ``y' = m[3] x + m[4] y + m[5]``.
        inliers: Keypoints that agree on it.
        agreement: Share of textured tiles that agree, in [0, 1].
        mirrored: Whether the first must be mirrored.
    """

    matrix: tuple[float, float, float, float, float, float]
    inliers: int
    agreement: float
    mirrored: bool


def align_images(pixels: Sequence[Pixels], pairs: Sequence[tuple[int, int]]) -> list[Lay | None]:
    """Return how the first image of each pair lies on the second; None where nothing agrees.

    Args:
        pixels: (h, w, 3) uint8 each, from the pixel cache.
        pairs: Rows of ``pixels``, first and second.
    """
    if not pairs:
        return []
    greys = [make_working_copy(image) for image in pixels]
    keypoints = Keypoints.of(greys)
    verifier = Verifier(keypoints, lambda rows: [pixels[row] for row in rows], FIRST_LOOK)
    first, second = np.array(pairs, np.int64).T
    method = np.repeat(np.array(_METHODS, np.int64), len(pairs))
    n_methods = len(_METHODS)
    findings = verifier.verify(np.tile(first, n_methods), np.tile(second, n_methods), method)
    best = select_best(drop_unaligned(findings), FIRST_LOOK).findings
    row_of = {
        pair: row for row, pair in enumerate(zip(best.a.tolist(), best.b.tolist(), strict=True))
    }
    lays: list[Lay | None] = []
    for pair in pairs:
        row = row_of.get(pair)
        lays.append(
            None
            if row is None
            else Lay(
                matrix=_as_shares(best.maps[row], greys[pair[0]].shape, greys[pair[1]].shape),
                inliers=int(best.inliers[row]),
                agreement=float(best.agreement[row]),
                mirrored=bool(np.linalg.det(best.maps[row][:, :2]) < 0),
            )
        )
    return lays


def _as_shares(
    working: NDArray[np.float32], shape_a: tuple[int, ...], shape_b: tuple[int, ...]
) -> tuple[float, float, float, float, float, float]:
    """Return a map between working px, whose places are their middles, as one between shares."""
    size_a, size_b = np.array(shape_a[1::-1], float), np.array(shape_b[1::-1], float)
    linear = working[:, :2].astype(np.float64)
    shift = working[:, 2] + 0.5 - linear @ np.array([0.5, 0.5])
    scaled = linear * size_a[None, :] / size_b[:, None]
    moved = shift / size_b
    m = [float(value) for value in (*scaled[0], moved[0], *scaled[1], moved[1])]
    return (m[0], m[1], m[2], m[3], m[4], m[5])
