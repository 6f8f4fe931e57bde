"""Export: write the images of a manifest to a folder, as links, copies, archives or lists."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from curate.choices import ExportAs, Layout
from curate.errors import InputError, UsageError
from curate.exporters.base import Exporter, Item, find_exporter
from curate.exporters.paths import assign_places, check_layout
from curate.files import disk_errors, remove
from curate.manifest.manifest import Manifest, read_manifest
from curate.manifest.row_filter import matching
from curate.manifest.rows import Rows, TakenRows
from curate.manifest.selection import is_readable, is_selected
from curate.pages.notebook import ShownInNotebooks
from curate.progress import Progress, Silent, task
from curate.sources import open_source


@dataclass(frozen=True, kw_only=True, slots=True)
class ExportConfig:
    """What the stage needs to know.

    Attributes:
        form: The format: links, copies, WebDataset archives, Parquet with the files' bytes, a
            list, or links with the labels in COCO's or FiftyOne's JSON.
        layout: Paths in the folder: as in the source, all in one folder, or by split and label.
        where: Rows to export, an expression of DuckDB; None exports the selected images, or the
            images that are kept if none were selected.
    """

    form: ExportAs = ExportAs.SYMLINK
    layout: Layout = Layout.TREE
    where: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ExportResult(ShownInNotebooks):
    """What the stage did.

    Attributes:
        folder: Where the images are.
        form: The format.
        n_images: Images exported.
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
    """Export the selected images of a manifest; if none were selected, the images that are kept.

    The folder appears whole or not at all, and nothing outside it is written.

    Args:
        manifest: The manifest.
        to: The folder, which must be empty or not exist.
        config: The stage's settings.
        progress: Shows how far the stage is.

    Raises:
        InputError: The manifest or a source file cannot be used, or a path leads out of the folder.
        UsageError: The folder is not empty, or lies in the source or around it; or the manifest
            lacks a column.
        ResourceError: The disk is full.
    """
    config, progress = config or ExportConfig(), progress or Silent()
    opened = read_manifest(Path(manifest))
    folder = Path(to).absolute()
    _check_folder(folder, Path(opened.source))
    exporter_class = find_exporter(config.form)
    for name in exporter_class.columns or ():
        opened.check(name, hint=f"--as {config.form} needs it; `curate cluster` writes it")
    rows = _chosen_rows(opened, config.where)
    check_layout(rows, config.layout)
    scratch = folder.with_name(f".{folder.name}.partial")
    with disk_errors(folder):
        try:
            remove(scratch)
            scratch.mkdir(parents=True)
            with (
                task(progress, "export", len(rows)),
                exporter_class.open(scratch) as exporter,
            ):
                for item in _items(opened.source, rows, exporter_class, config.layout):
                    exporter.add(item)
                    progress.advance()
            if folder.exists():
                folder.rmdir()
            scratch.rename(folder)
        finally:
            remove(scratch)
    return ExportResult(folder=str(to), form=config.form.value, n_images=len(rows))


def _chosen_rows(manifest: Manifest, where: str | None) -> Rows:
    """Return the rows that are exported; unreadable images never are."""
    if where is None:
        is_chosen = is_selected(manifest.rows)
    else:
        is_chosen = is_readable(manifest.rows) & matching(manifest.rows, where)
    return TakenRows(manifest.rows, list(manifest.rows.schema), np.flatnonzero(is_chosen))


def _check_folder(folder: Path, source: Path) -> None:
    """Check that the folder is empty or does not exist, and lies apart from the source.

    Raises:
        UsageError: It does not.
    """
    target, origin = folder.resolve(), source.resolve()
    if target == origin or origin in target.parents or target in origin.parents:
        raise UsageError(
            f"{folder} and the source {source} lie in each other", hint="name a folder elsewhere"
        )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(
            f"{folder} is there and not an empty folder", hint="name a new folder with --to"
        )


def _items(
    source: str, rows: Rows, exporter_class: type[Exporter], layout: Layout
) -> Iterator[Item]:
    """Yield the images to export, in the order of the manifest; a batch of rows is in memory.

    Raises:
        InputError: A source file is gone.
    """
    columns = exporter_class.columns
    names = rows.schema.names if columns is None else ["path", *columns]
    origin = open_source(source)
    needs_unique_stems = exporter_class.needs_unique_stems
    places = assign_places(rows, layout, needs_unique_stems=needs_unique_stems)
    for batch in rows.batches(names):
        for number, path in enumerate(batch.column("path").to_pylist()):
            file = origin.local_file(path)
            if not file.is_file():
                raise InputError(
                    f"{file} is gone since the manifest was written",
                    hint="write the manifest again with `curate cluster` or `curate dedup`",
                )
            yield Item(file=file, place=next(places), row=batch.slice(number, 1))
