"""Export: take the images of a manifest out, as links, copies, archives or lists."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.choices import ExportAs, Layout
from curate.errors import InputError, UsageError
from curate.exporters.archives import ParquetShards, TarShards
from curate.exporters.listings import DATA, CocoListing, FiftyOneListing
from curate.exporters.paths import check_layout, places, values
from curate.files import disk_errors, remove
from curate.manifest.manifest import Manifest, read_manifest
from curate.manifest.row_filter import matching
from curate.manifest.rows import Rows, TakenRows
from curate.manifest.selection import is_readable, is_selected
from curate.progress import Progress, Silent, task
from curate.sources.folder import file_of

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
    chosen = np.flatnonzero(_is_wanted(read, config))
    wanted = TakenRows(read.rows, list(read.rows.schema), chosen)
    check_layout(wanted, config.layout)
    scratch = folder.with_name(f".{folder.name}.partial")
    with disk_errors(folder):
        try:
            remove(scratch)
            scratch.mkdir(parents=True)
            with task(progress or Silent(), "export", len(wanted)):
                _fill(scratch, _Images(read.source, wanted, config, progress or Silent()))
            if folder.exists():
                folder.rmdir()
            scratch.rename(folder)
        finally:
            remove(scratch)
    return ExportResult(folder=str(to), form=config.form.value, n_images=len(wanted))


def _is_wanted(manifest: Manifest, config: ExportConfig) -> NDArray[np.bool_]:
    if config.where is None:
        return is_selected(manifest.rows)
    return is_readable(manifest.rows) & matching(manifest.rows, config.where)


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


@dataclass(frozen=True, slots=True)
class _Images:
    """The images to take out, which are looked at one after the other.

    Attributes:
        source: Folder that their paths are relative to.
        rows: Their rows of the manifest.
        config: How they are taken out.
        progress: Hears how it gets on.
    """

    source: str
    rows: Rows
    config: ExportConfig
    progress: Progress

    def files(self) -> Iterator[Path]:
        """Yield the file of each image.

        Raises:
            InputError: One is gone.
        """
        for path in values(self.rows, "path"):
            origin = file_of(self.source, path)
            if not origin.is_file():
                raise InputError(
                    f"{origin} is gone since the manifest was written",
                    hint="write the manifest again with `curate cluster` or `curate dedup`",
                )
            yield origin
            self.progress.advance()

    def items(self) -> Iterator[tuple[Path, Path]]:
        """Yield the file of each image and its place below the folder."""
        is_ending_ignored = self.config.form is ExportAs.FIFTYONE
        names = places(self.rows, self.config.layout, is_ending_ignored=is_ending_ignored)
        return zip(self.files(), names, strict=True)


def _fill(folder: Path, images: _Images) -> None:
    match images.config.form:
        case ExportAs.LIST:
            with (folder / LIST).open("wb") as file:
                file.writelines(os.fsencode(origin) + b"\n" for origin in images.files())
        case ExportAs.TAR:
            _fill_tars(folder, images)
        case ExportAs.PARQUET:
            _fill_parquet(folder, images)
        case ExportAs.COCO:
            _fill_coco(folder, images)
        case ExportAs.FIFTYONE:
            _fill_fiftyone(folder, images)
        case ExportAs.SYMLINK | ExportAs.HARDLINK | ExportAs.COPY as form:
            for origin, name in images.items():
                _put(origin, folder / name, form)


def _fill_tars(folder: Path, images: _Images) -> None:
    with TarShards(folder) as shards:
        for label, (origin, name) in zip(_labels(images), images.items(), strict=True):
            shards.add(name, origin.read_bytes(), label)


def _fill_parquet(folder: Path, images: _Images) -> None:
    items = images.items()
    with ParquetShards(folder) as shards:
        for batch in images.rows.batches(images.rows.schema.names):
            for row in range(len(batch)):
                origin, name = next(items)
                shards.add(batch.slice(row, 1), name, origin.read_bytes())


def _fill_coco(folder: Path, images: _Images) -> None:
    labels = pc.unique(images.rows.read(["label"])["label"]).to_pylist()
    categories = sorted(label for label in labels if label is not None)
    sizes = zip(*(values(images.rows, name) for name in ("width", "height")), strict=True)
    with CocoListing(folder, categories) as listing:
        for label, (width, height), (origin, name) in zip(
            _labels(images), sizes, images.items(), strict=True
        ):
            listing.add(name, width=width, height=height, label=label)
            _put(origin, folder / DATA / name, ExportAs.SYMLINK)


def _fill_fiftyone(folder: Path, images: _Images) -> None:
    with FiftyOneListing(folder) as listing:
        for label, (origin, name) in zip(_labels(images), images.items(), strict=True):
            listing.add(name, label=label)
            _put(origin, folder / DATA / name, ExportAs.SYMLINK)


def _labels(images: _Images) -> Iterator[str | None]:
    return values(images.rows, "label")


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
