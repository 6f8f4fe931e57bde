"""The command ``curate diff``: compare two manifests."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from curate.amounts import count_of
from curate.cli import options
from curate.cli.screen import run_stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from curate.stages.diff import DiffResult

_SHOWN = 10


def diff(
    before: Annotated[Path, typer.Argument(metavar="BEFORE", help="The older manifest.")],
    after: Annotated[Path, typer.Argument(metavar="AFTER", help="The newer manifest.")],
    workspace: options.Workspace = None,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
    seed: options.Seed = 0,
) -> None:
    """Show which images came, went, moved or changed.

    Two manifests are compared. Nothing in this command is random.

    Example: curate diff old.parquet manifest.parquet
    """
    from curate.stages.diff import diff as run

    run_stage(lambda _: run(before, after), _describe, as_json=as_json, is_quiet=quiet)


def _describe(result: "DiffResult") -> "Iterator[str]":
    yield count_of(result.n_same, "image is the same", "images are the same")
    moves = [f"{origin} -> {path}" for origin, path in result.moved]
    for title, paths in (
        ("came", result.came),
        ("went", result.went),
        ("moved", moves),
        ("changed", result.changed),
    ):
        if paths:
            yield f"{len(paths):,} {title}"
            yield from (f"  {path}" for path in paths[:_SHOWN])
        if len(paths) > _SHOWN:
            yield f"  and {len(paths) - _SHOWN:,} more (all with --json)"
    for column, count in result.columns.items():
        if count:
            yield count_of(count, f"image has another {column}", f"images have another {column}")
