"""Fine print: two images compared at the size of their files, where what they show is small.

A receipt on a sheet of paper, a caption on an empty page: at 256 px its words are dust. Such a pair
is looked at once more, around what it shows only.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from curate.copies.verification.detail import CLOSE_NAMES, look_closely
from curate.copies.verification.laying import Laid, lay_over

Floats = NDArray[np.float32]
Greys = NDArray[np.uint8]

_FINE, _MIDDLE, _SIDE = (
    CLOSE_NAMES.index(name) for name in ("fine_log_tiles", "middle_log_tiles", "log_side")
)
_TILE = 64  # px of the overlap to a tile


@dataclass(frozen=True, kw_only=True, slots=True)
class FinePrintParams:
    """When files are looked at, and how finely.

    Measured on scanned receipts by ``tests/benchmarks/base_rates.py``. Who changes one raises
    ``CACHE_VERSION``.

    Attributes:
        sparse: Share of the overlap's tiles that show something; with more the cached images do.
        least_gain: Times that the files must be larger than the cached images.
        textured: Grey levels, standard deviation around a px that shows something.
        margin: Share of the box's sides that is looked at around it.
        longest_side: px, of the piece that is looked at.
    """

    sparse: float = 0.35
    least_gain: float = 1.4
    textured: float = 6.0
    margin: float = 0.03
    longest_side: int = 900


FINE_PRINT_PARAMS = FinePrintParams()


def is_sparse(close: Floats) -> bool:
    """Return whether what a close look has seen, (46,), fills little of the overlap."""
    if not np.isfinite(close).all():
        return False
    n_shown = float(np.expm1(max(close[_FINE], close[_MIDDLE])))
    n_tiles = float(np.exp(2 * close[_SIDE])) / _TILE
    return n_shown < FINE_PRINT_PARAMS.sparse * n_tiles


def look_at_files(
    files: tuple[Greys, Greys], cached: tuple[Greys, Greys], a_to_b: Floats
) -> Floats | None:
    """Return what a close look at what two files show in common sees, as `look_closely` has it.

    Args:
        files: Both images at full size, (H, W) uint8.
        cached: Both as cached, (h, w) uint8.
        a_to_b: (2, 3) float32, px of the first to px of the second, as cached.

    Returns:
        None if the files are hardly larger than the cached images, or show nothing in common.
    """
    grown = [file.shape[0] / small.shape[0] for file, small in zip(files, cached, strict=True)]
    laid = lay_over(*cached, a_to_b)
    if min(grown) < FINE_PRINT_PARAMS.least_gain or laid is None:
        return None
    box = _find_content(laid)
    if box is None:
        return None
    below, above = (0, 1) if laid.is_first_below else (1, 0)
    piece, from_piece = _cut(files[below], _grow(box, grown[below]))
    into = _scale(grown[above]) @ laid.into @ np.linalg.inv(_scale(grown[below])) @ from_piece
    height, width = piece.shape
    corners = np.array([[0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1]]) @ into.T
    corners = corners[:, :2] / corners[:, 2:]
    other, from_other = _cut(files[above], (*corners.min(axis=0), *corners.max(axis=0)))
    if min(piece.shape) < 16 or min(other.shape) < 16:
        return None
    between = _linearize(np.linalg.inv(from_other) @ into, piece.shape)
    if laid.is_first_below:
        return look_closely(piece, other, between)
    return look_closely(other, piece, cv2.invertAffineTransform(between).astype(np.float32))


def _find_content(laid: Laid) -> tuple[float, float, float, float] | None:
    """Return the box around what the overlap shows: left, top, right, bottom in px, or None."""
    shown = np.zeros(laid.below.shape, np.bool_)
    for image in (laid.below, laid.above):
        mean = cv2.blur(image, (9, 9))
        variance = np.maximum(cv2.blur(image * image, (9, 9)) - mean * mean, 0)
        shown |= np.sqrt(variance) > FINE_PRINT_PARAMS.textured
    shown &= cv2.erode(laid.valid, np.ones((5, 5), np.uint8)) > 0
    rows, columns = np.nonzero(shown)
    if len(rows) == 0:
        return None
    # a speck of dust does not widen the box
    top, bottom = np.quantile(rows, (0.005, 0.995))
    left, right = np.quantile(columns, (0.005, 0.995))
    x, y = (
        FINE_PRINT_PARAMS.margin * (right - left) + 4,
        FINE_PRINT_PARAMS.margin * (bottom - top) + 4,
    )
    return float(left - x), float(top - y), float(right + x), float(bottom + y)


def _grow(
    box: tuple[float, float, float, float], factor: float
) -> tuple[float, float, float, float]:
    left, top, right, bottom = ((side + 0.5) * factor - 0.5 for side in box)
    return left, top, right, bottom


def _cut(image: Greys, box: tuple[float, ...]) -> tuple[Greys, NDArray[np.float64]]:
    """Return a piece of an image, no larger than is looked at, and the map from it to the image."""
    left, top = max(0, int(box[0])), max(0, int(box[1]))
    right, bottom = min(image.shape[1], int(box[2]) + 1), min(image.shape[0], int(box[3]) + 1)
    piece = image[top : max(top, bottom), left : max(left, right)]
    factor = min(1.0, FINE_PRINT_PARAMS.longest_side / max(1, *piece.shape))
    if factor < 1:
        size = (max(1, round(piece.shape[1] * factor)), max(1, round(piece.shape[0] * factor)))
        piece = np.asarray(cv2.resize(piece, size, interpolation=cv2.INTER_AREA), np.uint8)
    shift = np.array([[1, 0, left], [0, 1, top], [0, 0, 1.0]])
    return piece, shift @ _scale(1 / factor)


def _scale(factor: float) -> NDArray[np.float64]:
    """Return the map that enlarges by a factor, px centres to px centres, (3, 3)."""
    offset = (factor - 1) / 2
    return np.array([[factor, 0, offset], [0, factor, offset], [0, 0, 1.0]])


def _linearize(into: NDArray[np.float64], shape: tuple[int, ...]) -> Floats:
    """Return the affine map nearest to a projective one over a frame, (2, 3) float32."""
    height, width = shape
    corners = np.array([[0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1]], np.float64)
    moved = corners @ into.T
    fitted, *_ = np.linalg.lstsq(corners, moved[:, :2] / moved[:, 2:], rcond=None)
    return np.asarray(fitted.T, np.float32)
