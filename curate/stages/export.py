"""Export: take the images of a manifest out, as links, copies, archives or lists."""

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pyarrow as pa
import pyarrow.compute as pc

from curate.archives import ParquetShards, TarShards
from curate.errors import InputError, UsageError
from curate.files import disk_errors, remove
from curate.listings import DATA, CocoListing, FiftyOneListing
from curate.manifest import Manifest, read_manifest
from curate.records import ExportAs, Layout, Progress, Silent, Status, task
from curate.sources import file_of, unescape
from curate.where import matching

LIST = "images.txt"


@dataclass(frozen=True, kw_only=True, slots=True)
class ExportConfig:
    """What the stage needs to know.

    Attributes:
        form: Links, copies, WebDataset archives, Parquet with the files' bytes, a list, or links
            with the labels in COCO's or FiftyOne's JSON.
        layout: Paths in the folder: as in the source, all in one folder, or split and label.
        where: Rows to take, an expression of DuckDB; None takes the selected ones, or those kept.
    """

    form: ExportAs = ExportAs.SYMLINK
    layout: Layout = Layout.TREE
    where: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ExportResult:
    """What the stage did.

    Attributes:
        folder: Where the images are.
        form: How they were taken out.
        n_images: Images taken out.
    """

    folder: str
    form: str
    n_images: int


def export(
    manifest: Path | str,
    to: Path | str,
    config: ExportConfig | None = None,
    *,
    progress: Progress | None = None,
) -> ExportResult:
    """Take out the selected images of a manifest; those kept, if none were sampled.

    The folder appears whole or not at all, and nothing outside it is written.

    Args:
        manifest: The manifest.
        to: The folder, which must be empty or not there.
        config: The stage's settings.
        progress: Hears how it gets on.

    Raises:
        InputError: The manifest or a source file cannot be used, or a path leads out of the folder.
        UsageError: The folder is not empty, or lies in the source or around it.
        ResourceError: The disk is full.
    """
    config = config or ExportConfig()
    read = read_manifest(Path(manifest))
    folder = Path(to).absolute()
    _check_folder(folder, Path(read.source))
    table = read.table.filter(_is_wanted(read, config))
    names = _names(table, config.layout)
    if config.form is ExportAs.FIFTYONE:
        names = _apart(names, by_stem=True)
    scratch = folder.with_name(f".{folder.name}.partial")
    with disk_errors(folder):
        try:
            remove(scratch)
            scratch.mkdir(parents=True)
            with task(progress or Silent(), "export", len(table)):
                items = _items(read.source, table, names, progress or Silent())
                _fill(scratch, table, items, config.form)
            if folder.exists():
                folder.rmdir()
            scratch.rename(folder)
        finally:
            remove(scratch)
    return ExportResult(folder=str(to), form=config.form.value, n_images=len(table))


def _is_wanted(manifest: Manifest, config: ExportConfig) -> pa.ChunkedArray:
    table = manifest.table
    usable = pc.equal(table["status"], Status.OK.value)
    if config.where is not None:
        return pc.and_(usable, pa.array(matching(table, config.where)))
    for column in ("selected", "keep"):
        if column in table.column_names:
            return pc.and_(usable, pc.fill_null(table[column], fill_value=False))
    return usable


def _check_folder(folder: Path, source: Path) -> None:
    """Refuse a folder that holds something, or that touches the source.

    Raises:
        UsageError: It does.
    """
    real, origin = folder.resolve(), source.resolve()
    if real == origin or origin in real.parents or real in origin.parents:
        raise UsageError(
            f"{folder} and the source {source} lie in each other", hint="name a folder elsewhere"
        )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(
            f"{folder} is there and not an empty folder", hint="name a new folder with --to"
        )


def _names(table: pa.Table, layout: Layout) -> list[Path]:
    """Return where each image goes below the folder; no two in one place.

    Raises:
        InputError: A path of the manifest would leave the folder.
        UsageError: The layout needs a column that is not there.
    """
    paths = [_inside(path) for path in table["path"].to_pylist()]
    match layout:
        case Layout.TREE:
            return paths
        case Layout.FLAT:
            return _apart([Path(path.name) for path in paths])
        case Layout.SPLIT_LABEL:
            folders = [
                Path(*(_inside(str(part or "none")) for part in row))
                for row in zip(*(_column(table, name) for name in ("split", "label")), strict=True)
            ]
            joined = [folder / path.name for folder, path in zip(folders, paths, strict=True)]
            return _apart(joined)


def _column(table: pa.Table, name: str) -> list[str | None]:
    """Return a column's values.

    Raises:
        UsageError: There is no such column.
    """
    if name not in table.column_names:
        raise UsageError(
            f"the manifest has no column {name!r}, which the layout needs",
            hint="run `curate split` and `curate cluster --labels folder` first",
        )
    return list(table[name].to_pylist())


def _apart(paths: Sequence[Path], *, by_stem: bool = False) -> list[Path]:
    """Return paths with a number before the ending where one was given out before.

    Args:
        paths: Paths below the folder.
        by_stem: Whether paths that differ in their endings only count as one.
    """
    used: set[Path] = set()
    last: dict[Path, int] = {}
    apart = []
    for path in paths:
        other, number = path, last.get(path, 1)
        while (key := other.with_suffix("") if by_stem else other) in used:
            number += 1
            other = path.with_name(f"{path.stem}-{number}{path.suffix}")
        last[path] = number
        used.add(key)
        apart.append(other)
    return apart


def _inside(path: str) -> Path:
    """Return a manifest's path as one that stays in the folder it is joined to.

    Raises:
        InputError: It would leave it.
    """
    name = os.fsdecode(unescape(path))
    if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
        raise InputError(
            f"the manifest's path {path!r} leads out of the folder",
            hint="a manifest that curate wrote has none such; check where this one comes from",
        )
    return Path(name)


def _items(
    source: str, table: pa.Table, names: list[Path], progress: Progress
) -> Iterator[tuple[Path, Path]]:
    """Yield the file of each image and its place below the folder.

    Raises:
        InputError: A file is gone.
    """
    for path, name in zip(table["path"].to_pylist(), names, strict=True):
        origin = file_of(source, path)
        if not origin.is_file():
            raise InputError(
                f"{origin} is gone since the manifest was written",
                hint="write the manifest again with `curate cluster` or `curate dedup`",
            )
        yield origin, name
        progress.advance()


def _fill(
    folder: Path, table: pa.Table, items: Iterator[tuple[Path, Path]], form: ExportAs
) -> None:
    match form:
        case ExportAs.LIST:
            with (folder / LIST).open("wb") as file:
                file.writelines(os.fsencode(origin) + b"\n" for origin, _ in items)
        case ExportAs.TAR:
            _fill_tars(folder, table, items)
        case ExportAs.PARQUET:
            _fill_parquet(folder, table, items)
        case ExportAs.COCO:
            _fill_coco(folder, table, items)
        case ExportAs.FIFTYONE:
            _fill_fiftyone(folder, table, items)
        case ExportAs.SYMLINK | ExportAs.HARDLINK | ExportAs.COPY:
            for origin, name in items:
                _put(origin, folder / name, form)


def _fill_tars(folder: Path, table: pa.Table, items: Iterator[tuple[Path, Path]]) -> None:
    with TarShards(folder) as shards:
        for label, (origin, name) in zip(table["label"].to_pylist(), items, strict=True):
            shards.add(name, origin.read_bytes(), label)


def _fill_parquet(folder: Path, table: pa.Table, items: Iterator[tuple[Path, Path]]) -> None:
    with ParquetShards(folder, table) as rows:
        for origin, name in items:
            rows.add(name, origin.read_bytes())


def _fill_coco(folder: Path, table: pa.Table, items: Iterator[tuple[Path, Path]]) -> None:
    labels = table["label"].to_pylist()
    sizes = zip(table["width"].to_pylist(), table["height"].to_pylist(), strict=True)
    categories = sorted({label for label in labels if label is not None})
    with CocoListing(folder, categories) as listing:
        for label, (width, height), (origin, name) in zip(labels, sizes, items, strict=True):
            listing.add(name, width=width, height=height, label=label)
            _put(origin, folder / DATA / name, ExportAs.SYMLINK)


def _fill_fiftyone(folder: Path, table: pa.Table, items: Iterator[tuple[Path, Path]]) -> None:
    with FiftyOneListing(folder) as listing:
        for label, (origin, name) in zip(table["label"].to_pylist(), items, strict=True):
            listing.add(name, label=label)
            _put(origin, folder / DATA / name, ExportAs.SYMLINK)


def _put(origin: Path, target: Path, form: ExportAs) -> None:
    """Link or copy one file; the folders above the target are made.

    Raises:
        UsageError: It lies on another disk, so that no hard link can be made.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    if form is ExportAs.SYMLINK:
        target.symlink_to(origin)
    elif form is ExportAs.COPY:
        shutil.copy2(origin, target)
    else:
        try:
            target.hardlink_to(origin.resolve())
        except OSError as error:
            raise UsageError(
                f"{origin} cannot be hard-linked to {target.parent}: {error.strerror}",
                hint="hard links need one disk; use --as copy or --as symlink",
            ) from None
