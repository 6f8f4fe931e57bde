"""Tables with the bytes of images: Parquet, and the Arrow files that `datasets` saves.

The image is a column of struct<bytes, path>, as the `datasets` library has it, or of bytes. Parquet
is read by row group, and of it only the columns of the image and its label; some rows at a time are
in memory, however large a row group is.
"""

from collections.abc import Iterator, Mapping, Sequence
from threading import Lock
from typing import Any
from weakref import finalize

import pyarrow as pa

from curate.errors import first_line
from curate.images.formats import HEAD_BYTES, sniff
from curate.sources.base import Listing, Lost, Place, Recall, SourceFile, Unchanged
from curate.sources.entry_names import is_excluded
from curate.sources.file_list import FileList
from curate.sources.names import escape
from curate.sources.store import Store
from curate.sources.stored_container import StoredContainer
from curate.sources.table_rows import NoImages, TableRows

Item = tuple[SourceFile, bytes | Lost | Unchanged]


class TableContainer(StoredContainer):
    """One Parquet or Arrow file with images; a row whose bytes are missing is read by its path."""

    def __init__(self, store: Store, name: str) -> None:
        """Name the table.

        Args:
            store: Where it lies.
            name: Its name there, and its path below the source.
        """
        super().__init__(store, name)
        self._passed_over: dict[str, int] = {}

    def read_through(
        self, *, exclude: Sequence[str], max_bytes: int, recall: Recall
    ) -> Iterator[Item]:
        """Yield each image with its bytes; see `curate.sources.base.Container`."""
        del recall  # a table is known whole or not at all
        try:
            if is_excluded(self.name, exclude):
                self._passed_over["excluded"] = 1
                return
            with TableRows(self._store, self.name, self.find_version()) as rows:
                digits = len(str(max(rows.n_rows - 1, 0)))
                for number, image, label in rows.iterate(0):
                    path = f"{self.name}#{number:0{digits}}"
                    yield self._make_item(path, number, image, label, max_bytes)
        except NoImages:
            self._passed_over["tables without images"] = 1
        except (pa.ArrowException, OSError, EOFError) as error:
            reason = getattr(error, "strerror", None) or first_line(error)
            file = SourceFile(self.name, 0, 0, place=Place(container=self.name))
            self._builder.add(file)
            yield file, Lost(f"cannot be read: {reason}")

    def list_files(self) -> Listing:
        """Return what ``read_through`` has gone through."""
        files = FileList(self._builder.finish().sort_by("path"))
        return Listing(files=files, passed_over=self._passed_over)

    def _make_item(
        self, path: str, number: int, image: dict[str, Any], label: str | None, max_bytes: int
    ) -> Item:
        """Return the image of a row."""
        content = read_cell(self._store, self.name, image)
        n_bytes = len(content) if isinstance(content, bytes) else 0
        facts = self._facts
        assert facts is not None, "the table was asked for its version first"
        name = image["path"]
        file = SourceFile(
            path,
            n_bytes,
            facts.mtime_ns,
            facts.ctime_ns,
            device=facts.device,
            inode=facts.inode,
            label=label,
            place=Place(
                container=self.name,
                member=escape(name.encode()) if name else None,
                row=number,
                length=n_bytes,
                version=facts.version,
            ),
        )
        self._builder.add(file)
        if n_bytes > max_bytes:
            return file, Lost(f"{n_bytes:,} bytes are more than --max-pixels allows")
        return file, Lost(f"cannot be read: {content.reason}") if isinstance(
            content, Lost
        ) else content


def read_cell(store: Store, table: str, image: Mapping[str, Any]) -> bytes | Lost:
    """Return the bytes of an image of a table, or why there are none.

    Args:
        store: Where the table lies.
        table: Its name there.
        image: ``bytes``, and ``path`` where these lie in a file of their own, as `datasets` has it:
            below the table's folder, so that no table from elsewhere reads what is private.
    """
    content = image["bytes"]
    if content is not None:
        return bytes(content)
    if not image["path"]:
        return Lost("the row has no image")
    beside = store.disk_path(table)
    if beside is None:
        return Lost("the row has no bytes but names a file, which a table elsewhere may not")
    file = (beside.parent / image["path"]).resolve()
    if beside.parent.resolve() not in file.parents:
        return Lost("the row has no bytes but names a file outside the folder of its table")
    try:
        found: bytes = file.read_bytes()
    except OSError as error:
        return Lost(f"the row has no bytes, and the file that it names: {error.strerror}")
    if sniff(found[:HEAD_BYTES]) is None:
        return Lost("the row has no bytes, and the file that it names is no image")
    return found


class TableReader:
    """Reads rows of one table later: those that follow each other in one pass."""

    def __init__(self, store: Store, name: str, version: str | None) -> None:
        """Open nothing yet."""
        self._store, self._name, self._version = store, name, version
        self._rows: TableRows | None = None
        self._ahead: Iterator[tuple[int, dict[str, Any], str | None]] = iter(())
        self._next = -1
        self._lock = Lock()

    def read(self, number: int) -> bytes:
        """Return the bytes of the image of a row.

        Raises:
            OSError: It cannot be read, or the table is of another version.
        """
        with self._lock:
            try:
                image = self._find(number)
            except (pa.ArrowException, NoImages, EOFError) as error:
                raise OSError(0, f"{self._name} cannot be read: {first_line(error)}") from None
        content = read_cell(self._store, self._name, image)
        if isinstance(content, Lost):
            raise OSError(0, content.reason)
        return content

    def _find(self, number: int) -> dict[str, Any]:
        if self._rows is None:
            self._rows = TableRows(self._store, self._name, self._version)
            finalize(self, self._rows.close)
        if not self._next <= number < self._rows.end_of_part(self._next):
            self._ahead, self._next = self._rows.iterate(number), number
        for row, image, _ in self._ahead:
            self._next = row + 1
            if row == number:
                return image
        self._next = -1
        raise OSError(0, f"{self._name} has no row {number:,}")
