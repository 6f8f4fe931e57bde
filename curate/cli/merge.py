"""``curate merge``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from curate.cli import options
from curate.cli.screen import run_stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from curate.stages.merge import MergeResult


def merge(
    manifest: options.AManifest,
    other: Annotated[
        Path, typer.Argument(metavar="OTHER", help="Manifest, Parquet or CSV with more columns.")
    ],
    out: Annotated[Path, typer.Option(help="The manifest to write.")] = Path("merged.parquet"),
    on: Annotated[str, typer.Option(help="Column that both share.")] = "path",
    columns: Annotated[
        str | None,
        typer.Option(help="Columns to take, comma-separated.", show_default="all of yours"),
    ] = None,
    workspace: options.Workspace = None,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
    seed: options.Seed = 0,
) -> None:
    """Fill columns of a manifest from another table. Nothing is random here.

    Example: curate merge manifest.parquet labels.csv --out manifest.parquet
    """
    from curate.stages.merge import merge as run

    names = tuple(name.strip() for name in columns.split(",")) if columns else ()
    run_stage(
        lambda _: run(manifest, other, out=out, on=on, columns=names),
        _describe,
        as_json=as_json,
        is_quiet=quiet,
    )


def _describe(result: "MergeResult") -> "Iterator[str]":
    unused = f"; {result.n_unused:,} rows were not used" if result.n_unused else ""
    yield (
        f"filled {', '.join(result.columns)} for {result.n_matched:,} of {result.n_rows:,} "
        f"images{unused}"
    )
    yield f"manifest: {result.manifest}"
