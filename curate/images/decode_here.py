"""Decoding in this very process, whatever that takes: the one place where readers are called.

Whatever a library raises on a file becomes that file's reason, here and nowhere else.
"""

import sys
import warnings
from collections.abc import Callable
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, UnidentifiedImageError

from curate.errors import first_line
from curate.images import raw_photo
from curate.images.capture import read_capture, read_raw_capture
from curate.images.exact import PictureDigest, canonical_deep, canonical_values
from curate.images.formats import HEAD_BYTES, describe_other, explain_missing_reader, sniff
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
from curate.images.perceptual_hash import perceptual_hash
from curate.images.picture import Decoded, GoesApart, Pixels, Unreadable, Wish
from curate.images.view import view_frame, view_values

Result = TypeVar("Result")

N_SAMPLED_FRAMES = 8
"""Frames whose looks tell two animations apart."""
ORIENTATION_TAG = 0x0112
_JPEGS = ("JPEG", "MPO")
_LARGE_PIXELS = {True: 120_000_000, False: 40_000_000}
"""Pixels from which a picture is decoded apart; the view of a JPEG is decoded small."""
_MOST_WORDS = 160  # characters of what a reader says

# of damaged notes, which never cost the picture, and of sizes below our own limit
warnings.filterwarnings("ignore", module=r"PIL\.")


def decode_here(raw: bytes, wish: Wish) -> Decoded | Unreadable:
    """Return the picture that stands for a file; see `curate.images.decode.decode`.

    Args:
        raw: The file's bytes.
        wish: How it is decoded.

    Raises:
        GoesApart: It should not be decoded in this process.
    """
    return _call_readers(lambda: _decode(raw, wish), raw)


def digest_here(raw: bytes, wish: Wish) -> bytes | Unreadable:
    """Return the digest of a whole picture; see `curate.images.decode.digest_picture`.

    Args:
        raw: The file's bytes.
        wish: How it is decoded.

    Raises:
        GoesApart: It should not be decoded in this process.
    """
    return _call_readers(lambda: _digest(raw, wish), raw)


def hash_frames_here(raw: bytes, wish: Wish) -> list[int] | Unreadable:
    """Return the looks of some frames; see `curate.images.decode.hash_frames`.

    Args:
        raw: The file's bytes.
        wish: How they are decoded.

    Raises:
        GoesApart: It should not be decoded in this process.
    """
    return _call_readers(lambda: _hash_frames(raw, wish), raw)


def _call_readers(call: Callable[[], Result], raw: bytes) -> Result | Unreadable:
    try:
        return call()
    except GoesApart:
        raise
    except Exception as error:  # noqa: BLE001 - a reader may raise anything on a damaged file
        return explain_failure(error, raw)


def explain_failure(error: Exception, raw: bytes) -> Unreadable:
    """Return why a file cannot be read, in words for the column ``reason``.

    Args:
        error: What a reader raised.
        raw: The file's bytes.
    """
    match error:
        case UnidentifiedImageError() | raw_photo.ReaderMissing():
            is_raw = isinstance(error, raw_photo.ReaderMissing)
            kind = "RAW" if is_raw else sniff(raw[:HEAD_BYTES])
            missing = explain_missing_reader(kind)
            if missing is not None:
                return Unreadable(missing, needs=kind)
            damaged = f"damaged: no {kind} that can be read"
            return Unreadable(damaged if kind else describe_other(raw))
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
        case 3 | 7:
            turned = turned[::-1, ::-1]
        case 4 | 8:
            turned = turned[::-1]
        case _:
            pass
    return np.ascontiguousarray(turned)


def _open(raw: bytes) -> ImageFile.ImageFile | DeepColor:
    """Return a file as Pillow opens it, or the values of a TIFF that only OpenCV knows.

    Raises:
        GoesApart: It is too large for this process.
        UnidentifiedImageError: Neither knows it.
    """
    try:
        return open_image(raw)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise GoesApart from None
    except UnidentifiedImageError:
        unusual = read_unusual_tiff(raw)
        if unusual is None:
            raise
        return unusual


def _check_size(image: Image.Image, wish: Wish) -> Unreadable | None:
    """Return that a picture is too large, or None.

    Raises:
        GoesApart: It is large for this process.
    """
    refused = wish.refuse(image.width, image.height)
    is_small_view = image.format in _JPEGS and wish.short_side is not None
    is_large = image.width * image.height > _LARGE_PIXELS[is_small_view]
    if refused is None and is_large and not wish.is_apart:
        raise GoesApart
    return refused


def _decode(raw: bytes, wish: Wish) -> Decoded | Unreadable:
    if raw_photo.is_raw_photo(raw):
        return _decode_raw_photo(raw, wish)
    image = _open(raw)
    if isinstance(image, DeepColor):
        return _decode_unusual(image, wish)
    with image:
        return _check_size(image, wish) or _decode_opened(raw, image, wish)


def _decode_opened(raw: bytes, image: ImageFile.ImageFile, wish: Wish) -> Decoded:
    container, mode = image.format or "unknown", image.mode
    n_frames = count_frames(image)
    frame, is_truncated = 0, False
    deep = read_deep_color(raw, image)
    if deep is not None:
        mode = deep.mode
        pixels = view_values(deep.values[:, :, :3], wish.shrink(image.width, image.height))
    elif container in _JPEGS:
        pixels, is_truncated = _decode_jpeg(raw, image, wish)
    else:
        frame = choose_frame(image, n_frames)
        pixels = view_frame(image, wish.shrink(image.width, image.height), container=container)
    width, height = image.size
    orientation = _read_orientation(image)
    shrunk = _shrink(pixels, wish.shrink(width, height))
    if orientation in (5, 6, 7, 8):
        width, height = height, width
    return Decoded(
        pixels=np.asarray(upright(shrunk, orientation), np.uint8),
        width=width,
        height=height,
        format=container,
        mode=mode,
        frames=n_frames,
        frame=frame,
        is_truncated=is_truncated,
        capture=read_capture(image),
    )


def _decode_jpeg(raw: bytes, image: ImageFile.ImageFile, wish: Wish) -> tuple[Pixels, bool]:
    """Return the pixels of a JPEG, at least as large as wished, and whether its end is missing.

    Raises:
        GoesApart: Only a process that does nothing else may look for the rows that are there.
        OSError: Too many rows are missing.
    """
    size = wish.shrink(image.width, image.height) if wish.short_side is not None else None
    pixels = decode_jpeg(raw, image, size)
    if pixels is not None:
        return pixels, False
    try:
        return view_frame(image, image.size, container="JPEG"), False
    except OSError:
        if not wish.is_apart:
            raise GoesApart from None
        salvaged = decode_truncated(raw)
        if salvaged is None:
            raise
        return salvaged, True


def _decode_raw_photo(raw: bytes, wish: Wish) -> Decoded | Unreadable:
    if not wish.is_apart:
        raise GoesApart
    pixels, (width, height) = raw_photo.develop(raw)
    shrunk = _shrink(pixels, wish.shrink(pixels.shape[1], pixels.shape[0]))
    return wish.refuse(width, height) or Decoded(
        shrunk, width, height, "RAW", mode="RAW", capture=read_raw_capture(raw)
    )


def _decode_unusual(deep: DeepColor, wish: Wish) -> Decoded | Unreadable:
    """Return the view of a TIFF that Pillow does not know."""
    height, width = deep.values.shape[:2]
    refused = wish.refuse(width, height)
    if refused is not None:
        return refused
    pixels = view_values(deep.values[:, :, :3], wish.shrink(width, height))
    return Decoded(pixels, width, height, "TIFF", mode=deep.mode)


def _digest(raw: bytes, wish: Wish) -> bytes | Unreadable:
    if raw_photo.is_raw_photo(raw):
        return raw_photo.digest(raw)
    image = _open(raw)
    whole = PictureDigest()
    if isinstance(image, DeepColor):
        whole.add(canonical_deep(image.values))
        return whole.digest()
    with image:
        refused = _check_size(image, wish)
        if refused is not None:
            return refused
        orientation = _read_orientation(image)
        first = _read_first_frame(raw, image, wish)
        for number, frame in enumerate(iterate_frames(image, count_frames(image))):
            is_known = number == 0 and first is not None
            values = first if is_known and first is not None else canonical_values(frame)
            whole.add(upright(values, orientation))
    return whole.digest()


def _read_first_frame(
    raw: bytes, image: ImageFile.ImageFile, wish: Wish
) -> NDArray[np.generic] | None:
    """Return the first frame of a file that Pillow alone would not read in full, or None."""
    deep = read_deep_color(raw, image)
    if deep is not None:
        return canonical_deep(deep.values)
    if image.format in _JPEGS and image.mode in ("RGB", "L"):
        return _decode_jpeg(raw, image, Wish(None, sys.maxsize, is_apart=wish.is_apart))[0]
    return None


def _hash_frames(raw: bytes, wish: Wish) -> list[int] | Unreadable:
    image = _open(raw)
    if isinstance(image, DeepColor):
        return []
    with image:
        refused = _check_size(image, wish)
        if refused is not None:
            return refused
        hashes = []
        last = count_frames(image) - 1
        for number in np.linspace(0, last, N_SAMPLED_FRAMES).round().astype(int).tolist():
            image.seek(number)
            size = wish.shrink(image.width, image.height)
            view = view_frame(image, size, container=image.format or "unknown")
            hashes.append(perceptual_hash(view))
    return hashes


def _shrink(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    if (pixels.shape[1], pixels.shape[0]) == size:
        return pixels
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)


def _read_orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 where there is none or it is damaged."""
    try:
        orientation = image.getexif().get(ORIENTATION_TAG, 1)
    except Exception:  # noqa: BLE001 - damaged notes never cost the picture
        return 1
    return orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else 1
