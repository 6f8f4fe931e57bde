"""From the bytes of a file to upright RGB pixels, or to the reason there are none.

Formats whose readers are C libraries with a history of crashes, and pictures that are very large,
are decoded apart (`curate.images.isolation`): a reader that dies or hangs costs one file, and only
one large picture is in memory at a time. What of a file is read once more, after it could be read,
is always read apart: whatever becomes of the reader, the search for copies goes on.
"""

import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from threading import RLock
from typing import TypeVar

from curate.images import isolation
from curate.images.decode_here import decode_here
from curate.images.formats import (
    FORMATS,
    HEAD_BYTES,
    Reader,
    explain_missing_reader,
    sniff,
)
from curate.images.picture import (
    LONG_SIDE,
    MAX_PIXELS,
    SHORT_SIDE,
    Decoded,
    GoesApart,
    Pixels,
    Unreadable,
    Wish,
)

__all__ = [
    "LONG_SIDE",
    "MAX_PIXELS",
    "SHORT_SIDE",
    "Decoded",
    "Pixels",
    "Unreadable",
    "decode",
    "decode_file",
    "digest_picture",
    "hash_frames",
    "is_met",
    "max_bytes",
]

Result = TypeVar("Result")

MAX_BYTES_A_PIXEL = 8
"""Bytes of a file at most for each pixel that a picture may have."""
_LARGE_BYTES = 128 << 20
_one_large = RLock()


def decode(
    raw: bytes,
    *,
    short_side: int | None = SHORT_SIDE,
    long_side: int = LONG_SIDE,
    max_pixels: int = MAX_PIXELS,
    is_apart: bool = False,
) -> Decoded | Unreadable:
    """Decode one image upright, as RGB: the frame that stands for the file, as people see it.

    Args:
        raw: The file's bytes.
        short_side: Shrink to this short side in px; None keeps the exact pixels.
        long_side: Shrink further where the long side would pass this, in px; for panoramas.
        max_pixels: Pixels of the picture at most.
        is_apart: Whether another process does it, whatever the format.

    Returns:
        The pixels and facts of the file, or the reason there are none.
    """
    wish = Wish(short_side, long_side if short_side is not None else sys.maxsize, max_pixels)
    here = isolation.decode_apart if is_apart else decode_here
    return _read(raw, wish, here=here, apart=isolation.decode_apart)


def digest_picture(raw: bytes, *, max_pixels: int = MAX_PIXELS) -> bytes | Unreadable:
    """Return the digest of the whole picture that a file holds, see `curate.images.exact`.

    Another process reads it.

    Args:
        raw: The file's bytes.
        max_pixels: Pixels of the picture at most.

    Returns:
        32 bytes, or the reason there are none.
    """
    wish = Wish(None, sys.maxsize, max_pixels)
    return _read(raw, wish, here=isolation.digest_apart, apart=isolation.digest_apart)


def hash_frames(raw: bytes, *, max_pixels: int = MAX_PIXELS) -> list[int] | Unreadable:
    """Return the perceptual hashes of eight frames of a file at even steps, the first to the last.

    Another process reads it.

    Args:
        raw: The file's bytes.
        max_pixels: Pixels of a frame at most.

    Returns:
        Eight hashes, some of them of one frame where there are fewer, or the reason why there are
        none.
    """
    wish = Wish(max_pixels=max_pixels)
    return _read(raw, wish, here=isolation.hash_frames_apart, apart=isolation.hash_frames_apart)


def decode_file(path: Path, *, short_side: int | None = SHORT_SIDE) -> Decoded | Unreadable:
    """Read and decode one image file as `decode` does.

    Args:
        path: The file.
        short_side: Shrink to this short side in px; None keeps the exact pixels.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        return Unreadable(str(error.strerror))
    return decode(raw, short_side=short_side)


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
    return explain_missing_reader(needs) is None


def max_bytes(max_pixels: int) -> int:
    """Return the size of a file, in bytes, over which it is not read."""
    return max(64 << 20, MAX_BYTES_A_PIXEL * max_pixels)


def _read(
    raw: bytes,
    wish: Wish,
    *,
    here: Callable[[bytes, Wish], Result | Unreadable],
    apart: Callable[[bytes, Wish], Result | Unreadable],
) -> Result | Unreadable:
    """Read a file, alone in a process of its own where that is safer.

    Args:
        raw: The file's bytes.
        wish: How it is read.
        here: Reads it while others are read, unless it should not.
        apart: Reads any file, one large picture at a time.
    """
    if not raw:
        return Unreadable("the file is empty")
    if len(raw) > max_bytes(wish.max_pixels):
        allowed = f"a picture of --max-pixels {wish.max_pixels:,} takes"
        return Unreadable(f"{len(raw):,} bytes are more than {allowed}")
    with ExitStack() as stack:
        if len(raw) > _LARGE_BYTES:
            stack.enter_context(_one_large)
        if FORMATS.get(sniff(raw[:HEAD_BYTES]) or "") is Reader.HERE:
            try:
                return here(raw, wish)
            except GoesApart:
                stack.enter_context(_one_large)
        return apart(raw, replace(wish, is_apart=True))
