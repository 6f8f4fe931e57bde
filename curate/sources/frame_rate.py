"""How many frames of a clip are images: so many a second, or one of each scene."""

from math import inf
from typing import Literal

from curate.errors import UsageError

FrameRate = float | Literal["scenes"]
"""Frames a second, > 0, or ``scenes``: one frame between two cuts."""
FPS_MARK = "#fps="
"""Behind it, at the end of an address, stands which frames are taken of its clips."""


def parse_frame_rate(text: str) -> FrameRate:
    """Return how many frames a text asks for.

    Args:
        text: A number, or ``scenes``.

    Raises:
        UsageError: It is neither.
    """
    if text == "scenes":
        return "scenes"
    try:
        rate = float(text)
    except ValueError:
        rate = -inf
    if not 0 < rate < inf:
        raise UsageError(
            f"{text} is no number of frames a second",
            hint="give a number, such as --fps 2, or --fps scenes for a frame of each scene",
        )
    return rate


def format_frame_rate(rate: FrameRate) -> str:
    """Return the text that asks for so many frames."""
    return rate if isinstance(rate, str) else f"{rate:g}"


def with_fps(address: str, fps: FrameRate | None) -> str:
    """Return an address that says which frames are taken of its clips, if any are.

    Args:
        address: Of a source.
        fps: The frames; None takes none.
    """
    return address if fps is None else f"{address}{FPS_MARK}{format_frame_rate(fps)}"
