"""``curate export``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from curate.choices import ExportAs, Layout
from curate.cli import options
from curate.cli.screen import run_stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from curate.stages.export import ExportResult


def export(
    manifest: options.AManifest,
    to: Annotated[Path, typer.Option(help="New or empty folder for the images.")],
    form: Annotated[
        ExportAs,
        typer.Option(
            "--as",
            help="Links, copies, WebDataset tars, Parquet with bytes, a list; links with labels "
            "in COCO's or FiftyOne's JSON.",
        ),
    ] = ExportAs.SYMLINK,
    layout: Annotated[
        Layout, typer.Option(help="As in the source, in one folder, or by split and label.")
    ] = Layout.TREE,
    where: Annotated[
        str | None,
        typer.Option(
            help="Rows to take, such as \"split = 'train' and keep\" (DuckDB's SQL).",
            show_default="selected, else kept",
        ),
    ] = None,
    workspace: options.Workspace = None,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
    seed: options.Seed = 0,
) -> None:
    """Take out the images that were selected; those kept, where none were sampled.

    The folder appears whole or not at all; nothing outside it is written. Nothing is random here.

    Example: curate export subset.parquet --to subset --as symlink
    """
    from curate.stages.export import ExportConfig
    from curate.stages.export import export as run

    config = ExportConfig(form=form, layout=layout, where=where)
    run_stage(
        lambda progress: run(manifest, to, config, progress=progress),
        _describe,
        as_json=as_json,
        is_quiet=quiet,
    )


def _describe(result: "ExportResult") -> "Iterator[str]":
    yield f"{result.n_images:,} images as {result.form} in {result.folder}"
