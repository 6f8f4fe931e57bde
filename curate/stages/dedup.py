"""Dedup: find the copies, say why each is one, and choose what stays."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from curate.decode import Pixels, Unreadable, decode
from curate.dedup.config import DedupConfig, Level
from curate.dedup.engine import find_copies
from curate.dedup.tables import Copies, Images, Pairs, Vectors
from curate.errors import InputError
from curate.features import embed_missing, find_model, nearest_prototype, prototypes_of
from curate.files import replacing, writable
from curate.manifest import (
    DEDUP_COLUMNS,
    Manifest,
    carry_over,
    check_overwritable,
    read_manifest,
    write_manifest,
)
from curate.pixels import PixelCache
from curate.records import Labels, Progress, Silent, Status
from curate.scan import scan
from curate.sources import file_of
from curate.threads import ordered_map
from curate.workspace import Workspace, find_workspace

__all__ = ["DedupConfig", "DedupResult", "Rung", "dedup"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Rung:
    """What one kind of evidence found.

    Attributes:
        match: ``bytes``, ``pixels``, ``near`` or ``semantic``.
        n_groups: Groups in which it is the evidence of at least one image.
        n_images: Images that need not be kept.
        bytes: Their size.
    """

    match: str
    n_groups: int
    n_images: int
    bytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class DedupResult:
    """What the stage did.

    Attributes:
        manifest: The file written.
        source: Folder of the images.
        n_images: Images looked at.
        n_unreadable: Rows that cannot be used.
        n_groups: Groups of copies.
        n_duplicates: Images that need not be kept.
        duplicate_bytes: Their size.
        threshold: Least probability of being a copy that counted.
        rungs: The same by evidence, strongest first.
        pairs: The file of evidence, or None.
    """

    manifest: str
    source: str
    n_images: int
    n_unreadable: int
    n_groups: int
    n_duplicates: int
    duplicate_bytes: int
    threshold: float
    rungs: list[Rung]
    pairs: str | None


def dedup(
    target: Path | str | None = None,
    config: DedupConfig | None = None,
    *,
    out: Path | str | None = None,
    pairs: Path | str | None = None,
    workspace: Path | None = None,
    progress: Progress | None = None,
) -> DedupResult:
    """Find copies and fill the duplicate columns of a manifest.

    Args:
        target: A manifest, or a folder of images, which is scanned first; None takes the newest
            manifest of the workspace.
        config: The stage's settings.
        out: The manifest to write; None writes the one that was read, or ``manifest.parquet`` for
            a folder.
        pairs: Where to write the evidence of every accepted pair, a Parquet file.
        workspace: Its folder; None takes ``CURATE_WORKSPACE`` or ``.curate``.
        progress: Hears how it gets on.

    Raises:
        InputError: The folder, the manifest, the workspace or an output cannot be used.
        ResourceError: The lock is held or the disk is full.
    """
    config = config or DedupConfig()
    progress = progress or Silent()
    space = find_workspace(workspace)
    path = Path(target) if target is not None else space.newest_manifest()
    is_folder = path.is_dir() or (path.suffix != ".parquet" and not path.is_file())
    out = Path(out) if out is not None else Path("manifest.parquet") if is_folder else path
    check_overwritable(out)
    if pairs is not None:
        writable(Path(pairs))
    with space.writing():
        manifest = _scanned(path, out, space, progress) if is_folder else read_manifest(path)
        table = _with_facts(manifest, space, progress)
        images = _images(table)
        copies = find_copies(
            images,
            _Reader(space, manifest.source, images.path),
            config,
            vectors=_vectors(space, images, config, progress),
            on_progress=progress,
        )
        columns = _columns(table, manifest, images, copies)
        write_manifest(manifest.with_columns(columns, stage="dedup", config=asdict(config)), out)
        if pairs is not None:
            with replacing(Path(pairs)) as scratch:
                pq.write_table(_pair_table(images, copies.pairs), scratch, compression="zstd")
        space.remember(manifest=out.absolute())
    for note in copies.notes:
        progress.note(note)
    return DedupResult(
        manifest=str(out),
        source=manifest.source,
        n_images=len(images),
        n_unreadable=len(manifest.table) - len(images),
        n_groups=len(np.unique(copies.group[copies.group >= 0])),
        n_duplicates=int((~copies.keep).sum()),
        duplicate_bytes=int(images.bytes[~copies.keep].sum()),
        threshold=copies.threshold,
        rungs=_rungs(images, copies),
        pairs=str(pairs) if pairs is not None else None,
    )


def _scanned(folder: Path, out: Path, space: Workspace, progress: Progress) -> Manifest:
    """Return the manifest of a folder, with what an older one at ``out`` has more."""
    found = scan(folder, space, progress)
    found.readable()
    manifest = found.manifest(Labels.NONE)
    return carry_over(manifest, read_manifest(out)) if out.is_file() else manifest


def _with_facts(manifest: Manifest, space: Workspace, progress: Progress) -> pa.Table:
    """Return the readable rows with what the catalogue knows of them; scan again if it must.

    Raises:
        InputError: The manifest is older than its images.
    """
    usable = manifest.table.filter(pc.equal(manifest.table["status"], Status.OK.value))
    if len(usable) == 0:
        raise InputError(
            "the manifest has no readable image",
            hint="scan a folder that has: `curate dedup IMAGES`",
        )
    facts = _facts(usable, space, manifest.source)
    if facts is None:
        scan(Path(manifest.source), space, progress)
        facts = _facts(usable, space, manifest.source)
    if facts is None:
        raise InputError(
            "images of the manifest have changed or gone since it was written",
            hint="write it again with `curate cluster` or `curate dedup IMAGES`",
        )
    return usable.append_column("_phash", facts["phash"]).append_column(
        "_mtime_ns", facts["mtime_ns"]
    )


def _facts(usable: pa.Table, space: Workspace, source: str) -> pa.Table | None:
    """Return the catalogue's rows for those of a manifest, or None if it does not know them all."""
    if not space.catalogue.is_file():
        return None
    names = ["source", "path", "hash", "phash", "mtime_ns"]
    catalogue = pq.read_table(space.catalogue, columns=names)
    catalogue = catalogue.filter(pc.equal(catalogue["source"], source))
    rows = pc.index_in(usable["path"], value_set=catalogue["path"].combine_chunks())
    if rows.null_count:
        return None
    facts = catalogue.take(rows)
    return facts if facts["hash"].equals(usable["hash"]) else None


def _images(table: pa.Table) -> Images:
    def numbers(name: str, dtype: type) -> NDArray[Any]:
        return np.asarray(table[name].to_numpy(), dtype)

    return Images(
        path=table["path"].to_pylist(),
        content_hash=table["hash"].to_pylist(),
        bytes=numbers("bytes", np.int64),
        width=numbers("width", np.int32),
        height=numbers("height", np.int32),
        format=table["format"].to_pylist(),
        phash=numbers("_phash", np.uint64),
        sharpness=numbers("sharpness", np.float32),
        mtime_ns=numbers("_mtime_ns", np.int64),
    )


class _Reader:
    """Cached pixels by content hash; exact ones from the source."""

    def __init__(self, space: Workspace, source: str, paths: Sequence[str]) -> None:
        self._cache = PixelCache(space.pixels)
        self._source = source
        self._paths = paths

    def read(self, content_hashes: Sequence[str]) -> list[Pixels]:
        """Return cached pixels, (h, w, 3) uint8 each."""
        return self._cache.read(content_hashes)

    def exact(self, indices: Sequence[int]) -> list[Pixels]:
        """Return every pixel of source images, (H, W, 3) uint8 each, upright.

        Raises:
            InputError: A file is gone or has changed.
        """
        files = [file_of(self._source, self._paths[index]) for index in indices]
        return list(ordered_map(_exact, files, ahead=8))


def _exact(file: Path) -> Pixels:
    try:
        found = decode(file.read_bytes(), short_side=None)
        reason = found.reason if isinstance(found, Unreadable) else ""
    except OSError as error:
        found, reason = Unreadable(""), str(error.strerror)
    if isinstance(found, Unreadable):
        raise InputError(
            f"{file} cannot be read any more: {reason}", hint="scan again: `curate dedup IMAGES`"
        )
    return found.pixels


def _vectors(
    space: Workspace, images: Images, config: DedupConfig, progress: Progress
) -> Vectors | None:
    """Return embeddings for the semantic rung, which needs a trained model; else none."""
    if config.level is not Level.SEMANTIC:
        return None
    model = find_model(space, None)
    done = embed_missing(space, model, images.content_hash, device="auto", progress=progress)
    found = done.store.load(images.content_hash)
    assigned = nearest_prototype(found.projections, prototypes_of(model))
    return Vectors(embeddings=found.embeddings, prototype=assigned)


def _columns(table: pa.Table, manifest: Manifest, images: Images, copies: Copies) -> pa.Table:
    """Return the duplicate columns of every row of the manifest."""
    rows = pc.index_in(manifest.table["path"], value_set=table["path"].combine_chunks())
    paths = pa.array(images.path, pa.string())
    kept = pa.array(copies.duplicate_of, mask=copies.duplicate_of < 0)
    columns = {
        "group": pa.array(copies.group, pa.int32(), mask=copies.group < 0),
        "match": pa.array(copies.match, pa.string()),
        "duplicate_of": paths.take(kept),
        "similarity": pa.array(copies.similarity, pa.float32(), mask=np.isnan(copies.similarity)),
        "keep": pa.array(copies.keep, pa.bool_()),
        "keep_reason": pa.array(copies.reason, pa.string()),
    }
    spread = {name: column.take(rows) for name, column in columns.items()}
    spread["keep"] = pc.fill_null(spread["keep"], fill_value=False)
    return pa.table([spread[name] for name in DEDUP_COLUMNS.names], schema=DEDUP_COLUMNS)


def _pair_table(images: Images, pairs: Pairs) -> pa.Table:
    """Return the evidence of accepted pairs, a row each."""
    paths = pa.array(images.path, pa.string())
    box = np.ascontiguousarray(pairs.box, np.float32).reshape(-1)
    return pa.table(
        {
            "path": paths.take(pa.array(pairs.a)),
            "other_path": paths.take(pa.array(pairs.b)),
            "match": pa.array(pairs.match, pa.string()),
            "similarity": pairs.similarity,
            "mirrored": pairs.mirrored,
            "rotation": pairs.rotation,
            "scale": pairs.scale,
            "box": pa.FixedSizeListArray.from_arrays(pa.array(box), 4),
            "inliers": pairs.inliers,
            "tile_agreement": pairs.tile_agreement,
        }
    )


def _rungs(images: Images, copies: Copies) -> list[Rung]:
    """Count what went, by the evidence that ties it to the image that stays."""
    match = np.array([name or "" for name in copies.match])
    rungs = []
    for level in Level:
        went = (match == level.value) & ~copies.keep
        rungs.append(
            Rung(
                match=level.value,
                n_groups=len(np.unique(copies.group[went])),
                n_images=int(went.sum()),
                bytes=int(images.bytes[went].sum()),
            )
        )
    return rungs
