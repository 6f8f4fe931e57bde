"""The command ``curate prune``: the only one that touches source files."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from curate.amounts import count_of, format_bytes
from curate.choices import Removal
from curate.cli import options
from curate.cli.screen import run_stage
from curate.cli.shown_paths import show_path
from curate.commands import format_command, name_file
from curate.errors import InputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from curate.stages.prune import PruneResult

_VERBS = {
    None: "removed",
    "move": "moved",
    "trash": "put into the trash",
    "hardlink": "made hard links",
    "reflink": "share their blocks",
    "delete": "deleted",
}


def prune(
    manifest: options.ManifestArgument,
    move: Annotated[
        Path | None,
        typer.Option(
            help="Move the copies to this folder, where they keep their tree.", show_default=False
        ),
    ] = None,
    trash: Annotated[
        bool, typer.Option("--trash", help="Put the copies into the desktop's trash.")
    ] = False,
    hardlink: Annotated[
        bool,
        typer.Option(
            "--hardlink", help="Make copies of equal bytes one file with the image that stays."
        ),
    ] = False,
    reflink: Annotated[
        bool,
        typer.Option(
            "--reflink",
            help="Let copies of equal bytes share their blocks on the disk (Btrfs, XFS).",
        ),
    ] = False,
    delete: Annotated[
        bool, typer.Option("--delete", help="Delete the copies; they cannot come back.")
    ] = False,
    unreadable: Annotated[
        Path | None,
        typer.Option(help="Move files that cannot be read to this folder.", show_default=False),
    ] = None,
    where: Annotated[
        str | None,
        typer.Option(
            help="Take only rows for which this SQL of DuckDB holds, such as "
            "\"path like 'web/%'\".",
            show_default=False,
        ),
    ] = None,
    match: Annotated[
        str | None,
        typer.Option(
            help="Take only copies by this evidence or a stronger one: file, bytes, pixels, "
            "reviewed (a person's word), near, scene or semantic.",
            show_default="any",
        ),
    ] = None,
    at_least: Annotated[
        float | None,
        typer.Option(
            help="Take only copies whose probability to be one is at least this.",
            show_default=False,
        ),
    ] = None,
    sidecars: Annotated[
        bool,
        typer.Option(
            "--sidecars",
            help="Take files of the same stem with their image: .txt, .json, .xml, .xmp, and the "
            "annotations of YOLO and VOC.",
        ),
    ] = False,
    journal: Annotated[
        Path | None,
        typer.Option(
            help="Write what is done to this file, ahead of it.",
            show_default="a new one beside the manifest",
        ),
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Act; without this only the plan is shown.")
    ] = False,
    workspace: options.Workspace = None,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
    seed: options.Seed = 0,
) -> None:
    """Remove copies from the source; without --yes, only say which.

    A file goes only if, at that moment, its content is what the manifest says and the image that
    stays is there, readable and what the manifest says. `curate restore` brings everything back
    that was not deleted; where chosen files are left, the exit code is 3. Nothing in this command
    is random.

    Example: curate prune manifest.parquet --move ../duplicates --yes
    """
    from curate.stages.prune import PruneConfig
    from curate.stages.prune import prune as run

    named = {
        Removal.MOVE: move is not None,
        Removal.TRASH: trash,
        Removal.HARDLINK: hardlink,
        Removal.REFLINK: reflink,
        Removal.DELETE: delete,
    }
    config = PruneConfig(
        action=_choose_action([kind for kind, is_named in named.items() if is_named]),
        to=move,
        unreadable=unreadable,
        where=where,
        match=match,
        at_least=at_least,
        sidecars=sidecars,
        is_plan=not yes,
    )
    result = run_stage(
        lambda progress: run(manifest, config, journal=journal, progress=progress),
        _describe,
        as_json=as_json,
        is_quiet=quiet,
    )
    if result.left:
        raise typer.Exit(InputError.exit_code)


def _choose_action(named: list[Removal]) -> Removal | None:
    """Return the one action that is named, or None.

    Raises:
        UsageError: There are several.
    """
    if len(named) > 1:
        words = " and ".join(f"--{kind}" for kind in named)
        raise UsageError(f"{words} exclude each other", hint="name one of them")
    return named[0] if named else None


def _describe(result: "PruneResult") -> "Iterator[str]":
    size = format_bytes(result.bytes)
    copies = count_of(result.n_images, "copy", "copies")
    unreadable = count_of(result.n_unreadable, "unreadable file")
    if result.is_plan:
        yield f"plan: {copies}, {unreadable}, {size}"
    else:
        yield (
            f"{copies} {_VERBS[result.action]}, {unreadable} moved, "
            f"{count_of(result.n_sidecars, 'sidecar')}, {size}"
        )
    for match, n_images in result.by_match.items():
        yield f"  {match:10} {n_images:8,} chosen"
    for reason, n_files in result.passed_over.items():
        yield f"  passed over {n_files:,}: {reason}"
    for path, kept in result.examples:
        yield f"  {path}  stays as {kept}"
    for reason, n_files in result.left.items():
        yield f"  left {n_files:,}: {reason}"
    yield from _describe_end(result)


def _describe_end(result: "PruneResult") -> "Iterator[str]":
    """Yield how to go on: what brings back what can come back."""
    if result.is_plan:
        yield "nothing was done; act with --yes and --move DIR, --trash, --hardlink or --delete"
        return
    if result.journal is None:
        yield "no file was touched, and no journal is kept"
        return
    n_deleted = result.n_images if result.action == Removal.DELETE else 0
    n_to_undo = result.n_images - n_deleted + result.n_unreadable
    if n_deleted:
        yield "what is deleted does not come back"
    if n_to_undo:
        yield f"undo: {format_command('restore', name_file(show_path(result.journal)))}"
    if not n_deleted and not n_to_undo:
        yield "no file was touched"
