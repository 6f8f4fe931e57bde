"""Export: take the images of a manifest out, as links, copies or a list."""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pyarrow as pa
import pyarrow.compute as pc

from curate.errors import InputError, UsageError
from curate.files import disk_errors, remove
from curate.manifest import read_manifest
from curate.records import ExportAs, Progress, Silent, Status, task
from curate.sources import file_of, unescape

LIST = "images.txt"


@dataclass(frozen=True, kw_only=True, slots=True)
class ExportConfig:
    """What the stage needs to know.

    Attributes:
        form: Links, copies or a list.
    """

    form: ExportAs = ExportAs.SYMLINK


@dataclass(frozen=True, kw_only=True, slots=True)
class ExportResult:
    """What the stage did.

    Attributes:
        folder: Where the images are.
        form: Links, copies or a list.
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
    progress = progress or Silent()
    read = read_manifest(Path(manifest))
    source, folder = Path(read.source), Path(to).absolute()
    _check_folder(folder, source)
    paths = read.table.filter(_is_wanted(read.table))["path"].to_pylist()
    scratch = folder.with_name(f".{folder.name}.partial")
    with disk_errors(folder):
        try:
            remove(scratch)
            scratch.mkdir(parents=True)
            with task(progress, "export", len(paths)):
                _fill(scratch, source, paths, config.form, progress)
            if folder.exists():
                folder.rmdir()
            scratch.rename(folder)
        finally:
            remove(scratch)
    return ExportResult(folder=str(to), form=config.form.value, n_images=len(paths))


def _is_wanted(table: pa.Table) -> pa.ChunkedArray:
    usable = pc.equal(table["status"], Status.OK.value)
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


def _fill(folder: Path, source: Path, paths: list[str], form: ExportAs, progress: Progress) -> None:
    if form is ExportAs.LIST:
        lines = [os.fsencode(file_of(source, path)) for path in paths]
        (folder / LIST).write_bytes(b"".join(line + b"\n" for line in lines))
        progress.advance(len(paths))
        return
    put = _ways()[form]
    for path in paths:
        origin, target = file_of(source, path), folder / _inside(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        if not origin.is_file():
            raise InputError(
                f"{origin} is gone since the manifest was written",
                hint="write the manifest again with `curate cluster` or `curate dedup`",
            )
        put(origin, target)
        progress.advance()


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


def _ways() -> dict[ExportAs, Callable[[Path, Path], object]]:
    return {
        ExportAs.SYMLINK: lambda origin, target: target.symlink_to(origin),
        ExportAs.HARDLINK: _hardlink,
        ExportAs.COPY: shutil.copy2,
    }


def _hardlink(origin: Path, target: Path) -> None:
    try:
        target.hardlink_to(origin.resolve())
    except OSError as error:
        raise UsageError(
            f"{origin} cannot be hard-linked to {target.parent}: {error.strerror}",
            hint="hard links need one disk; use --as copy or --as symlink",
        ) from None
