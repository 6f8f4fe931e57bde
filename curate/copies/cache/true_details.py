"""The true detail of images that were decoded in full, on disk, in ``true_details.npz``."""

from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from curate.copies.cache.arrays import pack_hashes, read_arrays, write_arrays
from curate.images.enlarging_trace import N_PEAKS
from curate.images.true_detail import TrueDetail, measure_true_detail
from curate.parallel import ordered_map

Pixels = NDArray[np.uint8]

DETAIL_COLUMNS = tuple(field.name for field in fields(TrueDetail))
"""What is held of an image, in order; the last, the waves of enlarging, takes eight columns."""
N_SCALARS = len(DETAIL_COLUMNS) - 1
"""Columns before the waves."""
DETAIL_WIDTH = N_SCALARS + 2 * N_PEAKS
"""Numbers that are held of an image."""
_FILE = "true_details.npz"
_BATCH = 16  # images decoded in full at a time


def load_true_details(
    folder: Path,
    content_hashes: Sequence[str],
    read_exact: Callable[[list[int]], Sequence[Pixels | None]],
) -> NDArray[np.float64]:
    """Return `DETAIL_COLUMNS` of images, (n, 14); what is known is not measured again.

    NaN stands for images whose file cannot be read so.

    Args:
        folder: Of the cache; the caller is its only writer.
        content_hashes: n hex digests, all different.
        read_exact: Gives every pixel of some of them, by number, or None.
    """
    path = folder / _FILE
    arrays = read_arrays(path)
    keys = pack_hashes(content_hashes)
    known: dict[bytes, NDArray[np.float64]] = {}
    if arrays is not None and arrays["value"].shape[1:] == (DETAIL_WIDTH,):
        known = dict(zip(arrays["key"].tolist(), np.asarray(arrays["value"]), strict=True))
    missing = [number for number, key in enumerate(keys.tolist()) if key not in known]
    for start in range(0, len(missing), _BATCH):
        batch = missing[start : start + _BATCH]
        measured = ordered_map(_measure, read_exact(batch))
        for number, one in zip(batch, measured, strict=True):
            known[keys[number].item()] = one
    if missing:
        names = sorted(known)
        table = np.stack([known[name] for name in names])
        write_arrays(path, key=np.array(names, "S32"), value=table)
    return np.array([known[key] for key in keys.tolist()]).reshape(-1, DETAIL_WIDTH)


def _measure(pixels: Pixels | None) -> NDArray[np.float64]:
    """Return `DETAIL_COLUMNS` of an image, (14,)."""
    if pixels is None:
        return np.full(DETAIL_WIDTH, np.nan)
    detail = measure_true_detail(pixels)
    return np.concatenate([np.ravel(getattr(detail, name)) for name in DETAIL_COLUMNS])
