"""The command ``curate review``: confirm or overrule on a page."""

from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from curate.amounts import count_of
from curate.cli import options
from curate.cli.screen import run_stage, say
from curate.cli.shown_paths import show_path
from curate.commands import format_command, name_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from curate.stages.review import ReviewResult


def review(
    manifest: options.ManifestArgument,
    port: Annotated[
        int,
        typer.Option(
            min=0, max=65535, help="Serve the page at this port.", show_default="a free one"
        ),
    ] = 0,
    open_browser: Annotated[
        bool, typer.Option("--open/--no-open", help="Open the page in the browser.")
    ] = True,
    workspace: options.Workspace = None,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
    seed: options.Seed = 0,
) -> None:
    """Confirm or overrule copies, clusters, outliers and labels on a page of this machine.

    Every decision is kept at once, and curate dedup obeys it from then on. End it with Ctrl-C.
    Nothing in this command is random.

    Example: curate review manifest.parquet
    """
    from curate.stages.review import ReviewConfig
    from curate.stages.review import review as run

    def tell(address: str) -> None:
        say(f"review: {address}")
        if open_browser:
            typer.launch(address)

    run_stage(
        lambda progress: run(
            manifest,
            ReviewConfig(port=port),
            workspace=workspace,
            on_ready=tell,
            progress=progress,
        ),
        partial(_describe, workspace=workspace),
        as_json=as_json,
        is_quiet=quiet,
    )


def _describe(result: "ReviewResult", workspace: str | None) -> "Iterator[str]":
    are_decided = "is decided" if result.n_decided == 1 else "are decided"
    yield f"{result.n_decided:,} of {count_of(result.n_groups, 'group')} {are_decided}"
    yield f"decisions: {show_path(result.log)}, {result.n_decisions:,} in all"
    if result.columns:
        yield f"manifest: {show_path(result.manifest)}, with {', '.join(result.columns)}"
    dedup = format_command("dedup", name_file(show_path(result.manifest)), workspace=workspace)
    yield f"next: {dedup}"
