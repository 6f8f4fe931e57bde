"""True detail: what an image shows at its full scale, whatever its size and format promise.

An enlarged picture has pixels without detail, a lossless copy of a bad JPEG keeps its blocks, noise
is no detail.
"""

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from curate.images.enlarging_trace import measure_enlarging_trace
from curate.images.jpeg_trace import measure_jpeg_trace
from curate.images.steps import measure_steps

Floats = NDArray[np.float32]

_BLOCK = 8  # px, of JPEG
_LARGE_STEP = 16.0  # grey levels; larger ones count as much
_NO_LINES = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32) / 6
"""A filter that lines and slopes leave without an answer, and noise with its deviation."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TrueDetailParams:
    """How true detail is measured.

    Measured by ``tests/benchmarks/keep_quality.py``: photos beside enlarged, compressed copies.

    Attributes:
        side: px, of the tiles that are looked at.
        n_tiles: Tiles, those with the most texture of a grid.
        reference: Cycles a px, between which any picture has detail.
        drop: Times that the spectrum may fall below that of natural pictures (1 / f squared).
        noise_power: Times the mean power of noise that is taken for noise; the bins scatter.
        smooth: Share of the patches, the smoothest, in which there is nothing but noise.
        patch: px, side of a patch.
        clipped: Grey levels from black and from white, between which noise can be seen.
    """

    side: int = 128
    n_tiles: int = 9
    reference: tuple[float, float] = (0.03, 0.12)
    drop: float = 5.0
    noise_power: float = 3.0
    smooth: float = 0.1
    patch: int = 16
    clipped: float = 12.0


TRUE_DETAIL_PARAMS = TrueDetailParams()


@dataclass(frozen=True, kw_only=True, slots=True)
class TrueDetail:
    """What an image shows at its full scale.

    Attributes:
        resolution: Finest detail that it shows, as a share of what its pixels could, in [0, 1].
        blocks: Steps on the grid of 8 px that JPEG leaves, as times the steps beside it; 1 without.
        colour: Mean difference of the largest and the smallest channel, 0 (grey) to 1.
        noise: Standard deviation of the noise, in grey levels.
        jpeg_step: What a JPEG has left in it, see `curate.images.jpeg_trace.JpegTrace`.
        jpeg_purity: See there.
        waves: (4, 2) float32, what enlarging has left in it, see
            `curate.images.enlarging_trace.measure_enlarging_trace`.
    """

    resolution: float
    blocks: float
    colour: float
    noise: float
    jpeg_step: float
    jpeg_purity: float
    waves: Floats


def measure_true_detail(pixels: NDArray[np.uint8]) -> TrueDetail:
    """Return the true detail of an image, (H, W, 3) uint8, at its full scale."""
    grey = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.float32)
    tiles = _cut_tiles(grey, min(TRUE_DETAIL_PARAMS.side, *grey.shape))
    noise = _measure_noise(tiles)
    # of patches, since noise has colour where the picture has none
    size = tuple(max(1, side // TRUE_DETAIL_PARAMS.patch) for side in grey.shape[::-1])
    trace = measure_jpeg_trace(grey)
    red, green, blue = cv2.split(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA))
    top, low = cv2.max(cv2.max(red, green), blue), cv2.min(cv2.min(red, green), blue)
    return TrueDetail(
        resolution=_measure_resolution(_take_textured(tiles), noise),
        blocks=_measure_blocks(grey),
        colour=float((cv2.mean(top)[0] - cv2.mean(low)[0]) / 255),
        noise=noise,
        jpeg_step=trace.step,
        jpeg_purity=trace.purity,
        waves=measure_enlarging_trace(grey),
    )


def _measure_noise(tiles: list[Floats]) -> float:
    """Return the deviation of the noise (Immerkaer 1996), seen where an image is smooth."""
    params = TRUE_DETAIL_PARAMS
    side = params.patch
    rows, columns = (length // side for length in tiles[0].shape)
    if rows == 0 or columns == 0:
        return 0.0
    powers: list[Floats] = []
    levels: list[Floats] = []
    for tile in tiles:
        rest = np.asarray(cv2.filter2D(tile, -1, _NO_LINES), np.float32)
        for found, values in ((powers, rest * rest), (levels, tile)):
            whole = values[: rows * side, : columns * side]
            means = cv2.resize(whole, (columns, rows), interpolation=cv2.INTER_AREA)
            found.append(np.asarray(means, np.float32).ravel())
    power, level = np.concatenate(powers), np.concatenate(levels)
    seen = (level > params.clipped) & (level < 255 - params.clipped)
    return float(np.sqrt(np.quantile(power[seen] if seen.any() else power, params.smooth)))


def _measure_resolution(tiles: Floats, noise: float) -> float:
    """Return where the spectrum, less the noise, falls off, as a share of half a cycle a px."""
    params, bins = TRUE_DETAIL_PARAMS, _spectrum_bins(tiles.shape[1])
    centred = (tiles - tiles.mean(axis=(1, 2), keepdims=True)) * bins.window
    power = (np.abs(np.fft.rfft2(centred)) ** 2).mean(axis=0, dtype=np.float64)
    floor = params.noise_power * noise**2 * float((bins.window**2).sum(dtype=np.float64))
    power = np.maximum(power - floor, 0)
    level = np.bincount(bins.number.ravel(), (power * bins.weight).ravel(), bins.n + 1)[: bins.n]
    low, high = params.reference
    is_reference = (bins.centre >= low) & (bins.centre <= high)
    reference = float(level[is_reference].max(initial=0.0))
    if reference <= 0:
        return 0.0
    shown = np.nonzero(level * params.drop > reference)[0]
    return float((shown.max(initial=0) + 1) / bins.n)


@dataclass(frozen=True, kw_only=True, slots=True)
class _SpectrumBins:
    """Rings of the spectrum of a tile of ``side`` px, from slow waves to fine ones.

    Attributes:
        n: Rings up to half a cycle a px; what lies beyond is in one more.
        window: (side, side) float32, that tapers a tile.
        number: (side, side // 2 + 1) int64, the ring of each wave.
        weight: Of the same shape, what the power of natural pictures falls by, over the waves of
            its ring.
        centre: (n,) cycles a px.
    """

    n: int
    window: Floats
    number: NDArray[np.int64]
    weight: NDArray[np.float64]
    centre: NDArray[np.float64]


@cache
def _spectrum_bins(side: int) -> _SpectrumBins:
    taper = np.hanning(side)
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None])
    n = max(4, side // 4)
    number = np.minimum((frequency * 2 * n).astype(np.int64), n)
    mass = np.maximum(np.bincount(number.ravel(), minlength=n + 1), 1)
    return _SpectrumBins(
        n=n,
        window=(taper[:, None] * taper[None]).astype(np.float32),
        number=number,
        weight=frequency**2 / mass[number],
        centre=(np.arange(n) + 0.5) / (2 * n),
    )


def _cut_tiles(grey: Floats, side: int) -> list[Floats]:
    """Return tiles of a grid, (side, side) each."""
    return [
        grey[top : top + side, left : left + side]
        for top in _spread_starts(grey.shape[0], side)
        for left in _spread_starts(grey.shape[1], side)
    ]


def _take_textured(tiles: list[Floats]) -> Floats:
    """Return the tiles with the most texture, (n, side, side)."""
    texture = np.array([cv2.meanStdDev(tile)[1][0, 0] for tile in tiles])
    order = np.argsort(-texture, kind="stable")[: TRUE_DETAIL_PARAMS.n_tiles]
    return np.stack([tiles[number] for number in order.tolist()])


def _spread_starts(length: int, side: int) -> list[int]:
    n = min(6, max(1, length // side))
    return [int(start) for start in np.linspace(0, length - side, n)]


def _measure_blocks(grey: Floats) -> float:
    """Return the largest mean step across lines 8 px apart, over the mean step across others."""
    ratios = [1.0]
    for axis in (0, 1):
        if grey.shape[axis] < 4 * _BLOCK:
            continue
        step = measure_steps(grey, axis, most=_LARGE_STEP)
        # a step beside the line of the grid is what the picture itself has there
        rest = step[1:-1] - (step[:-2] + step[2:]) / 2
        means = np.array([rest[phase::_BLOCK].mean() for phase in range(_BLOCK)])
        ratios.append(1.0 + float(means.max()) / (float(step.mean()) + 0.2))
    return max(ratios)
