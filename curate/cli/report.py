"""The command ``curate report``: write a page that shows it all."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from curate.amounts import count_of, format_bytes
from curate.choices import MapBy
from curate.cli import options
from curate.cli.screen import run_stage
from curate.cli.shown_paths import show_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from curate.stages.report import ReportResult


def report(
    manifest: options.ManifestArgument,
    out: Annotated[Path, typer.Option(help="Write the page to this .html file.")] = Path(
        "report.html"
    ),
    map: Annotated[
        MapBy,
        typer.Option(
            help="Place the images on the map by principal components, or by UMAP where it is "
            "installed."
        ),
    ] = MapBy.PCA,
    workspace: options.Workspace = None,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
    seed: options.Seed = 0,
) -> None:
    """Write one page that shows what is in a folder and what to do about it.

    The page holds its images, needs no network and may be mailed.

    Example: curate report manifest.parquet --out report.html
    """
    from curate.stages.report import ReportConfig
    from curate.stages.report import report as run

    config = ReportConfig(map=map, seed=seed)
    run_stage(
        lambda progress: run(manifest, config, out=out, workspace=workspace, progress=progress),
        _describe,
        as_json=as_json,
        is_quiet=quiet,
    )


def _describe(result: "ReportResult") -> "Iterator[str]":
    yield (
        f"{count_of(result.n_images, 'image')}, {result.n_unreadable:,} unreadable, "
        f"{count_of(result.n_groups, 'group')} of copies, "
        f"{count_of(result.n_copies, 'image needs', 'images need')} not be kept, "
        f"{count_of(result.n_leaks, 'leak')} between splits, "
        f"{count_of(result.n_conflicts, 'label conflict')}"
    )
    yield f"report: {show_path(result.report)} ({format_bytes(result.bytes)})"
