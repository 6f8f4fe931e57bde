"""Which frames of a clip are taken: the first of each step of time, or one of each scene.

Scenes are told by FFmpeg's filter ``select``, whose score is how much the difference between two
frames in a row stands out from the difference before. It finds cuts, not slow dissolves.
"""

from collections.abc import Iterator
from math import floor
from typing import Any

from curate.sources.frame_rate import FrameRate

_SLACK = 1e-6  # seconds by which a frame may come before its time
_CUT = 0.3  # score of a cut; FFmpeg's manual calls 0.3 to 0.5 a sane choice

Frame = Any
"""Of PyAV."""
Timed = tuple[Frame, float]
"""A frame and its time from the first one, in seconds."""


def take_frames(av: Any, stream: Any, frames: Iterator[Frame], rate: FrameRate) -> Iterator[Timed]:  # noqa: ANN401
    """Yield the frames that are taken, and their times from the first frame, in seconds.

    Args:
        av: PyAV.
        stream: The pictures of the clip.
        frames: Its frames, in order; those without a time stamp are passed over.
        rate: So many a second, or one of each scene.
    """
    timed = _measure_time(frames)
    return _take_by_scene(av, stream, timed) if rate == "scenes" else _take_by_time(timed, rate)


def _measure_time(frames: Iterator[Frame]) -> Iterator[Timed]:
    begin: float | None = None
    for frame in frames:
        if frame.pts is None or frame.time is None:
            continue  # nothing could find it again
        begin = frame.time if begin is None else begin
        yield frame, frame.time - begin


def _take_by_time(frames: Iterator[Timed], fps: float) -> Iterator[Timed]:
    """Yield the first frame of each step of time."""
    step = 0
    for frame, seconds in frames:
        if seconds * fps + _SLACK >= step:
            step = floor(seconds * fps + _SLACK) + 1
            yield frame, seconds


def _take_by_scene(av: Any, stream: Any, frames: Iterator[Timed]) -> Iterator[Timed]:  # noqa: ANN401
    """Yield one frame of each scene, from its second quarter: no fade reaches so far in."""
    detector: _CutDetector | None = None
    early: Timed | None = None
    late: Timed | None = None
    place = 0
    for timed in frames:
        if detector is None or not detector.fits(timed[0]):
            detector = _CutDetector(av, stream, timed[0])
            is_cut = True
        else:
            is_cut = detector.is_cut(timed[0])
        if is_cut:
            if early is not None:
                yield early
            late, place = timed, 0
        if place & (place - 1) == 0:  # 0, 1, 2, 4, …: the last of these is the late one
            early, late = late, timed
        place += 1
    if early is not None:
        yield early


class _CutDetector:
    """Says of each frame whether a scene begins with it."""

    def __init__(self, av: Any, stream: Any, first: Frame) -> None:  # noqa: ANN401
        """Begin with a frame; those that follow must be of its shape."""
        self._av = av
        self._shape = (first.width, first.height, first.format.name)
        self._graph = av.filter.Graph()
        source = self._graph.add_buffer(
            width=first.width,
            height=first.height,
            format=first.format,
            time_base=stream.time_base,
        )
        select = self._graph.add("select", f"gt(scene,{_CUT})")
        sink = self._graph.add("buffersink")
        source.link_to(select)
        select.link_to(sink)
        self._graph.configure()
        self.is_cut(first)

    def fits(self, frame: Frame) -> bool:
        """Return whether a frame is of the same shape as those before."""
        return (frame.width, frame.height, frame.format.name) == self._shape

    def is_cut(self, frame: Frame) -> bool:
        """Return whether a frame stands out from the one before."""
        self._graph.push(frame)
        try:
            self._graph.pull()
        except self._av.BlockingIOError:  # it was not selected
            return False
        return True
