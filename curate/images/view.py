"""The view of a picture for people and networks: 8-bit RGB, whatever the file holds.

Deep and float pictures are scaled by their own range, from the percentile 0.5 to 99.5 of their
finite values; so are 8-bit grey pictures without loss whose largest value is below 32, as class
masks are. What is transparent lies over white, or over black where white would hide the picture,
as with white icons. The certain rung does not see this view: it compares what the file holds
(`curate.images.exact`).
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]
Values = NDArray[np.generic]


@dataclass(frozen=True, kw_only=True, slots=True)
class ViewParams:
    """How values become grey levels.

    Attributes:
        low: Percentile that becomes black. What lies beyond either is rarely more than dead pixels.
        high: Percentile that becomes white.
        n_sampled: Values that the percentiles are taken of, at even steps.
        mask_below: 8-bit grey pictures whose largest value is less are scaled too: a person sees
            31 of 255 as black.
        large_pixels: Pixels from which a frame is shrunk in two steps, the first one by whole
            numbers: less exact by a grey level, but with a third of the memory.
        hidden: Over white a picture must keep this share of the contrast that it has over black.
    """

    low: float = 0.5
    high: float = 99.5
    n_sampled: int = 1 << 20
    mask_below: int = 32
    large_pixels: int = 40_000_000
    hidden: float = 0.5


PARAMS = ViewParams()
_REDUCIBLE = frozenset({"L", "LA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr"})
_LOSSY = frozenset({"JPEG", "MPO", "WEBP", "AVIF", "HEIF", "JXL", "JPEG2000"})


def is_deep(mode: str) -> bool:
    """Return whether a Pillow mode holds grey values of more than 8 bits."""
    return mode in ("I", "F") or mode.startswith("I;16")


def view_frame(frame: Image.Image, size: tuple[int, int], *, container: str) -> Pixels:
    """Return one frame as 8-bit RGB, shrunk.

    Args:
        frame: As Pillow read it, in any mode.
        size: Width and height in px, no larger than the frame.
        container: Pillow's name of the file's format.

    Returns:
        (h, w, 3) uint8.
    """
    if is_deep(frame.mode):
        return view_values(np.asarray(frame), size)
    frame = _halve_large(frame, size)
    if frame.has_transparency_data:
        return _lay_over_ground(frame.convert("RGBA"), size)
    if frame.mode in ("L", "1") and container not in _LOSSY:
        grey = np.asarray(frame.convert("L"))
        if frame.mode == "L" and 0 < int(grey.max(initial=0)) < PARAMS.mask_below:
            return view_values(grey, size)
        return np.repeat(_shrink(grey, size)[:, :, None], 3, axis=2)
    return np.asarray(_shrink(np.asarray(frame.convert("RGB")), size), np.uint8)


def _halve_large(frame: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Return a large frame shrunk to twice the size or more, so that few copies of it exist."""
    times = min(frame.width // (2 * size[0]), frame.height // (2 * size[1]))
    is_large = frame.width * frame.height > PARAMS.large_pixels
    if not is_large or times < 2 or frame.mode not in _REDUCIBLE:
        return frame
    return frame.reduce(times)


def view_values(values: Values, size: tuple[int, int]) -> Pixels:
    """Return grey values of any depth, or deep RGB, scaled by their range as 8-bit RGB.

    Args:
        values: (H, W) or (H, W, 3), integers or floats; what is not finite is black.
        size: Width and height in px, no larger than the picture.

    Returns:
        (h, w, 3) uint8.
    """
    eight_bit = as_eight_bit(values)
    if eight_bit is not None and int(eight_bit.max(initial=0)) >= PARAMS.mask_below:
        small = _shrink(eight_bit, size)
        return small if small.ndim == 3 else np.repeat(small[:, :, None], 3, axis=2)
    step = max(1, values.size // PARAMS.n_sampled)
    with np.errstate(invalid="ignore"):  # of signalling NaNs
        sample = values.reshape(-1)[::step].astype(np.float64)
    sample = sample[np.isfinite(sample)]
    low, high = np.percentile(sample, (PARAMS.low, PARAMS.high)) if sample.size else (0.0, 0.0)
    if high <= low and sample.size:
        low, high = float(sample.min()), float(sample.max())
    if high <= low:
        return np.zeros((size[1], size[0], 3), np.uint8)
    small = _shrink(_shrinkable(values, low), size).astype(np.float64)
    grey = (np.clip((small - low) * (255.0 / (high - low)), 0, 255) + 0.5).astype(np.uint8)
    return grey if grey.ndim == 3 else np.repeat(grey[:, :, None], 3, axis=2)


def as_eight_bit(values: Values) -> NDArray[np.uint8] | None:
    """Return 16-bit values that are 8-bit ones times 257 as 8-bit ones, 8-bit ones as they are."""
    if values.dtype == np.uint8:
        return values.astype(np.uint8, copy=False)
    if values.dtype.kind not in "iu" or values.size == 0 or int(values.max()) < 257:
        return None
    if int(values.max()) > 65535 or int(values.min()) < 0 or (values % 257).any():
        return None
    return (values // 257).astype(np.uint8)


def _shrinkable(values: Values, low: float) -> Values:
    """Return values of a type that OpenCV shrinks; what is not finite becomes the lowest."""
    if values.dtype in (np.uint8, np.uint16):
        return values
    with np.errstate(invalid="ignore", over="ignore"):
        numbers = values.astype(np.float32)
    return np.nan_to_num(numbers, copy=False, nan=low, posinf=low, neginf=low)


def _shrink(pixels: Any, size: tuple[int, int]) -> Any:  # noqa: ANN401 - of any depth, and as it was
    if (pixels.shape[1], pixels.shape[0]) == size:
        return pixels
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)


def _lay_over_ground(layer: Image.Image, size: tuple[int, int]) -> Pixels:
    """Return RGBA over white, or over black where white would hide the picture."""
    over_white = _compose(layer, "white", size)
    over_black = _compose(layer, "black", size)
    contrast = [float(cv2.meanStdDev(cv2.cvtColor(one, cv2.COLOR_RGB2GRAY))[1].item()) for one in (
        over_white, over_black)]  # fmt: skip
    return over_white if contrast[0] >= PARAMS.hidden * contrast[1] else over_black


def _compose(layer: Image.Image, ground: str, size: tuple[int, int]) -> Pixels:
    below = Image.new("RGBA", layer.size, ground)
    pixels = np.asarray(Image.alpha_composite(below, layer).convert("RGB"))
    return np.asarray(_shrink(pixels, size), np.uint8)
