"""Statistics of the tiles of two images in one frame."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from curate.copies.verification.overlay import Overlay

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]

_CELL = 8  # px; a tile is 2 x 2 cells, tiles overlap by half


@dataclass(frozen=True, kw_only=True, slots=True)
class TileParams:
    """When a tile has texture, agrees and conflicts.

    Quality is measured by ``tests/benchmarks/dedup_quality.py``; the classifier's weights belong to
    these values. Who changes one raises ``CACHE_VERSION``.

    Attributes:
        least_cover: Share of a tile that must lie in both images.
        textured: Grey levels, standard deviation in a tile of either image.
        still_textured: The same, in both images.
        least_texture: The same, in both images, for a tile that agrees.
        fine: The same, of fine detail.
        agrees: Least correlation of a tile that agrees.
        conflicts: Correlation below which a textured tile conflicts.
    """

    least_cover: float = 0.6
    textured: float = 8.0
    still_textured: float = 5.0
    least_texture: float = 2
    fine: float = 1.0
    agrees: float = 0.6
    conflicts: float = 0.3


TILE_PARAMS = TileParams()


@dataclass(frozen=True, kw_only=True, slots=True)
class Tiles:
    """Statistics per tile, (rows, columns) float32 each.

    Attributes:
        cover: Share of the tile that lies in both images.
        mean_a: Mean grey value of the image whose frame it is.
        mean_b: Of the other one.
        sd_a: Standard deviation of the one's grey values.
        sd_b: Of the other's.
        correlation: Of both images' grey values, in [-1, 1].
        fine_sd: Standard deviation of fine detail, the smaller of both.
        fine_correlation: Of both images' fine detail, in [-1, 1].
    """

    cover: Floats
    mean_a: Floats
    mean_b: Floats
    sd_a: Floats
    sd_b: Floats
    correlation: Floats
    fine_sd: Floats
    fine_correlation: Floats


@dataclass(frozen=True, kw_only=True, slots=True)
class TileKinds:
    """Which tiles are of which kind, (rows, columns) bool each.

    Attributes:
        used: Lie in both images.
        textured: Have texture in either image.
        textured_in_both: Have texture in both images.
        agreeing: Textured, and alike.
        conflicting: Textured in both images, and not alike.
        detailed: Have fine detail in both images.
    """

    used: Bools
    textured: Bools
    textured_in_both: Bools
    agreeing: Bools
    conflicting: Bools
    detailed: Bools


def measure_tiles(overlay: Overlay, *, detail: float) -> Tiles:
    """Return the statistics of all tiles.

    Args:
        overlay: Two images in one frame.
        detail: px, standard deviation of the blur that takes away fine detail.
    """
    x, y, valid = overlay.below, overlay.above, overlay.valid
    fine_x = x - cv2.GaussianBlur(x, (0, 0), detail)
    fine_y = y - cv2.GaussianBlur(y, (0, 0), detail)
    cover = average_tiles(valid)
    mass = np.maximum(cover, 1e-3)
    mean_a, mean_b, sd_a, sd_b, correlation = measure_moments(x, y, valid, mass)
    _, _, fine_a, fine_b, fine_correlation = measure_moments(fine_x, fine_y, valid, mass)
    return Tiles(
        cover=cover,
        mean_a=mean_a,
        mean_b=mean_b,
        sd_a=sd_a,
        sd_b=sd_b,
        correlation=correlation,
        fine_sd=np.minimum(fine_a, fine_b),
        fine_correlation=fine_correlation,
    )


def classify_tiles(tiles: Tiles) -> TileKinds:
    """Return which tiles are of which kind."""
    params = TILE_PARAMS
    low, high = np.minimum(tiles.sd_a, tiles.sd_b), np.maximum(tiles.sd_a, tiles.sd_b)
    used = tiles.cover > params.least_cover
    textured = used & (high > params.textured)
    in_both = used & (low > params.still_textured)
    return TileKinds(
        used=used,
        textured=textured,
        textured_in_both=in_both,
        agreeing=textured & (tiles.correlation > params.agrees) & (low > params.least_texture),
        conflicting=in_both & (tiles.correlation < params.conflicts),
        detailed=tiles.fine_sd > params.fine,
    )


def measure_moments(
    x: Floats, y: Floats, valid: Floats, mass: Floats
) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """Return tile means, standard deviations and correlation of two images."""
    vx, vy = x * valid, y * valid
    mean_x, mean_y = average_tiles(vx) / mass, average_tiles(vy) / mass
    var_x = np.maximum(average_tiles(vx * x) / mass - mean_x**2, 0)
    var_y = np.maximum(average_tiles(vy * y) / mass - mean_y**2, 0)
    shared = average_tiles(vx * y) / mass - mean_x * mean_y
    sd_x, sd_y = np.sqrt(var_x), np.sqrt(var_y)
    return mean_x, mean_y, sd_x, sd_y, shared / np.maximum(sd_x * sd_y, 1e-3)


def average_tiles(image: Floats) -> Floats:
    """Return the mean of each tile of 16 x 16 px, every 8 px; the last odd px are left out."""
    rows, columns = max(2, image.shape[0] // _CELL), max(2, image.shape[1] // _CELL)
    whole = image[: rows * _CELL, : columns * _CELL]
    cells = cv2.resize(whole, (columns, rows), interpolation=cv2.INTER_AREA)
    return np.asarray(
        (cells[1:, 1:] + cells[:-1, 1:] + cells[1:, :-1] + cells[:-1, :-1]) / 4, np.float32
    )
