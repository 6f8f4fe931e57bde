"""The command ``curate restore``: undo a prune."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from curate.amounts import count_of
from curate.cli import options
from curate.cli.screen import run_stage
from curate.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from curate.stages.restore import RestoreResult


def restore(
    journal: Annotated[
        Path, typer.Argument(metavar="JOURNAL", help="The journal that `curate prune` wrote.")
    ],
    workspace: options.Workspace = None,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
    seed: options.Seed = 0,
) -> None:
    """Bring back what a prune moved, put into the trash or linked.

    It may be stopped at any moment and run again. No file is put in the place of another one, and
    deleted files do not come back; where some are left, the exit code is 3. Nothing in this command
    is random.

    Example: curate restore manifest.prune-1.jsonl
    """
    from curate.stages.restore import restore as run

    result = run_stage(
        lambda progress: run(journal, progress=progress),
        _describe,
        as_json=as_json,
        is_quiet=quiet,
    )
    if result.missing:
        raise typer.Exit(InputError.exit_code)


def _describe(result: "RestoreResult") -> "Iterator[str]":
    there = count_of(result.n_there, "was", "were")
    yield f"{count_of(result.n_back, 'file')} brought back, {there} there already"
    for reason, n_files in result.missing.items():
        yield f"  {n_files:,} not: {reason}"
    for example in result.examples:
        yield f"  {example}"
