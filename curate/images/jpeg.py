"""JPEGs, the fast way, and those whose end is missing.

libjpeg-turbo decodes at a reduced DCT scale (simplejpeg: 1.2 times the speed of Pillow's ``draft``,
5 times that of a full decode at 1600x1200).
"""

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image, ImageFile

from curate.images.frames import open_image

Pixels = NDArray[np.uint8]

END_MARKER = b"\xff\xd9"
LEAST_ROWS = 0.95
"""Share of the rows that must be there for a JPEG whose end is missing to be usable."""


def decode_jpeg(raw: bytes, image: Image.Image, size: tuple[int, int] | None) -> Pixels | None:
    """Return the pixels of a whole JPEG, (h, w, 3) uint8 RGB as stored; None where Pillow must try.

    Args:
        raw: The file's bytes.
        image: As Pillow opened it.
        size: Width and height in px that the pixels are at least as large as; None for all of them.
    """
    if image.mode not in ("RGB", "L"):
        return None
    width, height = size or (0, 0)
    try:
        pixels: Pixels = simplejpeg.decode_jpeg(raw, min_width=width, min_height=height)
    except ValueError:
        return None  # damaged or unusual: Pillow tells harmless from hopeless
    return pixels


def decode_truncated(raw: bytes) -> Pixels | None:
    """Return the pixels of a JPEG whose end is missing, (H, W, 3) uint8; None if too much is.

    A JPEG that lacks only its end marker is whole. Of others the rows count that decode; a
    progressive one has none before its last byte. Missing rows are grey. Opens images in a way that
    is not safe beside other threads: to be called in a process that does one thing at a time.

    Args:
        raw: The file's bytes.
    """
    try:
        pixels: Pixels = simplejpeg.decode_jpeg(raw + END_MARKER)
    except ValueError:
        return _fill_missing_rows(raw) if _share_of_rows(raw) >= LEAST_ROWS else None
    return pixels


def _share_of_rows(raw: bytes) -> float:
    """Return which share of the rows decodes, in [0, 1]; black ones at the end count as missing."""
    with open_image(raw) as image:
        try:
            image.load()
        except OSError:
            decoded = image.im.getbbox()
            return decoded[3] / image.height if decoded else 0.0
    return 1.0


def _fill_missing_rows(raw: bytes) -> Pixels:
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    try:
        with open_image(raw) as image:
            image.load()
            return np.asarray(image.convert("RGB"))
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = False
