"""Containers by their names, and one image of them read later."""

from collections import OrderedDict
from threading import Lock

from curate.sources.base import Container, Place
from curate.sources.entry_names import TABLE_ENDINGS
from curate.sources.store import NOT_ONE_RANGE, Store
from curate.sources.table import TableContainer, TableReader
from curate.sources.tar import TarContainer
from curate.sources.tar_members import Unpacked, is_packed, read_member

_MOST_OPEN = 16  # tables


def make_container(store: Store, name: str, *, shown: str | None = None) -> Container:
    """Return the container that a file is by its name.

    Args:
        store: Where it lies.
        name: Its name there, with one of `curate.sources.entry_names.CONTAINER_ENDINGS`.
        shown: Its path below the source; None for its name.
    """
    kind = TableContainer if name.lower().endswith(TABLE_ENDINGS) else TarContainer
    return kind(store, name, shown=shown)


class ContainerReader:
    """Reads images of containers one by one; neighbours in a table in one pass."""

    def __init__(self, store: Store) -> None:
        """Read nothing yet."""
        self._store = store
        self._unpacked = Unpacked()
        self._is_packed: dict[str, bool] = {}
        self._tables: OrderedDict[tuple[str, str | None], TableReader] = OrderedDict()
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
            return self._find_table(name, place.version).read(place.row)
        with self._lock:
            if name not in self._is_packed:
                self._is_packed[name] = is_packed(self._store, name)
        unpacked = self._unpacked if self._is_packed[name] else None
        return read_member(self._store, name, place, unpacked)

    def _find_table(self, name: str, version: str | None) -> TableReader:
        with self._lock:
            key = (name, version)
            table = self._tables.pop(key, None) or TableReader(self._store, name, version)
            self._tables[key] = table
            if len(self._tables) > _MOST_OPEN:
                self._tables.popitem(last=False)
            return table
