"""Files that cameras write before they make a picture, through rawpy where it is installed."""

import hashlib
import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import TiffImagePlugin

from curate.images.formats import HEAD_BYTES, sniff

_DNG_VERSION, _SUB_IFDS, _SUBFILE_TYPE, _MAKE = 50706, 330, 254, 271


class ReaderMissing(Exception):
    """The package that reads these files is not installed."""


def is_raw_photo(raw: bytes) -> bool:
    """Return whether bytes are a camera's file; some are TIFFs that hold a thumbnail first."""
    kind = sniff(raw[:HEAD_BYTES])
    if kind != "TIFF":
        return kind == "RAW"
    try:
        tags = TiffImagePlugin.ImageFileDirectory_v2(raw[:8])
        file = io.BytesIO(raw)
        file.seek(tags.next)
        tags.load(file)
    except (SyntaxError, OSError, ValueError, TypeError, KeyError, IndexError, OverflowError):
        return False
    if _DNG_VERSION in tags:
        return True
    is_thumbnail_first = _SUB_IFDS in tags and bool(_as_int(tags.get(_SUBFILE_TYPE, 0)) & 1)
    return is_thumbnail_first and _MAKE in tags


def develop(raw: bytes) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    """Return a picture of a camera's file, (h, w, 3) uint8 upright RGB at half size, and its size.

    Raises:
        ReaderMissing: rawpy is not installed.
    """
    with _open(raw) as photo:
        width, height = photo.sizes.width, photo.sizes.height
        pixels = photo.postprocess(half_size=True, use_camera_wb=True)
        if (pixels.shape[1] > pixels.shape[0]) != (width > height):
            width, height = height, width
    return np.asarray(pixels, np.uint8), (width, height)


def digest(raw: bytes) -> bytes:
    """Return a digest of what the sensor saw, 32 bytes.

    Raises:
        ReaderMissing: rawpy is not installed.
    """
    with _open(raw) as photo:
        values = np.ascontiguousarray(photo.raw_image)
        return hashlib.sha256(str(values.shape).encode() + values.tobytes()).digest()


def _open(raw: bytes) -> Any:  # noqa: ANN401 - the package is optional
    try:
        import rawpy
    except ImportError:
        raise ReaderMissing("rawpy is not installed") from None
    try:
        return rawpy.imread(io.BytesIO(raw))
    except rawpy.LibRawError as error:
        reason = error.args[0] if error.args else "unknown"
        raise OSError(reason.decode() if isinstance(reason, bytes) else str(reason)) from None


def _as_int(value: object) -> int:
    return value if isinstance(value, int) else 0
