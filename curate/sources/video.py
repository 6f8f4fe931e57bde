"""Clips as sources of frames, each a picture without loss (extra ``video``)."""

import importlib
from collections.abc import Iterator, Sequence
from threading import Lock
from typing import IO, Any
from weakref import finalize

import cv2
import numpy as np

from curate.errors import ResourceError, first_line
from curate.sources.base import Listing, Lost, Place, Recall, SourceFile, Unchanged
from curate.sources.entry_names import is_excluded
from curate.sources.file_list import FileList
from curate.sources.frame_rate import FrameRate
from curate.sources.store import Store
from curate.sources.stored_container import StoredContainer
from curate.sources.video_frames import take_frames

Item = tuple[SourceFile, bytes | Lost | Unchanged]

_NEAR_SECONDS = 10  # frames so far ahead are reached by decoding on, those further by a jump


def require_video() -> Any:  # noqa: ANN401 - a module without types where it is not installed
    """Return PyAV.

    Raises:
        ResourceError: The extra ``video`` is not installed.
    """
    try:
        return importlib.import_module("av")
    except ImportError:
        raise ResourceError(
            "clips need the package av", hint="pip install 'curate-images[video]'"
        ) from None


class VideoContainer(StoredContainer):
    """One clip, of which some frames are images."""

    def __init__(self, store: Store, name: str, *, rate: FrameRate) -> None:
        """Name the clip.

        Args:
            store: Where it lies.
            name: Its name there, and its path below the source.
            rate: Frames that are taken: so many a second at most, or one of each scene.

        Raises:
            ResourceError: The extra ``video`` is not installed.
        """
        self._av = require_video()
        super().__init__(store, name)
        self._rate = rate
        self._excluded = 0

    def read_through(
        self, *, exclude: Sequence[str], max_bytes: int, recall: Recall
    ) -> Iterator[Item]:
        """Yield each frame as a PNG; see `curate.sources.base.Container`."""
        del recall, max_bytes  # a clip is known whole or not at all; its frames are of one size
        if is_excluded(self.name, exclude):
            self._excluded = 1
            return
        try:
            version = self.find_version()
            with self._store.open_seekable(self.name, version) as file:
                yield from self._read_frames(file)
        except (self._av.FFmpegError, OSError) as error:
            reason = getattr(error, "strerror", None) or first_line(error)
            lost = SourceFile(self.name, 0, 0, place=Place(container=self.name))
            self._builder.add(lost)
            yield lost, Lost(f"cannot be read, or not to its end: {reason}")

    def list_files(self) -> Listing:
        """Return what ``read_through`` has gone through."""
        passed_over = {"excluded": self._excluded} if self._excluded else {}
        files = FileList(self._builder.finish().sort_by("path"))
        return Listing(files=files, passed_over=passed_over)

    def _read_frames(self, file: IO[bytes]) -> Iterator[Item]:
        facts = self._facts
        assert facts is not None, "the clip was asked for its version first"
        with self._av.open(file) as clip:
            if not clip.streams.video:
                raise OSError(0, "it has no pictures")
            stream = clip.streams.video[0]
            stream.thread_type = "AUTO"
            for frame, seconds in take_frames(self._av, stream, clip.decode(stream), self._rate):
                content = _encode(frame)
                place = Place(
                    container=self.name,
                    member=_format_time(seconds),
                    row=frame.pts,
                    length=len(content),
                    version=facts.version,
                )
                taken = SourceFile(
                    f"{self.name}#{_format_time(seconds)}",
                    len(content),
                    facts.mtime_ns,
                    facts.ctime_ns,
                    device=facts.device,
                    inode=facts.inode,
                    place=place,
                )
                self._builder.add(taken)
                yield taken, content


class VideoReader:
    """Reads frames of one clip later: those that follow each other in one pass."""

    def __init__(self, store: Store, name: str, version: str | None) -> None:
        """Open nothing yet."""
        self._av = require_video()
        self._store, self._name, self._version = store, name, version
        self._clip: Any = None
        self._frames: Iterator[Any] = iter(())
        self._last: int | None = None
        self._lock = Lock()

    def read(self, pts: int) -> bytes:
        """Return a frame as a PNG.

        Args:
            pts: Its time stamp in the clip.

        Raises:
            OSError: It cannot be read, or the clip is of another version.
        """
        with self._lock:
            try:
                frame = self._find(pts)
            except self._av.FFmpegError as error:
                raise OSError(0, f"{self._name} cannot be read: {first_line(error)}") from None
        return _encode(frame)

    def _find(self, pts: int) -> Any:  # noqa: ANN401 - of PyAV
        if self._clip is None:
            file = self._store.open_seekable(self._name, self._version)
            self._clip = self._av.open(file)
            finalize(self, _close, self._clip, file)
        for jumps in (True, False):  # some clips have an index that leads past the frame
            self._go_to(pts, jumps=jumps)
            for frame in self._frames:
                self._last = frame.pts
                if frame.pts == pts:
                    return frame
                if frame.pts is not None and frame.pts > pts:
                    break
        raise OSError(0, f"{self._name} has no such frame any more")

    def _go_to(self, pts: int, *, jumps: bool) -> None:
        """Have the frames that follow begin at a time stamp or before."""
        stream = self._clip.streams.video[0]
        near = _NEAR_SECONDS / float(stream.time_base)
        if jumps and self._last is not None and self._last < pts <= self._last + near:
            return
        self._clip.seek(pts if jumps else 0, stream=stream, backward=True)
        self._frames = self._clip.decode(stream)


def _encode(frame: Any) -> bytes:  # noqa: ANN401 - of PyAV
    """Return a frame upright as a PNG, quickly packed."""
    pixels = frame.to_ndarray(format="rgb24")
    turns = round(frame.rotation / 90) % 4
    upright = np.ascontiguousarray(np.rot90(pixels, turns)[:, :, ::-1])
    return bytes(cv2.imencode(".png", upright, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1])


def _format_time(seconds: float) -> str:
    """Return such as ``00:01:02.040``."""
    milliseconds = round(seconds * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest // 1000:02}.{rest % 1000:03}"


def _close(clip: Any, file: IO[bytes]) -> None:  # noqa: ANN401 - of PyAV
    clip.close()
    file.close()
