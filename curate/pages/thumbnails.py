"""Small images for pages: shrunk, packed as WebP, as data URIs or in sprite sheets."""

import base64
import io
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]

WEBP_QUALITY = 62
"""Of WebP, 0 to 100. Photographs of 160 px take 3.5 kB at 62, 4.9 kB at 75 and look the same;
`tests/benchmarks/report_size.py` prints the size of whole pages."""


def shrink(pixels: Pixels, side: int) -> Pixels:
    """Return an image (h, w, 3) whose long side has at most ``side`` px; none is enlarged."""
    height, width = pixels.shape[:2]
    factor = min(1.0, side / max(height, width))
    if factor == 1.0:
        return pixels
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)


def encode_webp(pixels: Pixels) -> bytes:
    """Return an image (h, w, 3) uint8 as a WebP file."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "WEBP", quality=WEBP_QUALITY, method=2)
    return buffer.getvalue()


def as_data_uri(webp: bytes) -> str:
    """Return a WebP file as a ``data:`` address that needs no network."""
    return f"data:image/webp;base64,{base64.b64encode(webp).decode()}"


def draw_sprites(images: Sequence[Pixels], *, side: int, columns: int) -> Pixels:
    """Return images in one picture, row by row, each in the middle of a square cell.

    Args:
        images: n images (h, w, 3) uint8, n >= 1.
        side: Of a cell, px.
        columns: Cells in a row.

    Returns:
        (ceil(n / columns) * side, min(n, columns) * side, 3) uint8, grey where nothing lies.
    """
    n_rows = -(-len(images) // columns)
    sheet = np.full((n_rows * side, min(len(images), columns) * side, 3), 128, np.uint8)
    for place, pixels in enumerate(images):
        small = shrink(pixels, side)
        height, width = small.shape[:2]
        row, column = divmod(place, columns)
        top, left = row * side + (side - height) // 2, column * side + (side - width) // 2
        sheet[top : top + height, left : left + width] = small
    return sheet
