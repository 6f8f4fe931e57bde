"""The command ``curate sheet``: draw a contact sheet."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from curate.amounts import count_of
from curate.cli import options
from curate.cli.screen import run_stage
from curate.cli.shown_paths import show_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from curate.stages.sheet import SheetResult


def sheet(
    manifest: options.ManifestArgument,
    where: Annotated[
        str | None,
        typer.Option(
            help='Draw the rows for which this SQL holds, such as "outlier > 0.5".',
            show_default="all",
        ),
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(
            help="Order the images by this column, the smallest value first.", show_default="path"
        ),
    ] = None,
    descending: Annotated[
        bool, typer.Option("--descending", help="With --by, put the largest value first.")
    ] = False,
    limit: Annotated[
        int,
        typer.Option(
            min=1,
            help="Draw at most this many images: the first by --by, else some at even steps.",
        ),
    ] = 120,
    columns: Annotated[int, typer.Option(min=1, help="Draw this many images in a row.")] = 10,
    out: Annotated[Path, typer.Option(help="Write the picture to this .jpg or .png file.")] = Path(
        "sheet.jpg"
    ),
    workspace: options.Workspace = None,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
    seed: options.Seed = 0,
) -> None:
    """Draw a contact sheet of images of a manifest.

    Nothing in this command is random.

    Example: curate sheet manifest.parquet --by outlier --descending --out outliers.jpg
    """
    from curate.stages.sheet import SheetConfig
    from curate.stages.sheet import sheet as run

    config = SheetConfig(where=where, by=by, descending=descending, limit=limit, columns=columns)
    run_stage(
        lambda progress: run(manifest, config, out=out, workspace=workspace, progress=progress),
        _describe,
        as_json=as_json,
        is_quiet=quiet,
    )


def _describe(result: "SheetResult") -> "Iterator[str]":
    drawn = f"{result.n_drawn:,} of {count_of(result.n_chosen, 'image')}"
    yield f"drew {drawn}: {show_path(result.sheet)}"
