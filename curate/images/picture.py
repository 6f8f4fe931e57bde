"""What decoding gives: a picture with its facts, or the reason there is none."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from curate.images.capture import Capture

Pixels = NDArray[np.uint8]

SHORT_SIDE = 256
LONG_SIDE = 2048
MAX_PIXELS = 178_956_970
"""Pixels of a picture at most, where nothing else is asked for: 512 MB as RGB."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Why an image cannot be used; becomes ``status`` and ``reason`` in the manifest.

    Attributes:
        reason: In words.
        needs: What would mend it, for `curate.images.decode.is_met`: ``pixels N``, or the name of a
            format whose reader is not installed; None for nothing.
    """

    reason: str
    needs: str | None = None


@dataclass(frozen=True, slots=True)
class Decoded:
    """One decoded image.

    Attributes:
        pixels: (h, w, 3) uint8, upright RGB, shrunk to the sides asked for, never enlarged; the
            view of `curate.images.view`.
        width: Upright width of the file's image in px.
        height: Upright height of the file's image in px.
        format: The format's name as Pillow has it, such as ``JPEG``; ``RAW`` of a camera's file.
        mode: What a pixel is: Pillow's mode, such as ``RGB``, ``L``, ``RGBA``, ``I;16``, or
            ``RGB;16``.
        frames: Frames of the file, >= 1.
        frame: Number of the frame that is shown, from 0.
        is_truncated: Whether the end of the file is missing.
        capture: What the camera wrote beside it.
    """

    pixels: Pixels
    width: int
    height: int
    format: str
    mode: str = "RGB"
    frames: int = 1
    frame: int = 0
    is_truncated: bool = False
    capture: Capture = field(default_factory=Capture)


@dataclass(frozen=True, slots=True)
class Wish:
    """How a picture is to be decoded.

    Attributes:
        short_side: Shrink to this short side in px; None keeps all pixels.
        long_side: Shrink further where the long side would pass this, in px; for panoramas.
        max_pixels: Pixels of the picture at most.
        is_apart: Whether a process that may die does nothing else, and no other large picture is
            read meanwhile, so that large and risky pictures are welcome.
    """

    short_side: int | None = SHORT_SIDE
    long_side: int = LONG_SIDE
    max_pixels: int = MAX_PIXELS
    is_apart: bool = False

    def shrink(self, width: int, height: int) -> tuple[int, int]:
        """Return width and height in px after shrinking."""
        if self.short_side is None:
            return width, height
        scale = min(1.0, self.short_side / min(width, height), self.long_side / max(width, height))
        return max(1, round(width * scale)), max(1, round(height * scale))

    def refuse(self, width: int, height: int) -> Unreadable | None:
        """Return that a picture has too many pixels, or None."""
        if width * height <= self.max_pixels:
            return None
        reason = f"{width}x{height} px is over --max-pixels {self.max_pixels:,}"
        return Unreadable(reason, needs=f"pixels {width * height}")


class GoesApart(Exception):
    """This picture is to be decoded in a process of its own."""
