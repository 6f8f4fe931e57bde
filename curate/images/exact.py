"""The picture that a file holds, as a digest: two files have the same one if they are equal.

Compared are all values at their full depth, alpha where it is not opaque everywhere, and all
frames. The container does not matter: one picture as grey, RGB, palette, opaque RGBA, TIFF or PNG
has one digest; so has one that is stored turned, with the note how to turn it. Times between frames
do not count.
"""

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from curate.images.view import as_eight_bit, is_deep

Values = NDArray[np.generic]


class PictureDigest:
    """Takes the frames of a picture one by one."""

    def __init__(self) -> None:
        """Begin without frames."""
        self._digest = hashlib.sha256()

    def add(self, values: Values) -> None:
        """Add a frame.

        Args:
            values: From `canonical_values`, turned upright.
        """
        kind = f"{values.dtype.str}{values.shape}".encode()
        self._digest.update(len(kind).to_bytes(4, "big") + kind)
        self._digest.update(np.ascontiguousarray(values).tobytes())

    def digest(self) -> bytes:
        """Return the digest, 32 bytes."""
        return self._digest.digest()


def canonical_values(frame: Image.Image) -> Values:
    """Return what a frame holds in a form that does not depend on how it was stored.

    Args:
        frame: As Pillow read it.

    Returns:
        (H, W, 3 or 4) uint8, RGB or RGBA; (H, W) for deep grey; (H, W, C) bands as they are for
        colour spaces that 8-bit RGB cannot hold, such as CMYK.
    """
    if is_deep(frame.mode):
        return canonical_deep(np.asarray(frame))
    if frame.has_transparency_data:
        layer = np.asarray(frame.convert("RGBA"))
        return layer if (layer[:, :, 3] < 255).any() else layer[:, :, :3]
    if frame.mode in ("CMYK", "LAB", "YCbCr", "HSV"):
        return np.asarray(frame)[None]  # an axis more: never equal to RGBA
    return np.asarray(frame.convert("RGB"))


def canonical_deep(values: Values) -> Values:
    """Return deep values so that the same numbers have the same form, whatever they were stored as.

    Args:
        values: (H, W) or (H, W, C), of any depth.
    """
    eight_bit = as_eight_bit(values)
    if eight_bit is not None:
        colour = eight_bit if eight_bit.ndim == 3 else np.repeat(eight_bit[:, :, None], 3, axis=2)
        is_opaque = colour.shape[2] == 4 and not (colour[:, :, 3] < 255).any()
        return colour[:, :, :3] if is_opaque else colour
    if values.dtype.kind == "f":
        return _canonical_floats(values)
    if values.ndim == 3 and values.shape[2] == 4 and (values[:, :, 3] == 65535).all():
        values = values[:, :, :3]
    fits = values.size == 0 or (int(values.min()) >= 0 and int(values.max()) <= 65535)
    return values.astype(np.uint16 if fits else np.int64)


def _canonical_floats(values: Any) -> Values:  # noqa: ANN401 - of either float type
    """Return floats with one NaN and one zero, as float32 where nothing is lost."""
    with np.errstate(invalid="ignore", over="ignore"):  # of signalling NaNs
        numbers = values + values.dtype.type(0)
        numbers[np.isnan(numbers)] = np.nan
        small = numbers.astype(np.float32)
    is_lossless = np.array_equal(small.astype(numbers.dtype), numbers, equal_nan=True)
    return np.asarray(small if is_lossless else numbers)
