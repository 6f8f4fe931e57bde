"""The command ``curate merge``: fill columns from another table."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from curate.amounts import count_of
from curate.cli import options
from curate.cli.screen import run_stage
from curate.cli.shown_paths import show_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from curate.stages.merge import MergeResult


def merge(
    manifest: options.ManifestArgument,
    other: Annotated[
        Path,
        typer.Argument(metavar="OTHER", help="A manifest, Parquet or CSV file with more columns."),
    ],
    out: Annotated[Path, typer.Option(help="Write the manifest to this file.")] = Path(
        "merged.parquet"
    ),
    on: Annotated[str, typer.Option(help="Match rows by this column, which both have.")] = "path",
    columns: Annotated[
        str | None,
        typer.Option(
            help="Take these columns, separated by commas.",
            show_default="all, but what a scan finds out of a file",
        ),
    ] = None,
    workspace: options.Workspace = None,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
    seed: options.Seed = 0,
) -> None:
    """Fill columns of a manifest from another table; images without a row of it keep theirs.

    What a scan finds out of a file, such as its hash, is never taken. Nothing in this command is
    random.

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
    unused = count_of(result.n_unused, "row was not used", "rows were not used")
    yield (
        f"filled {', '.join(result.columns)} for {result.n_matched:,} of "
        f"{count_of(result.n_rows, 'image')}{f'; {unused}' if result.n_unused else ''}"
    )
    yield f"manifest: {show_path(result.manifest)}"
