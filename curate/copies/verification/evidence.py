"""What the pixels say about two images once one is laid over the other.

The overlap is cut into tiles. A tile is evidence only if it has texture: two clear skies
correlate perfectly and prove nothing. For each textured tile the normalised correlation of the grey
values and of their fine detail is measured; a copy agrees wherever no overlay lies on it, two
garments on one floor agree on the floor and differ where it matters, in the middle.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from curate.copies.verification.color import conflicts

Floats = NDArray[np.float32]

_CELL = 8  # px; a tile is 2 x 2 cells, tiles overlap by half
_MIN_COVER = 0.6  # of a tile must lie in both images
_TEXTURED = 8.0  # grey levels, standard deviation in a tile of either image
_STILL_TEXTURED = 5.0  # the same, in both images
_FAINT = 1.2  # the same: less is mostly noise
_FINE = 1.0  # the same, of fine detail
_AGREES = 0.6  # correlation
_CONFLICTS = 0.3  # correlation
_FEW_INLIERS = 8
_HOPELESS = 0.25  # agreement; no copy of 10,000 had less, half of the rest have
_MIN_FAINT = 3  # tiles; fewer say nothing of their own

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
    "faint",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Working:
    """An image at the size at which images are compared.

    Attributes:
        grey: (h, w) uint8, from `curate.copies.verification.keypoints.working_copy`.
        colours: (h / 4, w / 4, 3) uint8, from `curate.copies.verification.color.colours_of`.
        enlarged: How much it was enlarged to get there, >= 1.
    """

    grey: NDArray[np.uint8]
    colours: NDArray[np.uint8]
    enlarged: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Overlay:
    """Two images in one frame, the coarser of the two.

    Attributes:
        below: (h, w) float32, the image whose frame it is.
        above: (h, w) float32, the other one, warped.
        valid: (h, w) float32, 1 where ``above`` has pixels.
    """

    below: Floats
    above: Floats
    valid: Floats


def overlay(a: NDArray[np.uint8], b: NDArray[np.uint8], a_to_b: Floats) -> Overlay | None:
    """Lay two images over each other, or return None if the map makes no sense.

    Args:
        a: (h, w) uint8, first image.
        b: (h, w) uint8, second image.
        a_to_b: (2, 3) float32, pixels of ``a`` to pixels of ``b``.
    """
    scale = _scale(a_to_b)
    if not 0.02 < scale < 50:
        return None
    if scale >= 1:
        below, above, into = a, b, a_to_b
    else:
        below, above, into = b, a, cv2.invertAffineTransform(a_to_b).astype(np.float32)
    ratio = max(scale, 1 / scale)
    if ratio > 1.25:
        above = cv2.GaussianBlur(above, (0, 0), 0.5 * float(np.sqrt(ratio * ratio - 1)))  # type: ignore[assignment]
    size = (below.shape[1], below.shape[0])
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    warped = cv2.warpAffine(above, into, size, flags=how)
    inside = cv2.warpAffine(np.full(above.shape, 255, np.uint8), into, size, flags=how)
    return Overlay(
        below=below.astype(np.float32),
        above=warped.astype(np.float32),
        valid=(inside == 255).astype(np.float32),
    )


def refined(a: NDArray[np.uint8], b: NDArray[np.uint8], a_to_b: Floats) -> Floats:
    """Return the map after a few steps uphill in correlation (Evangelidis and Psarakis 2008).

    The map comes back as it was where the steps lead nowhere.
    """
    scale = _scale(a_to_b)
    down = scale >= 1
    start = a_to_b if down else cv2.invertAffineTransform(a_to_b).astype(np.float32)
    below, above = (a, b) if down else (b, a)
    ratio = max(scale, 1 / scale)
    if ratio > 1.25:
        above = cv2.GaussianBlur(above, (0, 0), 0.5 * float(np.sqrt(ratio * ratio - 1)))  # type: ignore[assignment]
    stop = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 8, 1e-4)
    try:
        everywhere = np.full(above.shape, 255, np.uint8)
        _, found = cv2.findTransformECC(
            below, above, start.copy(), cv2.MOTION_AFFINE, stop, everywhere, 5
        )
    except cv2.error:  # singular or drifting apart: OpenCV has no other way to say so
        return a_to_b
    return np.asarray(found if down else cv2.invertAffineTransform(found), np.float32)


def measure(a: Working, b: Working, a_to_b: Floats, *, points: tuple[int, int]) -> Floats | None:
    """Return the evidence for one pair, (20,) float32 in the order of `NAMES`, or None.

    None says that the images cannot be laid over each other, or that next to nothing agrees.

    Args:
        a: First image.
        b: Second image.
        a_to_b: (2, 3) float32, working px.
        points: Matched points that agree with the map, and all matched points.
    """
    laid = overlay(a.grey, b.grey, a_to_b)
    if laid is None:
        return None
    # detail finer than an enlarged image's own pixels is not asked for
    tiles = _tile_means(laid, detail=max(2.0, a.enlarged, b.enlarged))
    used = tiles.cover > _MIN_COVER
    structure = _structure(tiles, used) if used.any() else []
    if not structure or structure[0] < _HOPELESS:
        return None
    scale = _scale(a_to_b)
    singular = np.linalg.svd(a_to_b[:, :2].astype(np.float64), compute_uv=False)
    inliers, matched = points
    return np.array(
        [
            *structure,
            np.log1p(inliers),
            max(0.0, np.log1p(_FEW_INLIERS) - np.log1p(inliers)),
            inliers / max(matched, 1),
            _tone(tiles, used),
            _overlap(laid, a.grey, b.grey, scale),
            np.log(singular[0] / max(singular[1], 1e-6)),
            abs(np.log(scale)),
            _one_sided(tiles, used),
            *conflicts(a.colours, b.colours, a_to_b),
            _faint(tiles, used),
        ],
        np.float32,
    )


def _structure(tiles: "_Tiles", used: NDArray[np.bool_]) -> list[float]:
    """Return how well the textured tiles agree, in the large and in fine detail."""
    textured, both, alike, conflict = _kinds(tiles, used)
    detailed = tiles.fine_sd > _FINE
    n_textured = max(int(textured.sum()), 1)
    agreement = float(alike.sum() / n_textured)
    return [
        agreement,
        agreement**2,
        float(conflict.sum() / n_textured),
        _largest(conflict) / max(int(used.sum()), 1),
        _central_share(conflict, both, used),
        _median(tiles.fine_r[alike & detailed]),
        _mean(tiles.fine_r[both & detailed]),
        _mean(np.clip(tiles.r[textured], -0.2, 1)),
        float(np.log1p(alike.sum())),
    ]


def _one_sided(tiles: "_Tiles", used: NDArray[np.bool_]) -> float:
    """Return the share of textured tiles that have texture in one of the images only."""
    textured, both, _, _ = _kinds(tiles, used)
    return float((textured & ~both).sum() / max(int(textured.sum()), 1))


def _faint(tiles: "_Tiles", used: NDArray[np.bool_]) -> float:
    """Return the mean correlation of tiles too smooth to count as textured.

    The folds of a plain shirt are hardly to be seen, yet two shirts do not share them.
    """
    low, high = np.minimum(tiles.sd_a, tiles.sd_b), np.maximum(tiles.sd_a, tiles.sd_b)
    faint = used & (high <= _TEXTURED) & (low > _FAINT)
    if int(faint.sum()) < _MIN_FAINT:
        faint = used & (low > _FAINT)
    return _mean(np.clip(tiles.r[faint], -0.2, 1))


def _kinds(
    tiles: "_Tiles", used: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which tiles are textured, are so in both images, agree, and conflict."""
    low, high = np.minimum(tiles.sd_a, tiles.sd_b), np.maximum(tiles.sd_a, tiles.sd_b)
    textured = used & (high > _TEXTURED)
    both = used & (low > _STILL_TEXTURED)
    alike = textured & (tiles.r > _AGREES) & (low > 2)
    return textured, both, alike, both & (tiles.r < _CONFLICTS)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Tiles:
    """Statistics per tile, (rows, columns) float32 each."""

    cover: Floats
    mean_a: Floats
    mean_b: Floats
    sd_a: Floats
    sd_b: Floats
    r: Floats
    fine_sd: Floats
    fine_r: Floats


def _tile_means(laid: Overlay, *, detail: float) -> _Tiles:
    x, y, valid = laid.below, laid.above, laid.valid
    fine_x = x - cv2.GaussianBlur(x, (0, 0), detail)
    fine_y = y - cv2.GaussianBlur(y, (0, 0), detail)
    cover = _tiled(valid)
    mass = np.maximum(cover, 1e-3)
    mean_a, mean_b, sd_a, sd_b, r = _moments(x, y, valid, mass)
    _, _, fine_a, fine_b, fine_r = _moments(fine_x, fine_y, valid, mass)
    return _Tiles(
        cover=cover,
        mean_a=mean_a,
        mean_b=mean_b,
        sd_a=sd_a,
        sd_b=sd_b,
        r=r,
        fine_sd=np.minimum(fine_a, fine_b),
        fine_r=fine_r,
    )


def _moments(
    x: Floats, y: Floats, valid: Floats, mass: Floats
) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """Return tile means, standard deviations and correlation of two images."""
    vx, vy = x * valid, y * valid
    mean_x, mean_y = _tiled(vx) / mass, _tiled(vy) / mass
    var_x = np.maximum(_tiled(vx * x) / mass - mean_x**2, 0)
    var_y = np.maximum(_tiled(vy * y) / mass - mean_y**2, 0)
    shared = _tiled(vx * y) / mass - mean_x * mean_y
    sd_x, sd_y = np.sqrt(var_x), np.sqrt(var_y)
    return mean_x, mean_y, sd_x, sd_y, shared / np.maximum(sd_x * sd_y, 1e-3)


def _tiled(image: Floats) -> Floats:
    """Return the mean of each tile of 16 x 16 px, every 8 px; the last odd px are left out."""
    rows, columns = max(2, image.shape[0] // _CELL), max(2, image.shape[1] // _CELL)
    whole = image[: rows * _CELL, : columns * _CELL]
    cells = cv2.resize(whole, (columns, rows), interpolation=cv2.INTER_AREA)
    return np.asarray(
        (cells[1:, 1:] + cells[:-1, 1:] + cells[1:, :-1] + cells[:-1, :-1]) / 4, np.float32
    )


def _scale(a_to_b: Floats) -> float:
    return float(np.sqrt(abs(np.linalg.det(a_to_b[:, :2].astype(np.float64)))))


def _largest(mask: NDArray[np.bool_]) -> int:
    """Return the tiles in the largest connected patch of a mask."""
    if not mask.any():
        return 0
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    return int(stats[1:, cv2.CC_STAT_AREA].max())


def _central_share(
    conflict: NDArray[np.bool_], both: NDArray[np.bool_], used: NDArray[np.bool_]
) -> float:
    """Return which share of the textured tiles in the middle of the overlap conflict."""
    rows, columns = np.nonzero(used.any(axis=1))[0], np.nonzero(used.any(axis=0))[0]
    top, height = int(rows[0]), int(rows[-1] - rows[0] + 1)
    left, width = int(columns[0]), int(columns[-1] - columns[0] + 1)
    middle = (
        slice(top + height // 4, top + height - height // 4),
        slice(left + width // 4, left + width - width // 4),
    )
    return float(conflict[middle].sum() / max(int(both[middle].sum()), 1))


def _tone(tiles: _Tiles, used: NDArray[np.bool_]) -> float:
    """Return the correlation of the tiles' mean grey values, 0 where they hardly vary."""
    x, y = tiles.mean_a[used], tiles.mean_b[used]
    x, y = x - x.mean(), y - y.mean()
    spread = float(np.sqrt((x @ x) * (y @ y)))
    return float(x @ y) / spread if spread > len(x) else 0.0


def _overlap(laid: Overlay, a: NDArray[np.uint8], b: NDArray[np.uint8], scale: float) -> float:
    """Return the share of the smaller image that lies on the other one, at most 1."""
    smaller = min(a.size * scale**2, b.size)
    in_b = float(laid.valid.sum()) * (scale**2 if scale >= 1 else 1.0)
    return min(1.0, in_b / smaller)


def _mean(values: Floats) -> float:
    return float(values.mean()) if values.size else 0.0


def _median(values: Floats) -> float:
    return float(np.median(values)) if values.size else 0.0
