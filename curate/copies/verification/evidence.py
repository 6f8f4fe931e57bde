"""Evidence: what the pixels say about two aligned images, as 21 numbers.

The overlap is cut into tiles. A tile is evidence only if it has texture: two clear skies
correlate perfectly and prove nothing. For each textured tile the normalised correlation of the grey
values and of their fine detail is measured; a copy agrees wherever nothing was put over it, two
garments on one floor agree on the floor and differ where it matters, in the middle.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from curate.copies.verification.color import measure_conflicts
from curate.copies.verification.overlay import Overlay, measure_scale, overlay_images
from curate.copies.verification.tiles import (
    TILE_PARAMS,
    TileKinds,
    Tiles,
    classify_tiles,
    measure_tiles,
)

Floats = NDArray[np.float32]

NAMES = (
    "agreement",
    "agreement_squared",
    "conflict",
    "largest_conflict",
    "central_conflict",
    "fine_where_alike",
    "fine",
    "correlation",
    "log_agreeing_tiles",
    "log_inliers",
    "few_inliers",
    "inlier_share",
    "tone",
    "overlap",
    "shear",
    "log_scale",
    "one_sided",
    "shade_conflict",
    "chroma_deficit",
    "turned_hue",
    "faint",
)
"""The kinds of evidence, in the order in which they are measured."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EvidenceParams:
    """What counts as evidence.

    Quality is measured by ``tests/benchmarks/dedup_quality.py``; the classifier's weights belong to
    these values. Who changes one raises ``CACHE_VERSION``.

    Attributes:
        least_agreement: Share of textured tiles that agree, below which a pair is given up: no copy
            of 10,000 had less, half of the other pairs have.
        few_inliers: Below so many, inliers are also evidence against a copy.
        least_detail: px, standard deviation of the blur that takes away fine detail.
        faint: Grey levels, standard deviation of a tile; less is mostly noise.
        n_faint: Tiles; fewer faint ones say nothing of their own.
        least_correlation: Of a tile; lower ones count as this.
    """

    least_agreement: float = 0.25
    few_inliers: int = 8
    least_detail: float = 2.0
    faint: float = 1.2
    n_faint: int = 3
    least_correlation: float = -0.2


EVIDENCE_PARAMS = EvidenceParams()


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkingCopy:
    """An image at the size at which images are compared.

    Attributes:
        grey: (h, w) uint8, from `curate.copies.verification.keypoints.make_working_copy`.
        colours: (h / 4, w / 4, 3) uint8, from `curate.copies.verification.color.shrink_colours`.
        enlarged: How much it was enlarged to get there, >= 1.
    """

    grey: NDArray[np.uint8]
    colours: NDArray[np.uint8]
    enlarged: float


def measure_evidence(
    a: WorkingCopy, b: WorkingCopy, a_to_b: Floats, *, inliers: int, matches: int
) -> Floats | None:
    """Return the evidence for one pair, (21,) float32 in the order of `NAMES`, or None.

    None says that the images cannot be aligned, or that next to nothing agrees.

    Args:
        a: First image.
        b: Second image.
        a_to_b: (2, 3) float32, working px.
        inliers: Matched keypoints that agree with the map.
        matches: All matched keypoints.
    """
    params = EVIDENCE_PARAMS
    overlay = overlay_images(a.grey, b.grey, a_to_b)
    if overlay is None:
        return None
    # detail finer than an enlarged image's own pixels does not count
    tiles = measure_tiles(overlay, detail=max(params.least_detail, a.enlarged, b.enlarged))
    kinds = classify_tiles(tiles)
    structure = _measure_structure(tiles, kinds) if kinds.used.any() else []
    if not structure or structure[0] < params.least_agreement:
        return None
    scale = measure_scale(a_to_b)
    singular = np.linalg.svd(a_to_b[:, :2].astype(np.float64), compute_uv=False)
    return np.array(
        [
            *structure,
            np.log1p(inliers),
            max(0.0, np.log1p(params.few_inliers) - np.log1p(inliers)),
            inliers / max(matches, 1),
            _measure_tone(tiles, kinds.used),
            _measure_overlap(overlay, a.grey, b.grey, scale),
            np.log(singular[0] / max(singular[1], 1e-6)),
            abs(np.log(scale)),
            _measure_one_sided(kinds),
            *measure_conflicts(a.colours, b.colours, a_to_b),
            _measure_faint(tiles, kinds.used),
        ],
        np.float32,
    )


def _measure_structure(tiles: Tiles, kinds: TileKinds) -> list[float]:
    """Return how well the textured tiles agree, in the large and in fine detail."""
    n_textured = max(int(kinds.textured.sum()), 1)
    agreement = float(kinds.agreeing.sum() / n_textured)
    fine, least = tiles.fine_correlation, EVIDENCE_PARAMS.least_correlation
    return [
        agreement,
        agreement**2,
        float(kinds.conflicting.sum() / n_textured),
        _count_largest_patch(kinds.conflicting) / max(int(kinds.used.sum()), 1),
        _measure_central_conflict(kinds),
        _median(fine[kinds.agreeing & kinds.detailed]),
        _mean(fine[kinds.textured_in_both & kinds.detailed]),
        _mean(np.clip(tiles.correlation[kinds.textured], least, 1)),
        float(np.log1p(kinds.agreeing.sum())),
    ]


def _measure_one_sided(kinds: TileKinds) -> float:
    """Return the share of textured tiles that have texture in one of the images only."""
    one_sided = kinds.textured & ~kinds.textured_in_both
    return float(one_sided.sum() / max(int(kinds.textured.sum()), 1))


def _measure_faint(tiles: Tiles, used: NDArray[np.bool_]) -> float:
    """Return the mean correlation of tiles too smooth to count as textured.

    The folds of a plain shirt are hardly to be seen, yet two shirts do not share them.
    """
    params = EVIDENCE_PARAMS
    low, high = np.minimum(tiles.sd_a, tiles.sd_b), np.maximum(tiles.sd_a, tiles.sd_b)
    faint = used & (high <= TILE_PARAMS.textured) & (low > params.faint)
    if int(faint.sum()) < params.n_faint:
        faint = used & (low > params.faint)
    return _mean(np.clip(tiles.correlation[faint], params.least_correlation, 1))


def _count_largest_patch(mask: NDArray[np.bool_]) -> int:
    """Return the tiles in the largest connected patch of a mask."""
    if not mask.any():
        return 0
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    return int(stats[1:, cv2.CC_STAT_AREA].max())


def _measure_central_conflict(kinds: TileKinds) -> float:
    """Return which share of the textured tiles in the middle of the overlap conflict."""
    rows, columns = np.nonzero(kinds.used.any(axis=1))[0], np.nonzero(kinds.used.any(axis=0))[0]
    top, height = int(rows[0]), int(rows[-1] - rows[0] + 1)
    left, width = int(columns[0]), int(columns[-1] - columns[0] + 1)
    middle = (
        slice(top + height // 4, top + height - height // 4),
        slice(left + width // 4, left + width - width // 4),
    )
    n_textured = max(int(kinds.textured_in_both[middle].sum()), 1)
    return float(kinds.conflicting[middle].sum() / n_textured)


def _measure_tone(tiles: Tiles, used: NDArray[np.bool_]) -> float:
    """Return the correlation of the tiles' mean grey values, 0 where they hardly vary."""
    x, y = tiles.mean_a[used], tiles.mean_b[used]
    x, y = x - x.mean(), y - y.mean()
    spread = float(np.sqrt((x @ x) * (y @ y)))
    return float(x @ y) / spread if spread > len(x) else 0.0


def _measure_overlap(
    overlay: Overlay, a: NDArray[np.uint8], b: NDArray[np.uint8], scale: float
) -> float:
    """Return the share of the smaller image that lies on the other one, at most 1."""
    smaller = min(a.size * scale**2, b.size)
    in_b = float(overlay.valid.sum()) * (scale**2 if scale >= 1 else 1.0)
    return min(1.0, in_b / smaller)


def _mean(values: Floats) -> float:
    return float(values.mean()) if values.size else 0.0


def _median(values: Floats) -> float:
    return float(np.median(values)) if values.size else 0.0
