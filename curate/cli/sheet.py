"""``curate sheet``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from curate.cli import options
from curate.cli.screen import run_stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from curate.stages.sheet import SheetResult


def sheet(
    manifest: options.AManifest,
    where: Annotated[
        str | None,
        typer.Option(help='Rows to draw, such as "outlier > 0.5".', show_default="all"),
    ] = None,
    by: Annotated[str | None, typer.Option(help="Column to order by.", show_default="path")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Images drawn at most.")] = 120,
    columns: Annotated[int, typer.Option(min=1, help="Images in a row.")] = 10,
    out: Annotated[Path, typer.Option(help="The picture, .jpg or .png.")] = Path("sheet.jpg"),
    workspace: options.Workspace = None,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
    seed: options.Seed = 0,
) -> None:
    """Draw a contact sheet of images of a manifest. Nothing is random here.

    Example: curate sheet manifest.parquet --where "keep = false" --out copies.jpg
    """
    from curate.stages.sheet import SheetConfig
    from curate.stages.sheet import sheet as run

    config = SheetConfig(where=where, by=by, limit=limit, columns=columns)
    run_stage(
        lambda _: run(manifest, config, out=out, workspace=workspace),
        _describe,
        as_json=as_json,
        is_quiet=quiet,
    )


def _describe(result: "SheetResult") -> "Iterator[str]":
    yield f"drew {result.n_drawn:,} of {result.n_chosen:,} images: {result.sheet}"
