"""The catalogue: one row per file of every source, and the journal of a scan that is under way.

Nothing else reads or writes it.
"""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curate.choices import Status
from curate.errors import InputError
from curate.files import Utf8Name, remove
from curate.progress import Progress
from curate.sources import FILE_SCHEMA, SourceFile
from curate.workspace.integrity import Damaged, check_table, read_table, write_table
from curate.workspace.pixel_shards import CAPTURE_FACTS
from curate.workspace.refused_rows import mark_refused
from curate.workspace.workspace import Workspace

JOURNAL_ROWS = 16_384
_PENDING = "pending-*.parquet"
_IDENTITY = pa.schema(
    FILE_SCHEMA.field(name)
    for name in ("path", "bytes", "mtime_ns", "ctime_ns", "device", "inode", "version")
)
"""What tells that a file is the one that was read: a renamed or replaced file has another."""
_JOURNAL = pa.schema([pa.field("source", pa.string()), *_IDENTITY, pa.field("hash", pa.string())])


class Catalogue:
    """The catalogue of one workspace."""

    def __init__(self, workspace: Workspace) -> None:
        """Name the catalogue; it need not be there yet."""
        self._workspace = workspace

    def is_there(self) -> bool:
        """Return whether anything was ever scanned, and what was found is whole."""
        return self._workspace.catalogue.exists() and not self.find_damage()

    def find_damage(self) -> list[Damaged]:
        """Return what is wrong with the catalogue and the journal; a lost catalogue is, too."""
        found = []
        files = list(self._workspace.root.glob(_PENDING))
        if self._workspace.catalogue.exists() or self._workspace.facts()["sources"]:
            files.append(self._workspace.catalogue)
        for file in sorted(files):
            try:
                check_table(file)
            except Damaged as error:
                found.append(error)
        return found

    def drop_damaged(self, progress: Progress) -> None:
        """Remove what is damaged, with a line each; the caller holds the workspace's lock."""
        for damage in self.find_damage():
            if damage.path == self._workspace.catalogue and not damage.path.exists():
                continue  # its sources are told one by one
            is_journal = damage.path != self._workspace.catalogue
            progress.note(f"{damage}; {'its files are read' if is_journal else 'it is made'} again")
            remove(damage.path)

    def lost_sources(self) -> list[str]:
        """Return the sources of the workspace that the catalogue has no rows of.

        Raises:
            Damaged: The catalogue is.
        """
        sources: list[str] = self._workspace.facts()["sources"]
        path = self._workspace.catalogue
        if not sources or not path.exists():
            return sources
        known = set(pc.unique(read_table(path, ["source"])["source"]).to_pylist())
        return [source for source in sources if source not in known]

    def read(self, columns: Sequence[str], *, source: str | None = None) -> pa.Table:
        """Return columns of all files, or of those of one source.

        Args:
            columns: Names of the catalogue's columns.
            source: Address of a source; None for all.

        Raises:
            InputError: Nothing was ever scanned.
            Damaged: The catalogue is.
        """
        path = self._workspace.catalogue
        if not path.exists() and not self._workspace.facts()["sources"]:
            raise InputError(
                f"{self._workspace} has no images",
                hint="start with `curate train IMAGES` or `curate dedup IMAGES`",
            )
        rows = ("source", source) if source is not None else None
        return read_table(path, columns, where=rows, optional=CAPTURE_FACTS)

    def read_readable(self, columns: Sequence[str]) -> pa.Table:
        """Return columns of all files that can be used, ``status`` among them.

        Raises:
            InputError: Nothing was ever scanned.
        """
        table = self.read([*dict.fromkeys([*columns, "status"])])
        return table.filter(pc.equal(table["status"], Status.OK.value))

    def recall_hashes(self, source: str, files: pa.Table) -> pa.Array:
        """Return the content hash of every file that has not changed since it was read, else null.

        Args:
            source: Address of the source.
            files: Of the columns of `curate.sources.FILE_SCHEMA`.
        """
        known = self._read_known(source)
        rows = pc.index_in(files["path"], value_set=known["path"].combine_chunks())
        matches = known.take(rows)
        is_same = pc.is_valid(rows)
        for name in _IDENTITY.names:
            mine, theirs = (
                column.fill_null("") if name == "version" else column
                for column in (files[name], matches[name])
            )
            is_same = pc.and_(is_same, pc.fill_null(pc.equal(mine, theirs), False))  # noqa: FBT003
        hashes = pc.if_else(is_same, matches["hash"], pa.scalar(None, pa.string()))
        return hashes.combine_chunks() if isinstance(hashes, pa.ChunkedArray) else hashes

    def read_files(self, source: str) -> pa.Table:
        """Return what the last whole scan of a source found: `FILE_SCHEMA` and ``hash``."""
        columns = pa.schema([*FILE_SCHEMA, pa.field("hash", pa.string())])
        path = self._workspace.catalogue
        if not path.exists():
            return columns.empty_table()
        name = Utf8Name(path)  # lives until the file is read
        known = pq.read_schema(str(name)).names
        if not set(columns.names) <= set(known):
            return columns.empty_table()  # of an older version
        return read_table(path, columns.names, where=("source", source)).cast(columns)

    def _read_known(self, source: str) -> pa.Table:
        """Return the rows of a source, what a killed scan left behind first: it is newer."""
        files = [*sorted(self._workspace.root.glob(_PENDING), reverse=True)]
        files += [self._workspace.catalogue] if self._workspace.catalogue.exists() else []
        rows = ("source", source)
        parts = [read_table(file, _JOURNAL.names, where=rows) for file in files]
        return pa.concat_tables([_JOURNAL.empty_table(), *parts])

    def replace_source(self, source: str, table: pa.Table) -> None:
        """Put rows in the place of those of a source, if they differ; end the journal.

        Args:
            source: Address of the source.
            table: All columns, ``source`` among them.

        Raises:
            ResourceError: The disk is full or cannot be written.
        """
        path = self._workspace.catalogue
        old = read_table(path, optional=CAPTURE_FACTS) if path.exists() else table.slice(0, 0)
        if set(old.schema) == set(table.schema):
            old = old.select(table.schema.names)
        else:
            old = table.slice(0, 0)  # of an older version: its sources are scanned again
        is_ours = pc.equal(old["source"], source)
        if not path.exists() or not old.filter(is_ours).equals(table):
            write_table(pa.concat_tables([old.filter(pc.invert(is_ours)), table]), path)
        for pending in self._workspace.root.glob(_PENDING):
            remove(pending)

    def rename_source(self, old: str, new: str) -> None:
        """Call a source by another name; if that has rows already, the old one's go.

        Args:
            old: Its address until now.
            new: Its address.

        Raises:
            ResourceError: The disk is full or cannot be written.
        """
        path = self._workspace.catalogue
        if not path.exists():
            return
        rows = read_table(path, optional=CAPTURE_FACTS)
        is_old = pc.equal(rows["source"], old)
        if pc.any(pc.equal(rows["source"], new), min_count=0).as_py():
            rows = rows.filter(pc.invert(is_old))
        else:
            place = rows.schema.get_field_index("source")
            names = pc.if_else(is_old, new, rows["source"])
            rows = rows.set_column(place, rows.schema.field(place), names)
        write_table(rows, path)

    def mark_refused(self, refusals: pa.Table) -> None:
        """Have refused images count as unreadable in all sources.

        Args:
            refusals: Columns of `curate.workspace.refused_rows.REFUSED`.

        Raises:
            ResourceError: The disk is full or cannot be written.
        """
        rows = read_table(self._workspace.catalogue, optional=CAPTURE_FACTS)
        marked = mark_refused(rows, refusals)
        if not marked.equals(rows):
            write_table(marked, self._workspace.catalogue)


class Journal:
    """Which files a scan has read, kept beside the catalogue until that is written."""

    def __init__(self, workspace: Workspace, source: str, *, rows: int = JOURNAL_ROWS) -> None:
        """Begin a journal.

        Args:
            workspace: Where it lies.
            source: Address of the source.
            rows: When it is full.
        """
        self._workspace = workspace
        self._source = source
        self._most = rows
        self._rows: list[dict[str, object]] = []

    @property
    def is_full(self) -> bool:
        """Whether it is time to write."""
        return len(self._rows) >= self._most

    def add(self, file: SourceFile, content_hash: str | None) -> None:
        """Note the hash of a file, or that it could not be read."""
        facts = {name: getattr(file, name) for name in _IDENTITY.names if name != "version"}
        facts |= {"version": file.place.version, "hash": content_hash}
        self._rows.append({"source": self._source, **facts})

    def flush(self) -> None:
        """Write what was noted.

        Raises:
            ResourceError: The disk is full or cannot be written.
        """
        if not self._rows:
            return
        numbers = [int(path.stem.partition("-")[2]) for path in self._files()]
        path = self._workspace.root / f"pending-{1 + max(numbers, default=0):06d}.parquet"
        write_table(pa.Table.from_pylist(self._rows, schema=_JOURNAL), path)
        self._rows = []

    def _files(self) -> list[Path]:
        return list(self._workspace.root.glob(_PENDING))
