"""Scan: read every file once; know its hash, size, quality and looks; keep its pixels small.

A file that is the one that was read, by path, disk, inode, times and size, is not read again; one
whose bytes are known already, such as one that was renamed, is hashed but not decoded. A killed
scan loses at most one unfinished shard.
"""

import hashlib
import time
from collections.abc import Callable, Container, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.choices import Labels, Status
from curate.errors import InputError
from curate.images.decode import Decoded, Unreadable, decode
from curate.images.perceptual_hash import perceptual_hash
from curate.images.quality import Measures, issues_of, measure
from curate.manifest.columns import SCAN_COLUMNS
from curate.manifest.manifest import Manifest
from curate.manifest.rows import HeldRows
from curate.parallel import ordered_map
from curate.progress import Progress, task
from curate.sources import Source, SourceFile, open_source
from curate.workspace.catalogue import Catalogue, Journal, file_table
from curate.workspace.pixel_cache import (
    FACTS,
    NOTHING,
    SHARD_IMAGES,
    Packed,
    ShardWriter,
    pack,
    read_facts,
)
from curate.workspace.workspace import Workspace

Decoder = Callable[[bytes], Decoded | Unreadable]


@dataclass(frozen=True, kw_only=True, slots=True)
class Scan:
    """What a scan found.

    Attributes:
        source: Address of the source; of a folder its absolute path.
        table: One row per file, sorted by path: the scan columns, ``mtime_ns``, ``phash``.
        n_read: Files that had to be read.
        n_decoded: Images that had to be decoded.
        seconds: Time the reading took.
    """

    source: str
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
            source=self.source,
            stages={"scan": {"labels": labels.value}},
        )


def scan(
    address: Path | str,
    workspace: Workspace,
    progress: Progress,
    *,
    decode_image: Decoder = decode,
    shard_images: int = SHARD_IMAGES,
) -> Scan:
    """Bring the catalogue up to date with a source; the caller holds the workspace's lock.

    Args:
        address: Of the source, such as a folder's path.
        workspace: Gets the catalogue and the pixels.
        progress: Hears how it gets on.
        decode_image: Turns the bytes of a file into pixels.
        shard_images: Images of a shard of the pixel cache at most.

    Raises:
        InputError: The source is missing or has no image files.
        ResourceError: The disk is full.
    """
    source = open_source(address)
    files = source.list_files()
    table = file_table(files)
    catalogue = Catalogue(workspace)
    hashes = catalogue.recall_hashes(source.address, table)
    unread = [files[row] for row in np.flatnonzero(hashes.is_null()).tolist()]
    reading = _Reading(source, workspace, decode_image=decode_image, shard_images=shard_images)
    start = time.perf_counter()
    if unread:
        with task(progress, "scan", len(unread)):
            reading.read_files(unread, progress)
        hashes = catalogue.recall_hashes(source.address, table)
    seconds = time.perf_counter() - start
    errors = pa.array([reading.errors.get(file.path) for file in files], pa.string())
    rows = _catalogue_rows(source.address, table, hashes, errors, read_facts(workspace.pixels))
    catalogue.replace_source(source.address, rows)
    workspace.remember(source=source.address)
    return Scan(
        source=source.address,
        table=rows.drop_columns(["source"]),
        n_read=len(unread),
        n_decoded=reading.n_decoded,
        seconds=seconds,
    )


@dataclass(frozen=True, slots=True)
class _Examined:
    """What reading one file gave."""

    content_hash: str | None
    error: str | None = None
    facts: dict[str, object] | None = None
    image: Packed = NOTHING


class _Reading:
    """The reading of files on all cores, into shards of pixels and a journal.

    Attributes:
        n_decoded: Images decoded.
        errors: Why a file could not be read, by path.
    """

    def __init__(
        self, source: Source, workspace: Workspace, *, decode_image: Decoder, shard_images: int
    ) -> None:
        self._source = source
        self._workspace = workspace
        self._decode = decode_image
        self._shard_images = shard_images
        self.n_decoded = 0
        self.errors: dict[str, str] = {}

    def read_files(self, files: Sequence[SourceFile], progress: Progress) -> None:
        """Read files; what was done is saved whatever happens."""
        known = set(read_facts(self._workspace.pixels)["hash"].to_pylist())
        with ExitStack() as stack:
            writer = ShardWriter(self._workspace.pixels, most_images=self._shard_images)
            journal = Journal(self._workspace, self._source.address)
            stack.callback(journal.flush)
            stack.callback(writer.flush)  # before the journal, which names what it holds
            examined = ordered_map(lambda file: self._examine(file, known), files)
            for file, result in zip(files, examined, strict=True):
                if result.error is not None:
                    self.errors[file.path] = result.error
                elif result.facts is not None and result.content_hash not in known:
                    known.add(result.content_hash)
                    writer.add(result.facts, result.image)
                    self.n_decoded += 1
                journal.add(file, result.content_hash)
                progress.advance()
                if writer.is_full or journal.is_full:
                    writer.flush()
                    journal.flush()

    def _examine(self, file: SourceFile, known: Container[str | None]) -> _Examined:
        """Read one file; decode it only if its bytes are not known."""
        try:
            raw = self._source.read(file.path)
        except OSError as error:
            return _Examined(None, f"cannot be read: {error.strerror}")
        content_hash = hashlib.sha256(raw).hexdigest()
        if content_hash in known:
            return _Examined(content_hash)
        found = self._decode(raw) if raw else Unreadable("the file is empty")
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


def _catalogue_rows(
    address: str, files: pa.Table, hashes: pa.Array, errors: pa.Array, facts: pa.Table
) -> pa.Table:
    """Return a row per file, in order: what the file system says and what its bytes say."""
    numbers = pc.index_in(hashes, value_set=facts["hash"].combine_chunks())
    of_bytes = {name: facts[name].take(numbers) for name in FACTS.names if name != "hash"}
    is_lost = pc.is_null(numbers)
    of_bytes["status"] = pc.if_else(is_lost, Status.UNREADABLE.value, of_bytes["status"])
    of_bytes["reason"] = pc.if_else(is_lost, errors, of_bytes["reason"])
    return pa.table(
        {
            "source": pa.array([address] * len(files), pa.string()),
            **{name: files[name] for name in files.schema.names},
            "hash": hashes,
            **of_bytes,
        }
    )


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
