"""Scan: read every file once; know its hash, size, quality and fingerprint; keep its pixels small.

The catalogue has one row per file of every source. A file whose size and time have not changed is
not read again; one that was renamed is known by its inode; one whose bytes are known already is
hashed but not decoded. A killed scan loses at most one unfinished shard.
"""

import hashlib
import time
from collections.abc import Container
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curate.choices import Labels, Status
from curate.errors import InputError
from curate.files import remove, replacing
from curate.images.decode import Unreadable, decode
from curate.images.perceptual_hash import perceptual_hash
from curate.images.quality import Measures, issues_of, measure
from curate.manifest.columns import SCAN_COLUMNS
from curate.manifest.manifest import Manifest
from curate.manifest.rows import HeldRows
from curate.parallel import ordered_map
from curate.progress import Progress, task
from curate.sources.folder import SourceFile, file_of, list_images
from curate.workspace.pixel_cache import FACTS, NOTHING, Packed, ShardWriter, pack, read_facts
from curate.workspace.workspace import Workspace

PENDING = "pending-*.parquet"
JOURNAL_ROWS = 16_384
FILES = pa.schema(
    [
        pa.field("source", pa.string()),
        pa.field("path", pa.string()),
        pa.field("bytes", pa.int64()),
        pa.field("mtime_ns", pa.int64()),
        pa.field("inode", pa.uint64()),
        pa.field("hash", pa.string()),
    ]
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Scan:
    """What a scan found.

    Attributes:
        source: The folder, absolute.
        table: One row per file, sorted by path: the scan columns, ``mtime_ns``, ``phash``.
        n_read: Files that had to be read.
        n_decoded: Images that had to be decoded.
        seconds: Time the reading took.
    """

    source: Path
    table: pa.Table
    n_read: int
    n_decoded: int
    seconds: float

    @property
    def images_per_second(self) -> float:
        """Files read per second; 0 if none had to be."""
        return self.n_read / self.seconds if self.n_read else 0.0

    @property
    def n_unreadable(self) -> int:
        """How many files cannot be used."""
        return int(pc.sum(pc.not_equal(self.table["status"], Status.OK.value)).as_py() or 0)

    @property
    def n_ok(self) -> int:
        """How many files can be used."""
        return len(self.table) - self.n_unreadable

    def readable(self) -> pa.Table:
        """Return the rows that can be used.

        Raises:
            InputError: There are none.
        """
        if self.n_ok == 0:
            reason = self.table["reason"][0].as_py()
            raise InputError(
                f"none of the {len(self.table)} image files in {self.source} can be read; "
                f"{self.table['path'][0].as_py()}: {reason}",
                hint="check that the folder holds whole image files",
            )
        return self.table.filter(pc.equal(self.table["status"], Status.OK.value))

    def row_numbers(self) -> pa.Array:
        """Return for each row its number among the readable ones, or null."""
        is_ok = pc.equal(self.table["status"], Status.OK.value).to_numpy()
        return pa.array(np.cumsum(is_ok) - 1, pa.int64(), mask=~is_ok)

    def manifest(self, labels: Labels) -> Manifest:
        """Return the manifest that the scan alone can fill."""
        folders = _folder_names(self.table["path"])
        nobody = pa.nulls(len(self.table), pa.string())
        derived = {
            "label": folders if labels is Labels.FOLDER else nobody,
            "issues": _issues(self.table),
        }
        known = {name: self.table[name] for name in SCAN_COLUMNS.names if name not in derived}
        columns = known | derived
        return Manifest(
            rows=HeldRows(
                pa.table([columns[name] for name in SCAN_COLUMNS.names], schema=SCAN_COLUMNS)
            ),
            source=str(self.source),
            stages={"scan": {"labels": labels.value}},
        )


def scan(source: Path, workspace: Workspace, progress: Progress) -> Scan:
    """Bring the catalogue up to date with a folder; the caller holds the workspace's lock.

    Raises:
        InputError: The folder is missing or has no image files.
        ResourceError: The disk is full.
    """
    source = source.absolute()
    files = list_images(source)
    memory = _Memory(workspace)
    unread = [file for file in files if memory.recall(source, file) is None]
    reading = _Reading()
    start = time.perf_counter()
    if unread:
        with task(progress, "scan", len(unread)):
            _read_files(source, unread, workspace, reading, progress)
        memory = _Memory(workspace)
    seconds = time.perf_counter() - start
    hashes = [memory.recall(source, file) for file in files]
    errors = [reading.errors.get(file.path) for file in files]
    table = _joined(source, files, hashes, errors, read_facts(workspace.pixels))
    _write_catalogue(workspace, table, source)
    workspace.remember(source=source)
    return Scan(
        source=source,
        table=table.drop_columns(["source"]),
        n_read=len(unread),
        n_decoded=reading.n_decoded,
        seconds=seconds,
    )


@dataclass(slots=True)
class _Reading:
    """What the reading of files came to.

    Attributes:
        n_decoded: Images decoded.
        errors: Why a file could not be read, by path.
    """

    n_decoded: int = 0
    errors: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Examined:
    """What reading one file gave."""

    content_hash: str | None
    error: str | None = None
    facts: dict[str, object] | None = None
    image: Packed = NOTHING


class _Memory:
    """The hash of every file that was read before, by its place and by its inode."""

    def __init__(self, workspace: Workspace) -> None:
        self._by_path: dict[tuple[str, str, int, int], str] = {}
        self._by_inode: dict[tuple[int, int, int], str] = {}
        names = ["source", "path", "bytes", "mtime_ns", "inode", "hash"]
        for file in _catalogue_files(workspace):
            table = pq.read_table(file, columns=names)
            rows = zip(*(table[name].to_pylist() for name in names), strict=True)
            for source, path, size, mtime_ns, inode, content_hash in rows:
                if content_hash is not None:
                    self._by_path[source, path, size, mtime_ns] = content_hash
                    self._by_inode[inode, size, mtime_ns] = content_hash

    def recall(self, source: Path, file: SourceFile) -> str | None:
        """Return the hash of a file that has not changed since it was read, else None."""
        found = self._by_path.get((str(source), file.path, file.bytes, file.mtime_ns))
        return found or self._by_inode.get((file.inode, file.bytes, file.mtime_ns))


def _read_files(
    source: Path,
    files: list[SourceFile],
    workspace: Workspace,
    reading: _Reading,
    progress: Progress,
) -> None:
    """Read files on all cores, write shards and journal, count in ``reading``."""
    known = set(read_facts(workspace.pixels)["hash"].to_pylist())
    writer = ShardWriter(workspace.pixels)
    journal = _Journal(workspace, source)
    try:
        examined = ordered_map(lambda file: _examine(source, file, known), files)
        for file, result in zip(files, examined, strict=True):
            if result.error is not None:
                reading.errors[file.path] = result.error
            elif result.facts is not None and result.content_hash not in known:
                known.add(result.content_hash)
                writer.add(result.facts, result.image)
                reading.n_decoded += 1
            journal.add(file, result.content_hash)
            progress.advance()
            if writer.is_full or journal.is_full:
                writer.flush()
                journal.flush()
    finally:
        writer.flush()
        journal.flush()


class _Journal:
    """Which files were read, kept beside the catalogue until it is written."""

    def __init__(self, workspace: Workspace, source: Path) -> None:
        self._workspace = workspace
        self._source = str(source)
        self._rows: list[dict[str, object]] = []

    @property
    def is_full(self) -> bool:
        return len(self._rows) >= JOURNAL_ROWS

    def add(self, file: SourceFile, content_hash: str | None) -> None:
        self._rows.append({"source": self._source, **asdict(file), "hash": content_hash})

    def flush(self) -> None:
        if not self._rows:
            return
        number = len(list(self._workspace.root.glob(PENDING))) + 1
        table = pa.Table.from_pylist(self._rows, schema=FILES)
        with replacing(self._workspace.root / f"pending-{number:06d}.parquet") as scratch:
            pq.write_table(table, scratch)
        self._rows = []


def _examine(source: Path, file: SourceFile, known: Container[str | None]) -> _Examined:
    """Read one file; decode it only if its bytes are not known."""
    try:
        raw = file_of(source, file.path).read_bytes()
    except OSError as error:
        return _Examined(None, f"cannot be read: {error.strerror}")
    content_hash = hashlib.sha256(raw).hexdigest()
    if content_hash in known:
        return _Examined(content_hash)
    found = decode(raw) if raw else Unreadable("the file is empty")
    facts: dict[str, object] = {"hash": content_hash}
    if isinstance(found, Unreadable):
        facts |= {"status": Status.UNREADABLE.value, "reason": found.reason}
        return _Examined(content_hash, None, facts)
    facts |= {
        "status": Status.OK.value,
        "width": found.width,
        "height": found.height,
        "format": found.format,
        **asdict(measure(found.pixels)),
        "phash": perceptual_hash(found.pixels),
    }
    return _Examined(content_hash, None, facts, pack(found.pixels))


def _joined(
    source: Path,
    files: list[SourceFile],
    content_hashes: list[str | None],
    errors: list[str | None],
    facts: pa.Table,
) -> pa.Table:
    """Return a row per file, in order: what the file system says and what its bytes say."""
    hashes = pa.array(content_hashes, pa.string())
    rows = pc.index_in(hashes, value_set=facts["hash"].combine_chunks())
    told = {name: facts[name].take(rows) for name in FACTS.names if name != "hash"}
    is_lost = pc.is_null(rows)
    told["status"] = pc.if_else(is_lost, Status.UNREADABLE.value, told["status"])
    told["reason"] = pc.if_else(is_lost, pa.array(errors, pa.string()), told["reason"])
    return pa.table(
        {
            "source": pa.array([str(source)] * len(files), pa.string()),
            "path": pa.array([file.path for file in files], pa.string()),
            "bytes": pa.array([file.bytes for file in files], pa.int64()),
            "mtime_ns": pa.array([file.mtime_ns for file in files], pa.int64()),
            "inode": pa.array([file.inode for file in files], pa.uint64()),
            "hash": hashes,
            **told,
        }
    )


def _catalogue_files(workspace: Workspace) -> list[Path]:
    """Return the catalogue and what a killed scan left beside it."""
    whole = [workspace.catalogue] if workspace.catalogue.is_file() else []
    return [*whole, *sorted(workspace.root.glob(PENDING))]


def _write_catalogue(workspace: Workspace, table: pa.Table, source: Path) -> None:
    """Replace the source's rows of the catalogue, if they changed."""
    old = pq.read_table(workspace.catalogue) if workspace.catalogue.is_file() else table.slice(0, 0)
    is_ours = pc.equal(old["source"], str(source))
    if not old.filter(is_ours).equals(table):
        others = old.filter(pc.invert(is_ours))
        with replacing(workspace.catalogue) as scratch:
            pq.write_table(pa.concat_tables([others, table]), scratch, compression="zstd")
    for pending in workspace.root.glob(PENDING):
        remove(pending)


def _issues(table: pa.Table) -> pa.Array:
    """Return the names of each image's issues, null where it could not be read."""
    names = [field.name for field in fields(Measures)]
    columns = {name: np.asarray(table[name].to_numpy(), np.float32) for name in names}
    found = issues_of(Measures(**columns))
    rows: list[list[str] | None] = [[] for _ in range(len(table))]
    for issue, has_it in found.items():
        for row in np.flatnonzero(has_it).tolist():
            rows[row] = [*(rows[row] or []), issue.value]
    for row in np.flatnonzero(np.isnan(columns["light"])).tolist():
        rows[row] = None
    return pa.array(rows, SCAN_COLUMNS.field("issues").type)


def _folder_names(paths: pa.ChunkedArray) -> pa.Array:
    """Return the name of the folder each image lies in, null at the top."""
    names = [path.rpartition("/")[0].rpartition("/")[2] or None for path in paths.to_pylist()]
    return pa.array(names, pa.string())
