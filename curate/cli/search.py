"""``curate search``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from curate.cli import options
from curate.cli.screen import run_stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from curate.stages.search import SearchResult


def search(
    queries: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[PICTURE]...", help="Image files to look for.", show_default=False),
    ] = None,
    like: Annotated[
        list[str] | None,
        typer.Option(
            help="Path in the manifest to look for; may be given several times.",
            show_default=False,
        ),
    ] = None,
    k: Annotated[int, typer.Option("-k", min=1, help="Images found for each picture.")] = 20,
    sheet: Annotated[
        Path | None, typer.Option(help="Contact sheet to write.", show_default=False)
    ] = None,
    model: options.Model = None,
    device: options.Device = "auto",
    workspace: options.Workspace = None,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
    seed: options.Seed = 0,
) -> None:
    """Find the images of the workspace nearest to some pictures. Nothing is random here.

    Example: curate search holiday.jpg -k 5 --sheet found.jpg
    """
    from curate.stages.search import SearchConfig
    from curate.stages.search import search as run

    config = SearchConfig(k=k, model=model, device=device)
    run_stage(
        lambda progress: run(
            queries or (),
            config,
            like=like or (),
            sheet=sheet,
            workspace=workspace,
            progress=progress,
        ),
        _describe,
        as_json=as_json,
        is_quiet=quiet,
    )


def _describe(result: "SearchResult") -> "Iterator[str]":
    for answer in result.answers:
        yield f"{answer.query}: of {result.n_searched:,} images"
        for one in answer.found:
            yield f"  {one.similarity:6.3f}  {one.path}"
    if result.sheet:
        yield f"sheet: {result.sheet}"
