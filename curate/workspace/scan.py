"""Scan: read every file once; know its hash, size, quality and looks; keep its pixels small.

A file that is the one that was read, by path, disk, inode, times and size, is not read again; one
whose bytes are known already, such as one that was renamed, is hashed but not decoded. A killed
scan loses at most one unfinished shard. What is lost or damaged in the workspace is made again.
"""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.amounts import count_of
from curate.choices import Status
from curate.engine.shards import Engine
from curate.errors import InputError, UsageError
from curate.field_types import take_types
from curate.images.decode import MAX_PIXELS, decode, is_met
from curate.images.quality import Issue, Measures, issues_of
from curate.manifest.columns import SCAN_COLUMNS
from curate.manifest.manifest import Manifest
from curate.manifest.rows import HeldRows
from curate.progress import Progress
from curate.secrets import without_secrets
from curate.sources import (
    DEFAULT_EXCLUDES,
    PLACE_SCHEMA,
    VIDEO_ENDINGS,
    Address,
    Source,
    describe_passed_over,
    is_url,
    name_source,
    open_source,
    place_patterns,
    real_address,
)
from curate.workspace.catalogue import Catalogue, Journal
from curate.workspace.examination import Decoder
from curate.workspace.file_reader import FileReader
from curate.workspace.pixel_limit import apply_limit, explain_large_file, hide_large_files
from curate.workspace.pixel_mending import drop_lost_pixels
from curate.workspace.pixel_shards import FACTS, SHARD_IMAGES, ShardWriter, read_facts
from curate.workspace.refusals import read_refusals
from curate.workspace.refused_rows import mark_refused
from curate.workspace.source_reading import read_source
from curate.workspace.workspace import Workspace

_PROBLEMS_TOLD = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Scan:
    """What a scan found.

    Attributes:
        source: Address of the source; of a folder its absolute path.
        table: One row per file, sorted by path: the scan columns, ``mtime_ns``, ``phash``.
        n_read: Files that had to be read.
        n_decoded: Images that had to be decoded.
        seconds: Time the reading took.
        passed_over: How many files were not looked at, by ending or by what they are.
        problems: What could not be looked at, by name.
    """

    source: str
    table: pa.Table
    n_read: int
    n_decoded: int
    seconds: float
    passed_over: Mapping[str, int]
    problems: Sequence[str]

    @property
    def unreadable(self) -> dict[str, int]:
        """How many files cannot be used, by reason, the most frequent first."""
        is_lost = pc.not_equal(self.table["status"], Status.OK.value)
        reasons = Counter(self.table["reason"].filter(is_lost).to_pylist())
        return {str(reason): count for reason, count in reasons.most_common()}

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
            path, reason = (self.table[name][0].as_py() for name in ("path", "reason"))
            n = len(self.table)
            none_can = "the one image file cannot" if n == 1 else f"none of {n:,} image files can"
            raise InputError(
                f"{name_source(self.source)}: {none_can} be read; {path}: {reason}",
                hint="check that these files can be reached and are whole images",
            )
        return self.table.filter(pc.equal(self.table["status"], Status.OK.value))

    def without(self, refusals: pa.Table) -> "Scan":
        """Return the scan as it is when images are refused.

        Args:
            refusals: Columns of `curate.workspace.refused_rows.REFUSED`.
        """
        return replace(self, table=mark_refused(self.table, refusals))

    def row_numbers(self) -> pa.Array:
        """Return for each row its number among the readable ones, or null."""
        is_ok = pc.equal(self.table["status"], Status.OK.value).to_numpy()
        return pa.array(np.cumsum(is_ok) - 1, pa.int64(), mask=~is_ok)

    def manifest(self) -> Manifest:
        """Return the manifest that the scan alone can fill; nothing has a label."""
        derived = {"label": pa.nulls(len(self.table), pa.string()), "issues": _issues(self.table)}
        known = {name: self.table[name] for name in SCAN_COLUMNS.names if name not in derived}
        columns = known | derived
        table = pa.table([columns[name] for name in SCAN_COLUMNS.names], schema=SCAN_COLUMNS)
        for field in PLACE_SCHEMA:
            if self.table[field.name].null_count < len(table):
                table = table.append_column(field, self.table[field.name])
        track = _find_tracks(self.table["container"])
        if track.null_count < len(table):
            table = table.append_column("track", track)
        return Manifest(
            rows=HeldRows(table),
            source=self.source,
        )

    @property
    def said(self) -> pa.ChunkedArray:
        """What the source itself says is the label of each image, null where it says nothing."""
        label = self.table["source_label"]
        return pc.if_else(pc.equal(label, ""), None, label)


@dataclass(frozen=True, kw_only=True, slots=True)
class ScanConfig:
    """How a source is scanned.

    Attributes:
        exclude: Patterns of what is passed over, besides what always is (`curate.sources.base`);
            they are stored, and hold for later scans of the source. None takes those stored.
        max_pixels: Pixels of a picture at most; a larger one is a row with a reason.
    """

    exclude: tuple[str, ...] | None = None
    max_pixels: int = MAX_PIXELS

    def __post_init__(self) -> None:
        """Check the range.

        Raises:
            UsageError: The limit is below 1.
        """
        take_types(self)
        if self.max_pixels < 1:
            raise UsageError(
                f"max-pixels must be at least 1, got {self.max_pixels}", hint="leave it out"
            )


def scan(  # noqa: PLR0913 - what is scanned, how, and where it goes
    address: Address,
    workspace: Workspace,
    progress: Progress,
    *,
    config: ScanConfig | None = None,
    decode_image: Decoder = decode,
    shard_images: int = SHARD_IMAGES,
    engine: Engine | None = None,
) -> Scan:
    """Bring the catalogue up to date with a source; the caller holds the workspace's lock.

    What was not looked at, and why, is told to ``progress``, and what was lost or damaged. A lost
    catalogue is made again from all sources.

    Args:
        address: Of the source, such as a folder's path or a URL; or those of several.
        workspace: Gets the catalogue and the pixels.
        progress: Hears how it gets on.
        config: What is passed over, and how large a picture may be.
        decode_image: Turns the bytes of a file into pixels.
        shard_images: Images of a shard of the pixel cache at most.
        engine: What files are read and decoded on, as `decode` does; None for this process.
            Archives and tables are read in this process.

    Raises:
        InputError: The source is missing or has no image files.
        ResourceError: The disk is full, or the engine cannot go on.
        UsageError: An address holds what grants access, which an engine is not told.
    """
    if engine is not None:
        _refuse_secrets(address)
    Catalogue(workspace).drop_damaged(progress)
    drop_lost_pixels(workspace, progress)
    source = open_source(address)
    _take_name(source.address, workspace)
    found = _scan_source(
        source,
        workspace,
        progress,
        config=config or ScanConfig(),
        decode_image=decode_image,
        shard_images=shard_images,
        engine=engine,
    )
    _scan_lost_sources(workspace, progress)
    workspace.remember(source=source.address)
    return found


def _take_name(address: str, workspace: Workspace) -> None:
    """Have a workspace call a source by this name alone, where it knows it by others."""
    real = real_address(address)
    for known in workspace.facts()["sources"]:
        if known != address and real_address(known) == real:
            Catalogue(workspace).rename_source(known, address)
            workspace.rename_source(known, address)


def _refuse_secrets(address: Address) -> None:
    """Refuse a signed address: workers open the source with what their environment grants.

    Raises:
        UsageError: It is one.
    """
    several = [address] if isinstance(address, str | Path) else address
    if any(is_url(one) and without_secrets(str(one)) != str(one) for one in several):
        raise UsageError(
            "the address holds what grants access, which is not passed on to other machines",
            hint="put the credentials into the environment of each node, or leave out --cluster",
        )


def mend_catalogue(workspace: Workspace, progress: Progress) -> None:
    """Make the catalogue again from the known sources, if it is damaged or lacks one of them.

    The lock is taken only if it has to be.

    Raises:
        ResourceError: Another process holds the lock, or the disk is full.
    """
    catalogue = Catalogue(workspace)
    if not catalogue.find_damage() and not catalogue.lost_sources():
        return
    with workspace.writing(progress):
        catalogue.drop_damaged(progress)
        drop_lost_pixels(workspace, progress)
        _scan_lost_sources(workspace, progress)


def _scan_lost_sources(workspace: Workspace, progress: Progress) -> None:
    """Scan the known sources that the catalogue has no rows of; one that is gone is forgotten."""
    for address in Catalogue(workspace).lost_sources():
        progress.note(f"{name_source(address)} is scanned again: the catalogue has lost it")
        try:
            _scan_source(open_source(address), workspace, progress, config=ScanConfig())
        except InputError as error:
            progress.note(f"{error}; the workspace no longer knows it")
            workspace.forget(address)


def _scan_source(  # noqa: PLR0913 - as of `scan`
    source: Source,
    workspace: Workspace,
    progress: Progress,
    *,
    config: ScanConfig,
    decode_image: Decoder = decode,
    shard_images: int = SHARD_IMAGES,
    engine: Engine | None = None,
) -> Scan:
    """Bring the catalogue up to date with a source.

    Raises:
        InputError: The source is missing or has no image files.
    """
    before = workspace.excludes_of(source.address)
    given = None if config.exclude is None else place_patterns(config.exclude, source.roots)
    exclude = before if given is None else given
    catalogue = Catalogue(workspace)
    usable = _usable_hashes(read_facts(workspace.pixels), config)
    start = time.perf_counter()
    reader = FileReader(
        source,
        writer=ShardWriter(workspace.pixels, most_images=shard_images),
        journal=Journal(workspace, source.address),
        decode_image=decode_image,
        max_pixels=config.max_pixels,
        known=usable.to_pylist(),
        engine=engine,
    )
    patterns = (*DEFAULT_EXCLUDES, *exclude)
    found = read_source(
        source,
        workspace,
        reader,
        usable,
        exclude=patterns,
        is_same_choice=exclude == before,
        progress=progress,
    )
    seconds = time.perf_counter() - start
    limit = config.max_pixels
    hashes = catalogue.recall_hashes(source.address, found.files)
    hashes = hide_large_files(hashes, found.files["bytes"], max_pixels=limit)
    facts = apply_limit(read_facts(workspace.pixels), max_pixels=limit)
    errors = _explain_errors(found.files, hashes, reader.errors, limit)
    rows = _catalogue_rows(source.address, found.files, hashes, errors, facts)
    rows = mark_refused(rows, read_refusals(workspace, progress))
    is_own = pc.equal(rows["status"], Status.OWN.value)
    n_own = int(pc.sum(is_own).as_py() or 0)
    passed_over = dict(found.passed_over) | ({"made by curate": n_own} if n_own else {})
    if n_own == len(rows):
        told = f" ({describe_passed_over(passed_over)})" if passed_over else ""
        raise InputError(
            f"{name_source(source.address)} holds no images{told}",
            hint="name another folder, list, archive or table, or pass over less with --exclude",
        )
    catalogue.replace_source(source.address, rows)
    workspace.note_excludes(source.address, exclude)
    _tell(progress, passed_over, found.problems)
    return Scan(
        source=source.address,
        table=rows.drop_columns(["source"]).filter(pc.invert(is_own)),
        n_read=reader.n_read,
        n_decoded=reader.n_decoded,
        seconds=seconds,
        passed_over=passed_over,
        problems=tuple(found.problems),
    )


def _explain_errors(
    files: pa.Table, hashes: pa.Array, errors: Mapping[str, str], max_pixels: int
) -> pa.Array:
    """Return why each file was not read, null where it was."""
    reasons: list[str | None] = [None] * len(files)
    for row in np.flatnonzero(hashes.is_null().to_numpy(zero_copy_only=False)).tolist():
        large = explain_large_file(files["bytes"][row].as_py(), max_pixels=max_pixels)
        reasons[row] = errors.get(files["path"][row].as_py(), large)
    return pa.array(reasons, pa.string())


def _usable_hashes(facts: pa.Table, config: ScanConfig) -> pa.Array:
    """Return the contents that need not be read again.

    A picture that was too large is, where more pixels are allowed now; one whose reader was missing
    is, where it is there now.
    """
    needs = facts["needs"].to_pylist()
    is_open = np.array([is_met(need, config.max_pixels) for need in needs], np.bool_)
    return facts["hash"].filter(pa.array(~is_open)).combine_chunks()


def _tell(progress: Progress, passed_over: Mapping[str, int], problems: Sequence[str]) -> None:
    if passed_over:
        progress.note(describe_passed_over(passed_over))
    for problem in problems[:_PROBLEMS_TOLD]:
        progress.note(problem)
    if len(problems) > _PROBLEMS_TOLD:
        n_more = len(problems) - _PROBLEMS_TOLD
        more = count_of(n_more, "more such link or folder", "more such links and folders")
        progress.note(f"and {more}")


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


def _find_tracks(containers: pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """Return the clip that each image is a frame of, null where it is none."""
    endings = "|".join(ending.removeprefix(".") for ending in VIDEO_ENDINGS)
    is_clip = pc.match_substring_regex(containers, rf"(?i)\.({endings})$")
    return pc.if_else(is_clip, containers, pa.scalar(None, pa.string()))


def _issues(table: pa.Table) -> pa.Array:
    """Return the names of each image's issues, null where it could not be read."""
    names = [field.name for field in fields(Measures)]
    columns = {name: np.asarray(table[name].to_numpy(), np.float32) for name in names}
    found = issues_of(Measures(**columns))
    rows: list[list[str] | None] = [[] for _ in range(len(table))]
    for issue, has_it in found.items():
        for row in np.flatnonzero(has_it).tolist():
            rows[row] = [*(rows[row] or []), issue.value]
    for row in np.flatnonzero(pc.fill_null(table["is_truncated"], fill_value=False)).tolist():
        rows[row] = [*(rows[row] or []), Issue.TRUNCATED.value]
    for row in np.flatnonzero(np.isnan(columns["light"])).tolist():
        rows[row] = None
    return pa.array(rows, SCAN_COLUMNS.field("issues").type)
