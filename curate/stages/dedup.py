"""Dedup: find the copies, say why each is one, and choose what stays."""

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from curate.algorithms.neighbors import nearest_prototype
from curate.choices import Labels, Level
from curate.copies.config import DedupConfig
from curate.copies.find import find_copies
from curate.copies.inputs import Inputs, read_inputs
from curate.copies.records import Copies, Vectors
from curate.copies.report import (
    RungCount,
    count_rungs,
    is_pair_table,
    make_columns,
    make_pair_table,
    write_sheets,
)
from curate.errors import UsageError
from curate.files import check_output, check_output_folder, replacing, replacing_own_folder
from curate.images.contact_sheet import is_own_sheet
from curate.manifest.manifest import (
    Manifest,
    carry_over,
    check_overwritable,
    read_manifest,
    write_manifest,
)
from curate.manifest.rows import HeldRows, Rows
from curate.progress import Progress, Silent
from curate.workspace.embedding import embed_missing
from curate.workspace.models import find_model, prototypes_of
from curate.workspace.scan import scan
from curate.workspace.workspace import Workspace, find_workspace

__all__ = ["DedupConfig", "DedupResult", "RungCount", "dedup"]


@dataclass(frozen=True, kw_only=True, slots=True)
class DedupResult:
    """What the stage did.

    Attributes:
        manifest: The file written.
        source: Folder of the images.
        against: Folder that they were compared with, or None.
        n_images: Images of the manifest.
        n_unreadable: Rows that cannot be used.
        n_groups: Duplicate groups.
        n_duplicates: Images that need not be kept; with ``against``, copies of images there.
        duplicate_bytes: Their size.
        threshold: Least probability of being a copy that counted.
        rungs: The same by evidence, strongest first.
        pairs: The file of evidence, or None.
        sheets: The folder of contact sheets, or None.
        n_drawn: Duplicate groups on the sheets.
    """

    manifest: str
    source: str
    against: str | None
    n_images: int
    n_unreadable: int
    n_groups: int
    n_duplicates: int
    duplicate_bytes: int
    threshold: float
    rungs: list[RungCount]
    pairs: str | None
    sheets: str | None
    n_drawn: int


def dedup(  # noqa: PLR0913 - one question, several places for the answer
    target: Path | str | None = None,
    config: DedupConfig | None = None,
    *,
    out: Path | str | None = None,
    against: Path | str | None = None,
    pairs: Path | str | None = None,
    sheets: Path | str | None = None,
    most_groups: int = 240,
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
        against: A folder, manifest or workspace. Then only images that are copies of one there are
            reported, and none there is ever dropped.
        pairs: Where to write the evidence of every accepted pair, a Parquet file.
        sheets: A folder to draw the duplicate groups in.
        most_groups: Duplicate groups drawn at most.
        workspace: Its folder; None takes ``CURATE_WORKSPACE`` or ``.curate``.
        progress: Hears how it gets on.

    Raises:
        InputError: The folder, the manifest, the workspace or an output cannot be used.
        UsageError: Two outputs have one name.
        ResourceError: The lock is held or the disk is full.
    """
    config = config or DedupConfig()
    progress = progress or Silent()
    space = find_workspace(workspace)
    path = Path(target) if target is not None else space.newest_manifest()
    out = Path(out) if out is not None else Path("manifest.parquet") if _is_folder(path) else path
    _check_outputs(out, pairs, sheets)
    with space.writing():
        manifest = _read_or_scan(path, out, space, progress)
        other = _read_other(Path(against), space, progress) if against is not None else None
        inputs = read_inputs(manifest, other, space, progress)
        copies = find_copies(
            inputs.images,
            inputs.reader,
            config,
            vectors=_load_vectors(space, inputs, config, progress),
            cache=space.root / "copies",
            on_progress=progress,
        )
        is_other = inputs.images.is_other
        is_counted = ~is_other
        if other is not None:
            is_counted &= (copies.duplicate_of >= 0) & is_other[copies.duplicate_of]
        columns = _make_columns(manifest, inputs, copies, is_counted)
        write_manifest(manifest.with_columns(columns, stage="dedup", config=asdict(config)), out)
        is_dropped = is_counted & ~copies.keep
        n_drawn = 0
        if pairs is not None:
            with replacing(Path(pairs)) as scratch:
                pq.write_table(make_pair_table(inputs, copies.pairs), scratch, compression="zstd")
        if sheets is not None:
            with replacing_own_folder(Path(sheets), is_own_sheet) as folder:
                n_drawn = write_sheets(
                    folder, inputs, copies, is_dropped=is_dropped, most_groups=most_groups
                )
        space.remember(manifest=out.absolute())
    for note in copies.notes:
        progress.note(note)
    return DedupResult(
        manifest=str(out),
        source=manifest.source,
        against=other.source if other is not None else None,
        n_images=int((~is_other).sum()),
        n_unreadable=manifest.n_unreadable,
        n_groups=len(np.unique(copies.group[is_dropped])),
        n_duplicates=int(is_dropped.sum()),
        duplicate_bytes=int(inputs.images.bytes[is_dropped].sum()),
        threshold=copies.threshold,
        rungs=count_rungs(inputs.images, copies, is_dropped=is_dropped),
        pairs=str(pairs) if pairs is not None else None,
        sheets=str(sheets) if sheets is not None else None,
        n_drawn=n_drawn,
    )


def _check_outputs(out: Path, pairs: Path | str | None, sheets: Path | str | None) -> None:
    """Check that all outputs may be written, before the work.

    Raises:
        UsageError: Two of them are one place.
        InputError: One would replace what is not ours.
    """
    places = [Path(output).resolve() for output in (out, pairs, sheets) if output is not None]
    if len(set(places)) < len(places):
        raise UsageError("two outputs have one name", hint="name each of them differently")
    check_overwritable(out)
    if pairs is not None:
        check_output(Path(pairs), is_pair_table, what="a table of pairs")
    if sheets is not None:
        check_output_folder(Path(sheets), is_own_sheet, what="the sheets")


def _is_folder(path: Path) -> bool:
    return path.is_dir() or (path.suffix != ".parquet" and not path.is_file())


def _read_or_scan(path: Path, out: Path, space: Workspace, progress: Progress) -> Manifest:
    """Return the manifest named, or that of a folder with the other columns of ``out``."""
    if not _is_folder(path):
        return read_manifest(path)
    found = scan(path, space, progress)
    found.readable()
    manifest = found.manifest(Labels.NONE)
    return carry_over(manifest, read_manifest(out)) if out.is_file() else manifest


def _read_other(path: Path, space: Workspace, progress: Progress) -> Manifest:
    """Return the manifest of what the images are compared with."""
    if (path / "workspace.json").is_file():
        path = Workspace(path).newest_source()
    if not _is_folder(path):
        return read_manifest(path)
    found = scan(path, space, progress)
    found.readable()
    return found.manifest(Labels.NONE)


def _make_columns(
    manifest: Manifest, inputs: Inputs, copies: Copies, is_counted: NDArray[np.bool_]
) -> Rows:
    paths = manifest.rows.read(["path"])["path"]
    return HeldRows(make_columns(inputs, copies, paths, is_counted=is_counted))


def _load_vectors(
    space: Workspace, inputs: Inputs, config: DedupConfig, progress: Progress
) -> Vectors | None:
    """Return embeddings for the semantic rung, which needs a trained model; else none."""
    if config.level is not Level.SEMANTIC:
        return None
    hashes = inputs.images.content_hash
    model = find_model(space, None)
    done = embed_missing(space, model, hashes, device="auto", progress=progress)
    stored = done.store.load(hashes)
    assigned = nearest_prototype(stored.projections, prototypes_of(model))
    return Vectors(embeddings=stored.embeddings, prototype=assigned)
