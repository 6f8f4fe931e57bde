"""Export: write the images of a manifest to a folder, as links, copies, archives or lists."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from errno import ESTALE
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.amounts import count_of
from curate.argument_types import check_arguments
from curate.choices import Changed, ExportAs, Layout
from curate.errors import InputError, UsageError
from curate.exporters.base import Exporter, Item, find_exporter
from curate.exporters.paths import assign_places, check_layout, check_names
from curate.field_types import take_types
from curate.files import list_content, replacing_folder
from curate.manifest.contract import hint_at_filler
from curate.manifest.joins import compare_column, find_partners
from curate.manifest.manifest import Manifest, read_manifest
from curate.manifest.row_filter import matching
from curate.manifest.rows import HeldRows, Rows, TakenRows
from curate.manifest.selection import is_readable, is_selected
from curate.output_checks import check_apart, check_is_here
from curate.pages.notebook import ShownInNotebooks
from curate.parallel import ordered_map
from curate.progress import Progress, Silent, task
from curate.sources import (
    NOT_FILES_HINT,
    PLACE_SCHEMA,
    Source,
    make_place,
    name_source,
    open_source,
)
from curate.sources.changes import Recorded, has_changed, has_other_content
from curate.workspace.catalogue import Catalogue
from curate.workspace.workspace import Workspace, find_workspace

_UNKNOWN = np.iinfo(np.int64).min  # a time that the catalogue does not know
_NEVER = _UNKNOWN + 1  # one that no file has: the catalogue knows other bytes, so the file is read
_FACTS = ("path", "bytes", "hash", *PLACE_SCHEMA.names)  # by which a file is found and compared
_TOLD = 5
_HINT = "write the manifest again with `curate cluster` or `curate dedup`"


@dataclass(frozen=True, kw_only=True, slots=True)
class ExportConfig:
    """What the stage needs to know.

    Attributes:
        form: The format: links, copies, WebDataset archives, Parquet with the files' bytes, a
            list, or links with labels and boxes as COCO, FiftyOne, YOLO or VOC have them.
        layout: Paths in the folder: as in the source, all in one folder, or by split and label.
        where: Rows to export, an expression of DuckDB; None exports the selected images, or the
            images that are kept if none were selected.
        changed: What becomes of a file that is not the one that the manifest was written of:
            ``skip`` tells and leaves it out, ``fail`` ends the export, ``take`` takes it as it is.
        null: Whether a list ends each path with a zero byte, not a line break.
    """

    form: ExportAs = ExportAs.SYMLINK
    layout: Layout = Layout.TREE
    where: str | None = None
    changed: Changed = Changed.SKIP
    null: bool = False

    def __post_init__(self) -> None:
        """Take the choices by their names, and check that they go together.

        Raises:
            UsageError: There is no such choice, or they do not.
        """
        take_types(self)
        if self.null and self.form is not ExportAs.LIST:
            raise UsageError("--null is for lists", hint="add --as list, or leave it out")


@dataclass(frozen=True, kw_only=True, slots=True)
class ExportResult(ShownInNotebooks):
    """What the stage did.

    Attributes:
        folder: Where the images are.
        form: The format.
        n_images: Images exported.
        n_changed: Files that are not what the manifest says; of these, none or all were exported.
    """

    folder: str
    form: str
    n_images: int
    n_changed: int


@check_arguments
def export(
    manifest: Path | str,
    to: Path | str,
    config: ExportConfig | None = None,
    *,
    workspace: Path | str | None = None,
    progress: Progress | None = None,
) -> ExportResult:
    """Export the selected images of a manifest; if none were selected, the images that are kept.

    The folder appears whole or not at all, and nothing outside it is written. Each file is compared
    with the manifest: by its size, by its hash where its bytes are exported, and by its time where
    the workspace knows it.

    Args:
        manifest: The manifest.
        to: The folder, which must be empty or not exist.
        config: The stage's settings.
        workspace: Knows the times of the files; None takes ``CURATE_WORKSPACE`` or ``.curate``.
        progress: Shows how far the stage is.

    Raises:
        InputError: The manifest or a source file cannot be used, no image is chosen, or a path
            leads out of the folder.
        UsageError: The folder is not empty, or lies in the source or around it; or the manifest
            lacks a column.
        ResourceError: The disk is full.
    """
    config, progress = config or ExportConfig(), progress or Silent()
    opened = read_manifest(Path(manifest))
    folder = Path(to).absolute()
    source = open_source(opened.source)
    _check_folder(folder, source)
    exporter_class = find_exporter(config.form)
    for name in exporter_class.columns or ():
        opened.check(name, hint=hint_at_filler(name, otherwise="choose another format with --as"))
    rows = _chosen_rows(opened, config.where)
    if exporter_class.needs_objects and len(rows):
        rows = _leave_out_unknown(rows, progress)
    if len(rows) == 0:
        what = " with boxes" if exporter_class.needs_objects else ""
        raise InputError(f"no readable image{what} is chosen", hint="choose others with --where")
    check_layout(rows, config.layout)
    if "split" in exporter_class.optional_columns and "split" in rows.schema.names:
        check_names(rows, "split")
    _tell_renamed(exporter_class, rows, progress)
    times = _read_times(rows, opened.source, find_workspace(workspace))
    settings = _read_settings(exporter_class, opened, rows)
    if config.null:
        settings["has_null_ends"] = True
    exporter_class.check_rows(rows, **settings)
    watch = _Watch(config.changed, progress)
    with (
        replacing_folder(folder) as scratch,
        task(progress, "export", len(rows)),
        exporter_class.open(scratch, **settings) as exporter,
    ):
        for item, recorded in _items(source, rows, times, exporter_class, config.layout):
            if watch.passes(item, recorded):
                exporter.add(item)
            progress.advance()
    watch.tell()
    return ExportResult(
        folder=str(to),
        form=config.form.value,
        n_images=len(rows) - watch.n_skipped,
        n_changed=watch.n_changed,
    )


class _Watch:
    """Looks for files that have changed, and tells of them."""

    def __init__(self, what_then: Changed, progress: Progress) -> None:
        self._what_then, self._progress = what_then, progress
        self.n_changed = self.n_skipped = 0

    def passes(self, item: Item, recorded: Recorded) -> bool:
        """Return whether an image is exported.

        Raises:
            InputError: Its file has changed, and that is not to be; or it cannot be read.
        """
        with _reading(item.name):
            is_changed = _is_changed(item, recorded)
        if not is_changed:
            return True
        if self._what_then is Changed.FAIL:
            raise InputError(f"{item.name} has changed since the manifest was written", hint=_HINT)
        self.n_changed += 1
        is_there = item.file is not None or item.content is not None
        is_taken = self._what_then is Changed.TAKE and is_there
        if self.n_changed <= _TOLD:
            done = "taken as it is" if is_taken else "left out"
            self._progress.note(f"{item.name} has changed since the manifest was written: {done}")
        self.n_skipped += not is_taken
        return is_taken

    def tell(self) -> None:
        """Tell how many more there were than were named."""
        if self.n_changed > _TOLD:
            one, many = "more file that has changed", "more files that have changed"
            self._progress.note(f"and {count_of(self.n_changed - _TOLD, one, many)}")


def _is_changed(item: Item, recorded: Recorded) -> bool:
    """Return whether an image is another than the recorded one.

    Raises:
        OSError: Its file cannot be read.
    """
    if item.file is not None:
        return has_changed(item.file, recorded, item.content)
    return item.content is None or has_other_content(item.content, recorded)


@contextmanager
def _reading(name: str) -> Iterator[None]:
    """Turn what the system says of a source file into an error with a way out.

    Raises:
        InputError: It cannot be read.
    """
    try:
        yield
    except OSError as error:
        raise InputError(
            f"{name} cannot be read: {error.strerror}",
            hint="mend it, or leave it out with --where",
        ) from None


def _read_times(rows: Rows, source: str, space: Workspace) -> NDArray[np.int64] | None:
    """Return the time of each file as the catalogue has it, (N,) int64 ns; None if it has none.

    Where it does not know a file, that file's time is the smallest number.
    """
    catalogue = Catalogue(space)
    if not catalogue.is_there():
        return None
    table = catalogue.read(["path", "hash", "mtime_ns"], source=source)
    partners = find_partners(rows, HeldRows(table), on="path")
    hashes = TakenRows(HeldRows(table), [table.schema.field("hash")], partners)
    is_other = compare_column(rows, hashes, "hash")
    times = table["mtime_ns"].take(pa.array(partners, mask=partners < 0)).fill_null(_UNKNOWN)
    known = np.asarray(times.to_numpy(), np.int64)
    return np.where((partners >= 0) & is_other, _NEVER, known)


def _chosen_rows(manifest: Manifest, where: str | None) -> Rows:
    """Return the rows that are exported; unreadable images never are."""
    if where is None:
        is_chosen = is_selected(manifest.rows)
    else:
        is_chosen = is_readable(manifest.rows) & matching(manifest.rows, where)
    return TakenRows(manifest.rows, list(manifest.rows.schema), np.flatnonzero(is_chosen))


def _list_labels(rows: Rows) -> list[str]:
    """Return the different labels of the images, sorted."""
    labels: set[str] = set()
    for batch in rows.batches(["label"]):
        labels.update(batch.column(0).unique().drop_null().to_pylist())
    return sorted(labels)


def _leave_out_unknown(rows: Rows, progress: Progress) -> Rows:
    """Return the rows of whose objects something is known: without boxes an image looks empty."""
    is_known = rows.read(["objects"])["objects"].is_valid().to_numpy()
    n_unknown = len(rows) - int(is_known.sum())
    if n_unknown:
        one = "image of whose objects nothing is known is left out"
        many = "images of whose objects nothing is known are left out"
        progress.note(count_of(n_unknown, one, many))
    return TakenRows(rows, list(rows.schema), np.flatnonzero(is_known))


def _tell_renamed(exporter_class: type[Exporter], rows: Rows, progress: Progress) -> None:
    """Tell which columns of the manifest have another name in the export."""
    for name, here in exporter_class.rename_columns(rows.schema.names).items():
        progress.note(f"the manifest's column {name!r} is {here!r}: {name!r} holds the pictures")


def _read_settings(
    exporter_class: type[Exporter], manifest: Manifest, rows: Rows
) -> dict[str, Any]:
    """Return what an exporter wants to know of the manifest before its first image."""
    settings: dict[str, Any] = {}
    if exporter_class.takes_labels:
        settings["labels"] = _list_labels(rows)
    if exporter_class.takes_classes:
        settings["classes"] = _read_classes(manifest)
    if exporter_class.takes_class_facts:
        settings["class_facts"] = _read_class_facts(manifest)
    return settings


def _read_classes(manifest: Manifest) -> dict[str, int]:
    """Return the numbers that classes had where they came from, by name."""
    scan = manifest.stages.get("scan")
    classes = scan.get("classes") if isinstance(scan, dict) else None
    if not isinstance(classes, dict) or not all(isinstance(n, int) for n in classes.values()):
        return {}
    return classes


def _read_class_facts(manifest: Manifest) -> dict[str, dict[str, Any]]:
    """Return what was said of classes beyond their numbers where they came from, by name."""
    scan = manifest.stages.get("scan")
    facts = scan.get("class_facts") if isinstance(scan, dict) else None
    if not isinstance(facts, dict) or not all(isinstance(one, dict) for one in facts.values()):
        return {}
    return facts


def _check_folder(folder: Path, source: Source) -> None:
    """Check that the folder is empty or does not exist, and lies apart from the source.

    Raises:
        InputError: It was typed as the address of a bucket.
        UsageError: It does not.
    """
    check_is_here(folder)
    for place in source.folders:
        check_apart(folder, place)
    if folder.exists() and (not folder.is_dir() or list_content(folder)):
        raise UsageError(
            f"{folder} is there and not an empty folder", hint="name a new folder with --to"
        )


def _items(
    origin: Source,
    rows: Rows,
    times: NDArray[np.int64] | None,
    exporter_class: type[Exporter],
    layout: Layout,
) -> Iterator[tuple[Item, Recorded]]:
    """Yield the images to export, in the order of the manifest; a batch of rows is in memory.

    Of an image whose archive or object has changed the item has neither file nor content.

    Raises:
        InputError: A source file is gone or cannot be read.
        UsageError: The format needs files on this machine, and there are none.
    """
    names = _columns_to_read(rows, exporter_class)
    needs_unique_stems = exporter_class.needs_unique_stems
    places = assign_places(
        rows,
        layout,
        needs_unique_stems=needs_unique_stems,
        left_out=exporter_class.left_out_folder,
    )
    times_left = iter(times.tolist() if times is not None else repeat(_UNKNOWN))
    read = partial(_read, origin, writes_content=exporter_class.writes_content)
    for batch in rows.batches(names):
        images = batch.select(_facts_in(batch.schema)).to_pylist()
        n = origin.n_parallel if exporter_class.writes_content else 1
        contents = ordered_map(read, images, ahead=n, n_threads=n)
        for number, (facts, (file, content)) in enumerate(zip(images, contents, strict=True)):
            time = next(times_left)
            recorded = Recorded(
                bytes=facts.get("bytes"),
                hash=facts.get("hash"),
                mtime_ns=None if time == _UNKNOWN else time,
            )
            row = batch.slice(number, 1)
            name = (
                str(file) if file is not None else f"{name_source(origin.address)}/{facts['path']}"
            )
            item = Item(file=file, place=next(places), row=row, content=content, name=name)
            yield item, recorded


def _read(
    origin: Source, facts: dict[str, Any], *, writes_content: bool
) -> tuple[Path | None, bytes | None]:
    """Return the file of an image, if it is one of its own, and its bytes where they are wanted.

    Raises:
        InputError: It is gone or cannot be read.
        UsageError: A file is needed, and there is none.
        OSError: Never: it becomes the first of these.
    """
    path, place = facts["path"], make_place(facts)
    if place.container is not None and not writes_content:
        raise UsageError(
            f"{path} of {name_source(origin.address)} is no file of its own: it lies in "
            f"{place.container}",
            hint=NOT_FILES_HINT,
        )
    is_file = origin.root is not None and place.container is None
    file = origin.local_file(path) if is_file or not writes_content else None
    if file is not None and not file.is_file():
        raise InputError(f"{file} is gone since the manifest was written", hint=_HINT)
    if not writes_content:
        return file, None
    with _reading(str(file) if file is not None else f"{name_source(origin.address)}/{path}"):
        try:
            return file, origin.read(path, place)
        except OSError as error:
            if error.errno == ESTALE:
                return None, None
            raise


def _columns_to_read(rows: Rows, exporter_class: type[Exporter]) -> list[str]:
    """Return the columns that an export needs, and those that help it."""
    if exporter_class.columns is None:
        return list(rows.schema.names)
    optional = (*_FACTS, *exporter_class.optional_columns)
    wanted = (*exporter_class.columns, *optional)
    return [name for name in dict.fromkeys(wanted) if name in rows.schema.names]


def _facts_in(schema: pa.Schema) -> list[str]:
    return [name for name in _FACTS if name in schema.names]
