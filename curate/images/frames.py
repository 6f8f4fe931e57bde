"""The frames of a file, opened by Pillow: animations, multi-page scans, and files of one picture.

The frame that stands for a file is the first; where that is of one colour, as a black first frame
of an animation or a blank cover, it is the liveliest of up to eight at even steps.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from curate.images.formats import PILLOW_FORMATS

_TRIED = 8  # frames looked at where the first is of one colour
_FLAT = 3.0  # grey levels, standard deviation of a frame of one colour, seen at 64 px
_GLANCE = 64  # px
_PNG_HEAD = b"\x89PNG\r\n\x1a\n"
_TIFF_HEADS = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
_BITS_PER_SAMPLE, _SAMPLES_PER_PIXEL = 258, 277


@dataclass(frozen=True, kw_only=True, slots=True)
class DeepColor:
    """Colour of more than 8 bits, which Pillow would cut down.

    Attributes:
        values: (H, W, 3 or 4), RGB or RGBA, integers or floats.
    """

    values: NDArray[np.generic]

    @property
    def mode(self) -> str:
        """Return such as ``RGB;16`` or ``RGBA;32F``."""
        bands = "RGB" if self.values.shape[2] == 3 else "RGBA"
        bits = 8 * self.values.dtype.itemsize
        return f"{bands};{bits}{'F' if self.values.dtype.kind == 'f' else ''}"


def open_image(raw: bytes) -> ImageFile.ImageFile:
    """Open a file's bytes with the readers of the formats that curate promises, and no other.

    Args:
        raw: The file's bytes.

    Raises:
        Exception: Whatever Pillow's readers raise.
    """
    Image.init()
    known = [name for name in PILLOW_FORMATS if name in Image.OPEN]
    return Image.open(io.BytesIO(raw), formats=known)


def count_frames(image: Image.Image) -> int:
    """Return how many frames an opened file has, at least 1."""
    return max(1, int(getattr(image, "n_frames", 1)))


def choose_frame(image: Image.Image, n_frames: int) -> int:
    """Return the number of the frame that stands for a file, and go to it.

    Args:
        image: As opened, at its first frame.
        n_frames: From `count_frames`.
    """
    if n_frames == 1 or _liveliness(image) > _FLAT:
        return 0
    numbers = np.unique(np.linspace(0, n_frames - 1, _TRIED).round().astype(int)).tolist()
    contrast = []
    for number in numbers:
        image.seek(number)
        contrast.append(_liveliness(image))
    chosen = int(numbers[int(np.argmax(contrast))])
    image.seek(chosen)
    return chosen


def iterate_frames(image: Image.Image, n_frames: int) -> Iterator[Image.Image]:
    """Yield the frames of a file in order; each is valid until the next is asked for."""
    for number in range(n_frames):
        if n_frames > 1:
            image.seek(number)
        yield image


def read_deep_color(raw: bytes, image: Image.Image) -> DeepColor | None:
    """Return a picture in deep colour, which Pillow reads with 8 bits only; None for any other.

    Args:
        raw: The file's bytes.
        image: As Pillow opened it.
    """
    return _read_by_opencv(raw) if _is_deep_color(raw, image) else None


def read_unusual_tiff(raw: bytes) -> DeepColor | None:
    """Return a TIFF of kinds that Pillow does not know, such as colour in floats, or None."""
    return _read_by_opencv(raw) if raw[:4] in _TIFF_HEADS else None


def _read_by_opencv(raw: bytes) -> DeepColor | None:
    values = cv2.imdecode(np.frombuffer(raw, np.uint8), cv2.IMREAD_UNCHANGED)
    if values is None or values.ndim != 3 or values.dtype == np.uint8:
        return None
    order = [2, 1, 0] if values.shape[2] == 3 else [2, 1, 0, 3]
    return DeepColor(values=values[:, :, order])


def _is_deep_color(raw: bytes, image: Image.Image) -> bool:
    if raw.startswith(_PNG_HEAD):
        return raw[24] == 16 and raw[25] in (2, 4, 6)
    tags = getattr(image, "tag_v2", None)
    if tags is None:
        return False
    bits = np.atleast_1d(tags.get(_BITS_PER_SAMPLE, (1,)))
    return int(tags.get(_SAMPLES_PER_PIXEL, 1)) in (3, 4) and int(bits.max()) > 8


def _liveliness(frame: Image.Image) -> float:
    """Return how much a frame varies, in grey levels, seen small; deep frames always do."""
    if frame.mode in ("I", "F") or frame.mode.startswith("I;16"):
        return 255.0
    small = frame.convert("RGBA").resize((_GLANCE, _GLANCE), Image.Resampling.BILINEAR)
    values = np.asarray(small, np.float64)
    return float(values.reshape(-1, 4).std(axis=0).max())
