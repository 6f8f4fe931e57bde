"""What enlarging leaves in the pixels of an image: a pattern that repeats with every source pixel.

Between the pixels that an enlarged picture was made of its slopes are smoother than at them, so the
mean slope of its columns, and of its rows, waves with the period of the enlargement (Gallagher
2005, Detection of linear and cubic interpolation in JPEG compressed images). Of two copies of
different size the larger one was made of the smaller one if it waves with their ratio.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from curate.images.steps import measure_steps

Floats = NDArray[np.float32]

N_PEAKS = 4
"""Waves that are held of an image."""
_N_BINS = 64  # of the frequencies up to half a cycle a px
_GRID = np.array([16, 32, 48, 64])  # bins of the waves that the blocks of a JPEG make
_NO_PEAKS = np.zeros((N_PEAKS, 2), np.float32)


@dataclass(frozen=True, kw_only=True, slots=True)
class EnlargingTraceParams:
    """How the waves of an enlargement are looked for.

    Measured by ``tests/benchmarks/enlarged_or_shrunk.py``.

    Attributes:
        side: px, of the middle of the image that is looked at; with fewer than ``least_side`` on a
            side it says nothing.
        least_side: See ``side``.
        clipped: Grey levels; the steeper slopes of edges count as much.
        trend: px, of the running mean that the image itself is taken out with.
        transform: Points of the Fourier transform.
        slow: Bins; slower waves are the image's own.
        around: Bins, an odd number, whose median wave is what the image itself has there.
        strong: Times that, from which on a wave is a trace.
        strong_on_grid: Times the strongest other wave of the blocks of a JPEG, where it is one of
            these itself, as twice and four times as large are.
        tolerance: Bins that the frequency may be off.
    """

    side: int = 512
    least_side: int = 48
    clipped: float = 24.0
    trend: int = 9
    transform: int = 4096
    slow: int = 8
    around: int = 25
    strong: float = 4.0
    strong_on_grid: float = 2.0
    tolerance: float = 1.1


ENLARGING_TRACE_PARAMS = EnlargingTraceParams()


def measure_enlarging_trace(grey: Floats) -> Floats:
    """Return the strongest waves in the slopes of an image, (H, W) float32, 0 to 255.

    Returns:
        (4, 2) float32: frequency in cycles a px, up to 0.5, and strength, times what counts as
        strong; zeros where there are fewer.
    """
    params = ENLARGING_TRACE_PARAMS
    if min(grey.shape) < params.least_side:
        return _NO_PEAKS
    top, left = (max(0, (length - params.side) // 2) for length in grey.shape)
    middle = grey[top : top + params.side, left : left + params.side]
    waves = np.max([_find_waves(middle, order) for order in (1, 2)], axis=0)
    around = np.pad(waves, 1)
    is_peak = (waves >= around[:-2]) & (waves >= around[2:]) & (waves > 0)
    strongest = np.argsort(np.where(is_peak, -waves, 0), kind="stable")[:N_PEAKS]
    peaks = np.stack([(strongest + 0.5) / (2 * _N_BINS), waves[strongest]], axis=1)
    return np.where(is_peak[strongest, None], peaks, 0).astype(np.float32)


def find_enlarged(peaks: Floats, scale: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which images were enlarged by so much, (P,) bool.

    Args:
        peaks: (P, 4, 2), as `measure_enlarging_trace` has them.
        scale: (P,) times as large as a copy, > 1.
    """
    turns = (1 / scale) % 1
    wanted = np.minimum(turns, 1 - turns)[:, None]
    near = np.abs(peaks[..., 0] - wanted) * 2 * _N_BINS <= ENLARGING_TRACE_PARAMS.tolerance
    return np.asarray((near & (peaks[..., 1] > 1)).any(axis=1))


def _find_waves(grey: Floats, order: int) -> NDArray[np.float64]:
    """Return how strong the waves in the slopes, or in their changes, are, (64,) by frequency.

    Both along the rows and along the columns: an image is enlarged in both.
    """
    params = ENLARGING_TRACE_PARAMS
    rows, columns = (
        _transform(measure_steps(grey, axis, most=params.clipped, order=order)) for axis in (0, 1)
    )
    waves = np.sqrt(rows * columns)
    strength = waves / params.strong
    grid = np.maximum(waves[_GRID - 1], np.pad(waves, (0, 1))[_GRID])
    for number, wave in enumerate(_GRID):
        places = slice(wave - 2, wave + 2)  # of the last one, as far as there are any
        others = max(1.0, float(np.delete(grid, number).max()))
        strength[places] = waves[places] / others / params.strong_on_grid
    strength[: params.slow] = 0
    return np.asarray(strength)


def _transform(profile: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the strongest wave of a profile in each bin of frequency, over those around, (64,)."""
    params = ENLARGING_TRACE_PARAMS
    half = params.trend // 2
    sums = np.cumsum(np.pad(profile, (half + 1, half), "edge"))
    trend = (sums[params.trend :] - sums[: -params.trend]) / params.trend
    rest = (profile - trend) / (trend + 0.2) * _taper(len(profile))
    power = np.abs(np.fft.rfft(rest, params.transform))
    strongest = power[:-1].reshape(_N_BINS, -1).max(axis=1)
    strongest[-1] = max(strongest[-1], power[-1])
    padded = np.pad(strongest, params.around // 2, "edge")
    around = np.lib.stride_tricks.sliding_window_view(padded, params.around)
    usual = np.sort(around, axis=1)[:, params.around // 2]  # the median of an odd number
    return np.asarray(strongest / (usual + 1e-9))


@cache
def _taper(length: int) -> NDArray[np.float64]:
    """Return the weights that let a profile end in nothing, (length,)."""
    return np.hanning(length)
