"""What JPEG left in the pixels of an image: the step to which it rounded, and how cleanly.

A picture that was decoded from a JPEG has coefficients (of the cosine transform of its blocks of
8 px) that are whole multiples of the steps of that JPEG. Saved once more at a higher quality it
still clusters around them, less cleanly: of two such pictures the cleaner is nearer to the first.
Fan and de Queiroz 2003 (Identification of bitmap compression history) find the steps; here they
are looked for where a flip or a turn may have moved the blocks, too.
"""

from dataclasses import dataclass
from functools import cache
from itertools import product

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_BLOCK = 8
_FREQUENCIES = ((0, 1), (1, 0), (1, 1), (0, 2), (2, 0), (1, 2), (2, 1), (2, 2), (0, 3), (3, 0))
_N_LOW = 4  # frequencies a side that are looked at
_BINS = 4  # per unit of a coefficient


@dataclass(frozen=True, kw_only=True, slots=True)
class JpegTraceParams:
    """How the steps of a JPEG are looked for.

    Measured by ``tests/benchmarks/keep_quality.py --copybench``: of 699 originals beside copies
    of 30 kinds one went for being a JPEG saved again.

    Attributes:
        side: px, of the middle of the image that is looked at.
        largest: Step that is looked for at most; the smallest is 2.
        clusters: Mean cosine of coefficients around multiples of a step, above which it is one.
        least_values: Coefficients that are larger than half a step; fewer say nothing.
        least_found: Frequencies, of ten, that must have a step.
    """

    side: int = 320
    largest: int = 60
    clusters: float = 0.25
    least_values: int = 24
    least_found: int = 6


JPEG_TRACE_PARAMS = JpegTraceParams()


@dataclass(frozen=True, kw_only=True, slots=True)
class JpegTrace:
    """The largest step around whose multiples the coefficients lie.

    Attributes:
        step: Of the low frequencies, in grey levels; 0 where there is none.
        purity: How near they lie, mean cosine, 0 to 1.
    """

    step: float
    purity: float


NO_TRACE = JpegTrace(step=0.0, purity=0.0)


def measure_jpeg_trace(grey: Floats) -> JpegTrace:
    """Return what JPEG left in an image, (H, W) float32, 0 to 255, at its full scale."""
    height, width = grey.shape
    starts = product({0, height % _BLOCK}, {0, width % _BLOCK})  # a flip moves the blocks
    traces = [_measure_from(grey[top:, left:]) for top, left in starts]
    return max(traces, key=lambda trace: trace.step)


def _measure_from(grey: Floats) -> JpegTrace:
    """Return the trace in the blocks that begin at the first pixel."""
    params = JPEG_TRACE_PARAMS
    rows, columns = (min(side, params.side) // _BLOCK for side in grey.shape)
    if rows == 0 or columns == 0:
        return NO_TRACE
    top, left = (
        (side // _BLOCK - n) // 2 * _BLOCK
        for side, n in zip(grey.shape, (rows, columns), strict=True)
    )
    middle = grey[top : top + rows * _BLOCK, left : left + columns * _BLOCK] - 128
    low = _low_frequencies()
    turned = low @ middle.reshape(rows, _BLOCK, columns * _BLOCK)
    values = np.abs(turned.reshape(-1, _BLOCK) @ low.T).reshape(rows, _N_LOW, columns, _N_LOW)
    cosines, is_beyond = _tables()
    n_bins = cosines.shape[1]
    bins = np.minimum(np.rint(values * _BINS), n_bins - 1).astype(np.int64)
    counts = np.stack(
        [np.bincount(bins[:, u, :, v].ravel(), minlength=n_bins) for u, v in _FREQUENCIES]
    ).astype(np.float32)
    counts[:, -1] = 0  # all that is larger
    n_values = counts @ is_beyond.T
    clusters = np.where(
        n_values >= params.least_values, counts @ cosines.T / np.maximum(n_values, 1), 0
    )
    return _find_steps(clusters)


def _find_steps(clusters: Floats) -> JpegTrace:
    """Return the median over frequencies of the largest step at which the clusters peak.

    Args:
        clusters: (F, S) mean cosine for each frequency and step.
    """
    around = np.pad(clusters, ((0, 0), (1, 1)), constant_values=-1)
    is_peak = (clusters >= around[:, :-2]) & (clusters >= around[:, 2:])
    is_step = is_peak & (clusters > JPEG_TRACE_PARAMS.clusters)
    has_step = is_step.any(axis=1)
    if int(has_step.sum()) < JPEG_TRACE_PARAMS.least_found:
        return NO_TRACE
    largest = clusters.shape[1] - 1 - is_step[has_step, ::-1].argmax(axis=1)
    purity = clusters[has_step, largest]
    return JpegTrace(step=float(np.median(largest + 2)), purity=float(np.median(purity)))


@cache
def _low_frequencies() -> Floats:
    """Return the first rows of the orthonormal cosine transform of 8 values, (4, 8)."""
    units = np.eye(_BLOCK, dtype=np.float32)
    return np.asarray(cv2.dct(units, flags=cv2.DCT_ROWS).T[:_N_LOW], np.float32)


@cache
def _tables() -> tuple[Floats, Floats]:
    """Return for each step and bin the cosine, 0 below half a step, and whether it is beyond that.

    Returns:
        (S, B) float32 each, of steps from 2 and bins of a quarter up to ten times the largest.
    """
    steps = np.arange(2, JPEG_TRACE_PARAMS.largest + 1)[:, None]
    values = np.arange(10 * JPEG_TRACE_PARAMS.largest * _BINS)[None] / _BINS
    is_beyond = values > steps / 2
    cosines = np.cos(2 * np.pi * values / steps) * is_beyond
    return cosines.astype(np.float32), is_beyond.astype(np.float32)
