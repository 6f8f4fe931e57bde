"""Containers by their names, and one image of them read later."""

from collections import OrderedDict
from threading import Lock

from curate.sources.base import Container, Place
from curate.sources.entry_names import TABLE_ENDINGS, is_video
from curate.sources.frame_rate import FrameRate
from curate.sources.store import NOT_ONE_RANGE, Store
from curate.sources.table import TableContainer, TableReader
from curate.sources.tar import TarContainer
from curate.sources.tar_members import Unpacked, is_packed, read_member
from curate.sources.video import VideoContainer, VideoReader

_MOST_OPEN = 16  # tables and clips


def make_container(store: Store, name: str, *, fps: FrameRate | None = None) -> Container:
    """Return the container that a file is by its name.

    Args:
        store: Where it lies.
        name: Its name there, and its path below the source.
        fps: Frames that are taken of a clip.

    Raises:
        ResourceError: It is a clip, and the extra ``video`` is not installed.
    """
    if fps is not None and is_video(name):
        return VideoContainer(store, name, rate=fps)
    kind = TableContainer if name.lower().endswith(TABLE_ENDINGS) else TarContainer
    return kind(store, name)


class ContainerReader:
    """Reads images of containers one by one; neighbours in a table in one pass."""

    def __init__(self, store: Store) -> None:
        """Read nothing yet."""
        self._store = store
        self._unpacked = Unpacked()
        self._is_packed: dict[str, bool] = {}
        self._open: OrderedDict[tuple[str, str | None], TableReader | VideoReader] = OrderedDict()
        self._lock = Lock()

    def read(self, name: str, place: Place) -> bytes:
        """Return the bytes of an image.

        Args:
            name: Of the container in the store.
            place: Where in there it lies.

        Raises:
            OSError: It cannot be read, or the container is of another version.
        """
        if place.offset is None and place.row is None:
            raise OSError(0, NOT_ONE_RANGE)
        if place.row is not None:
            return self._find_reader(name, place.version).read(place.row)
        with self._lock:
            if name not in self._is_packed:
                self._is_packed[name] = is_packed(self._store, name)
        unpacked = self._unpacked if self._is_packed[name] else None
        return read_member(self._store, name, place, unpacked)

    def _find_reader(self, name: str, version: str | None) -> TableReader | VideoReader:
        """Return what reads rows of a table, or frames of a clip."""
        kind = VideoReader if is_video(name) else TableReader
        with self._lock:
            key = (name, version)
            reader = self._open.pop(key, None) or kind(self._store, name, version)
            self._open[key] = reader
            if len(self._open) > _MOST_OPEN:
                self._open.popitem(last=False)
            return reader
