"""From the bytes of a file to upright RGB pixels, or to the reason there are none.

Whatever a library raises on a file becomes that file's reason, here and nowhere else. Formats whose
readers are C libraries with a history of crashes, and pictures that are very large, are decoded apart
(`curate.images.isolation`): a reader that dies or hangs costs one file.
"""

import sys
import warnings
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from threading import RLock

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from curate.errors import first_line
from curate.images import isolation, raw_photo
from curate.images.exact import PictureDigest, canonical_deep, canonical_values
from curate.images.formats import FORMATS, HEAD_BYTES, Reader, describe_other, sniff
from curate.images.frames import (
    DeepColor,
    choose_frame,
    count_frames,
    iterate_frames,
    open_image,
    read_deep_color,
    read_unusual_tiff,
)
from curate.images.jpeg import decode_jpeg, decode_truncated
from curate.images.view import view_frame, view_values

Pixels = NDArray[np.uint8]

SHORT_SIDE = 256
LONG_SIDE = 2048
MAX_PIXELS = 178_956_970
"""Pixels of a picture at most, where nothing else is asked for: 512 MB as RGB."""
MAX_BYTES_A_PIXEL = 8
"""Bytes of a file at most for each pixel that a picture may have."""
ORIENTATION_TAG = 0x0112
_JPEGS = ("JPEG", "MPO")
_LARGE_PIXELS = {
    True: 120_000_000,
    False: 40_000_000,
}  # of a JPEG, whose view is decoded small; else
_LARGE_BYTES = 128 << 20
_MOST_WORDS = 160  # characters of what a reader says
_one_large = RLock()

warnings.filterwarnings(
    "ignore", module=r"PIL\."
)  # of damaged notes, and of sizes below our own limit


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Why an image cannot be used; becomes ``status`` and ``reason`` in the manifest.

    Attributes:
        reason: In words.
        needs: What would mend it, for `is_met`: ``pixels N``, or the name of a format whose reader is
            not installed; None for nothing.
    """

    reason: str
    needs: str | None = None


@dataclass(frozen=True, slots=True)
class Decoded:
    """One decoded image.

    Attributes:
        pixels: (h, w, 3) uint8, upright RGB, shrunk to the sides asked for, never enlarged; the view of
            `curate.images.view`.
        width: Upright width of the file's image in px.
        height: Upright height of the file's image in px.
        format: The format's name as Pillow has it, such as ``JPEG``; ``RAW`` of a camera's file.
        mode: What a pixel is: Pillow's mode, such as ``RGB``, ``L``, ``RGBA``, ``I;16``, or ``RGB;16``.
        frames: Frames of the file, >= 1.
        frame: Number of the frame that is shown, from 0.
        is_truncated: Whether the end of the file is missing.
    """

    pixels: Pixels
    width: int
    height: int
    format: str
    mode: str = "RGB"
    frames: int = 1
    frame: int = 0
    is_truncated: bool = False


@dataclass(frozen=True, slots=True)
class Wish:
    """How a picture is to be decoded.

    Attributes:
        short_side: Shrink to this short side in px; None keeps all pixels.
        long_side: Shrink further where the long side would pass this, in px; for panoramas.
        max_pixels: Pixels of the picture at most.
        is_apart: Whether this process does nothing else, so that large and risky pictures are welcome.
    """

    short_side: int | None = SHORT_SIDE
    long_side: int = LONG_SIDE
    max_pixels: int = MAX_PIXELS
    is_apart: bool = False


class _GoesApart(Exception):
    """This picture is to be decoded in a process of its own."""


def decode(
    raw: bytes,
    *,
    short_side: int | None = SHORT_SIDE,
    long_side: int = LONG_SIDE,
    max_pixels: int = MAX_PIXELS,
) -> Decoded | Unreadable:
    """Decode one image upright, as RGB: the frame that stands for the file, as people see it.

    Args:
        raw: The file's bytes.
        short_side: Shrink to this short side in px; None keeps the exact pixels.
        long_side: Shrink further where the long side would pass this, in px; for panoramas.
        max_pixels: Pixels of the picture at most.

    Returns:
        The pixels and facts of the file, or the reason there are none.
    """
    wish = Wish(short_side, long_side if short_side is not None else sys.maxsize, max_pixels)
    reason = _refuse(raw, max_pixels)
    if reason is not None:
        return Unreadable(reason)
    with ExitStack() as stack:
        if len(raw) > _LARGE_BYTES:
            stack.enter_context(_one_large)
        if FORMATS.get(sniff(raw[:HEAD_BYTES]) or "") is Reader.HERE:
            try:
                return decode_here(raw, wish)
            except _GoesApart:
                stack.enter_context(_one_large)
        return isolation.decode_apart(raw, wish)


def digest_picture(raw: bytes, *, max_pixels: int = MAX_PIXELS) -> bytes | Unreadable:
    """Return the digest of the whole picture that a file holds, see `curate.images.exact`.

    Args:
        raw: The file's bytes.
        max_pixels: Pixels of the picture at most.

    Returns:
        32 bytes, or the reason there are none.
    """
    wish = Wish(None, sys.maxsize, max_pixels)
    reason = _refuse(raw, max_pixels)
    if reason is not None:
        return Unreadable(reason)
    if FORMATS.get(sniff(raw[:HEAD_BYTES]) or "") is Reader.HERE:
        try:
            return digest_here(raw, wish)
        except _GoesApart:
            pass
    with _one_large:
        return isolation.digest_apart(raw, wish)


def decode_file(path: Path, *, short_side: int | None = SHORT_SIDE) -> Decoded | Unreadable:
    """Read and decode one image file as `decode` does; exact pixels are of any length."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        return Unreadable(str(error.strerror))
    return decode(raw, short_side=short_side)


def decode_here(raw: bytes, wish: Wish) -> Decoded | Unreadable:
    """Decode in this process; see `decode`.

    Raises:
        _GoesApart: It should not be decoded here.
    """
    try:
        if raw_photo.is_raw_photo(raw):
            return _decode_raw_photo(raw, wish)
        return _decode_opened(raw, wish)
    except _GoesApart:
        raise
    except Exception as error:  # noqa: BLE001 - a reader may raise anything on a damaged file
        return explain_failure(error, raw)


def digest_here(raw: bytes, wish: Wish) -> bytes | Unreadable:
    """Digest in this process; see `digest_picture`.

    Raises:
        _GoesApart: It should not be decoded here.
    """
    try:
        if raw_photo.is_raw_photo(raw):
            return raw_photo.digest(raw)
        return _digest_opened(raw, wish)
    except _GoesApart:
        raise
    except Exception as error:  # noqa: BLE001 - a reader may raise anything on a damaged file
        return explain_failure(error, raw)


def explain_failure(error: Exception, raw: bytes) -> Unreadable:
    """Return why a file cannot be read, in words for the column ``reason``.

    Args:
        error: What a reader raised.
        raw: The file's bytes.
    """
    kind = sniff(raw[:HEAD_BYTES])
    match error:
        case UnidentifiedImageError() | raw_photo.ReaderMissing():
            kind = "RAW" if isinstance(error, raw_photo.ReaderMissing) else kind
            missing = isolation.explain_missing_reader(kind)
            if missing is not None:
                return Unreadable(missing, needs=kind)
            return Unreadable(
                f"damaged: no {kind} that can be read" if kind else describe_other(raw)
            )
        case MemoryError():
            return Unreadable("decoding it takes more memory than there is")
        case _:
            return Unreadable(f"damaged: {first_line(error)[:_MOST_WORDS]}")


def upright(pixels: NDArray[np.generic], orientation: int) -> NDArray[np.generic]:
    """Return pixels (h, w, ...) turned as their EXIF orientation, 1 to 8, asks; others are left."""
    turned = pixels.swapaxes(0, 1) if orientation in (5, 6, 7, 8) else pixels
    match orientation:
        case 2 | 6:
            turned = turned[:, ::-1]
        case 3:
            turned = turned[::-1, ::-1]
        case 4 | 8:
            turned = turned[::-1]
        case 7:
            turned = turned[::-1, ::-1]
        case _:
            pass
    return np.ascontiguousarray(turned)


def _refuse(raw: bytes, max_pixels: int) -> str | None:
    """Return why bytes are not even looked at, or None."""
    if not raw:
        return "the file is empty"
    if len(raw) > max_bytes(max_pixels):
        return f"{len(raw):,} bytes are more than a picture of --max-pixels {max_pixels:,} takes"
    return None


def is_met(needs: str | None, max_pixels: int) -> bool:
    """Return whether what an unreadable image needs is there now.

    Args:
        needs: From `Unreadable`.
        max_pixels: Pixels of a picture at most.
    """
    if needs is None:
        return False
    if needs.startswith("pixels "):
        return max_pixels >= int(needs.removeprefix("pixels "))
    return isolation.explain_missing_reader(needs) is None


def max_bytes(max_pixels: int) -> int:
    """Return the size of a file, in bytes, over which it is not read."""
    return max(64 << 20, MAX_BYTES_A_PIXEL * max_pixels)


def _check_size(image: Image.Image, wish: Wish) -> Unreadable | None:
    """Return that a picture is too large, or None.

    Raises:
        _GoesApart: It is large for this process.
    """
    n_pixels = image.width * image.height
    if n_pixels > wish.max_pixels:
        return _too_large(image.width, image.height, wish)
    is_small_view = image.format in _JPEGS and wish.short_side is not None
    if not wish.is_apart and n_pixels > _LARGE_PIXELS[is_small_view]:
        raise _GoesApart
    return None


def _too_large(width: int, height: int, wish: Wish) -> Unreadable:
    reason = f"{width}x{height} px is over --max-pixels {wish.max_pixels:,}"
    return Unreadable(reason, needs=f"pixels {width * height}")


def _decode_opened(raw: bytes, wish: Wish) -> Decoded | Unreadable:
    try:
        image = open_image(raw)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _GoesApart from None
    except UnidentifiedImageError:
        unusual = read_unusual_tiff(raw)
        if unusual is None:
            raise
        return _decode_values(unusual, wish)
    with image:
        too_large = _check_size(image, wish)
        if too_large is not None:
            return too_large
        container, mode = image.format or "unknown", image.mode
        size = _shrunk(image.width, image.height, wish)
        n_frames = count_frames(image)
        frame, is_truncated = 0, False
        deep = read_deep_color(raw, image)
        if deep is not None:
            mode, pixels = deep.mode, view_values(deep.values[:, :, :3], size)
        elif container in _JPEGS:
            pixels, is_truncated = _decode_jpeg(raw, image, size, wish)
        else:
            frame = choose_frame(image, n_frames)
            size = _shrunk(image.width, image.height, wish)
            pixels = view_frame(image, size, container=container)
        width, height = image.size
        orientation = _orientation_of(image)
    if (pixels.shape[1], pixels.shape[0]) != size:
        pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
    if orientation in (5, 6, 7, 8):
        width, height = height, width
    return Decoded(
        pixels=np.asarray(upright(pixels, orientation), np.uint8),
        width=width,
        height=height,
        format=container,
        mode=mode,
        frames=n_frames,
        frame=frame,
        is_truncated=is_truncated,
    )


def _decode_jpeg(
    raw: bytes, image: Image.Image, size: tuple[int, int], wish: Wish
) -> tuple[Pixels, bool]:
    """Return the pixels of a JPEG, no smaller than ``size``, and whether its end is missing.

    Raises:
        _GoesApart: Only a process that does nothing else may look for the rows that are there.
        OSError: Too many rows are missing.
    """
    pixels = decode_jpeg(raw, image, size if wish.short_side is not None else None)
    if pixels is not None:
        return pixels, False
    try:
        return view_frame(image, image.size, container="JPEG"), False
    except OSError:
        if not wish.is_apart:
            raise _GoesApart from None
        salvaged = decode_truncated(raw)
        if salvaged is None:
            raise
        return salvaged, True


def _decode_values(deep: DeepColor, wish: Wish) -> Decoded | Unreadable:
    """Return the view of a TIFF that Pillow does not know."""
    height, width = deep.values.shape[:2]
    if width * height > wish.max_pixels:
        return _too_large(width, height, wish)
    pixels = view_values(deep.values[:, :, :3], _shrunk(width, height, wish))
    return Decoded(pixels, width, height, "TIFF", mode=deep.mode)


def _decode_raw_photo(raw: bytes, wish: Wish) -> Decoded | Unreadable:
    if not wish.is_apart:
        raise _GoesApart
    pixels, (width, height) = raw_photo.develop(raw)
    if width * height > wish.max_pixels:
        return _too_large(width, height, wish)
    size = _shrunk(pixels.shape[1], pixels.shape[0], wish)
    shrunk = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
    return Decoded(shrunk, width, height, "RAW", mode="RAW")


def _digest_opened(raw: bytes, wish: Wish) -> bytes | Unreadable:
    try:
        image = open_image(raw)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _GoesApart from None
    except UnidentifiedImageError:
        unusual = read_unusual_tiff(raw)
        if unusual is None:
            raise
        whole = PictureDigest()
        whole.add(canonical_deep(unusual.values))
        return whole.digest()
    whole = PictureDigest()
    with image:
        too_large = _check_size(image, wish)
        if too_large is not None:
            return too_large
        orientation = _orientation_of(image)
        n_frames = count_frames(image)
        deep = read_deep_color(raw, image)
        if deep is not None:
            whole.add(upright(canonical_deep(deep.values), orientation))
        elif image.format in _JPEGS and image.mode in ("RGB", "L"):
            pixels, _ = _decode_jpeg(
                raw, image, image.size, Wish(None, sys.maxsize, is_apart=wish.is_apart)
            )
            whole.add(upright(pixels, orientation))
        else:
            for frame in iterate_frames(image, n_frames):
                whole.add(upright(canonical_values(frame), orientation))
        if deep is not None or (image.format in _JPEGS and n_frames > 1):
            for number in range(1, n_frames):
                image.seek(number)
                whole.add(upright(canonical_values(image), orientation))
    return whole.digest()


def _orientation_of(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 where there is none or it is damaged."""
    try:
        orientation = image.getexif().get(ORIENTATION_TAG, 1)
    except Exception:  # noqa: BLE001 - damaged notes never cost the picture
        return 1
    return orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else 1


def _shrunk(width: int, height: int, wish: Wish) -> tuple[int, int]:
    """Return width and height in px after shrinking."""
    if wish.short_side is None:
        return width, height
    scale = min(1.0, wish.short_side / min(width, height), wish.long_side / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))
