"""The command ``curate export``: write images to a folder."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from curate.amounts import count_of
from curate.choices import Changed, ExportAs, Layout
from curate.cli import options
from curate.cli.screen import run_stage
from curate.cli.shown_paths import show_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from curate.stages.export import ExportResult


def export(
    manifest: options.ManifestArgument,
    to: Annotated[Path, typer.Option(help="Write to this folder, which must be new or empty.")],
    form: Annotated[
        ExportAs,
        typer.Option(
            "--as",
            help="Write this format: links, copies, WebDataset tars, Parquet with the bytes of the "
            "images, a dataset of Hugging Face (hf), a list of paths, or links with labels and "
            "boxes as COCO, YOLO, VOC or FiftyOne have them.",
        ),
    ] = ExportAs.SYMLINK,
    layout: Annotated[
        Layout,
        typer.Option(
            help="Place the images as in the source, all in one folder, or by split and label."
        ),
    ] = Layout.TREE,
    where: Annotated[
        str | None,
        typer.Option(
            help="Export the rows for which this SQL of DuckDB holds, such as "
            "\"split = 'train' and keep\".",
            show_default="selected, else kept",
        ),
    ] = None,
    changed: Annotated[
        Changed,
        typer.Option(
            help="Skip files that are not what the manifest says any more, fail at the first, or "
            "take them as they are."
        ),
    ] = Changed.SKIP,
    null: Annotated[
        bool,
        typer.Option(
            "--null", help="End each path of a list with a zero byte, as xargs -0 reads it."
        ),
    ] = False,
    workspace: options.Workspace = None,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
    seed: options.Seed = 0,
) -> None:
    """Write the selected images to a folder; if none, the kept ones.

    The folder appears whole or not at all, and nothing outside it is written. A file whose size,
    time or bytes are not those of the manifest is told and left out; bytes are compared where they
    are read anyway, or where the time is another. Nothing in this command is random.

    Example: curate export subset.parquet --to subset --as symlink
    """
    from curate.stages.export import ExportConfig
    from curate.stages.export import export as run

    config = ExportConfig(form=form, layout=layout, where=where, changed=changed, null=null)
    run_stage(
        lambda progress: run(manifest, to, config, workspace=workspace, progress=progress),
        _describe,
        as_json=as_json,
        is_quiet=quiet,
    )


def _describe(result: "ExportResult") -> "Iterator[str]":
    yield f"{count_of(result.n_images, 'image')} as {result.form} in {show_path(result.folder)}"
    if result.n_changed:
        files = count_of(result.n_changed, "file has", "files have")
        yield f"{files} changed since the manifest was written"
