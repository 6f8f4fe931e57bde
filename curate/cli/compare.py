"""The command ``curate compare``: are two pictures copies."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from curate.amounts import count_of
from curate.cli import options
from curate.cli.screen import run_stage
from curate.cli.shown_paths import show_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from curate.stages.compare import CompareResult

EXIT_NO_COPIES = 10
_SHOWN = 5


def compare(
    first: Annotated[Path, typer.Argument(metavar="A", help="The one picture.")],
    second: Annotated[Path, typer.Argument(metavar="B", help="The other picture.")],
    out: Annotated[
        Path | None,
        typer.Option(
            help="Draw both, and the one laid on the other, into this .jpg or .png file.",
            show_default=False,
        ),
    ] = None,
    precision: Annotated[
        float, typer.Option(help="Call them copies if that is at least so probable.")
    ] = 0.99,
    workspace: options.Workspace = None,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
    seed: options.Seed = 0,
) -> None:
    """Tell whether two pictures are copies, how they lie and what conflicts.

    Exits with 0 if they are copies, with 10 if not. Nothing in this command is random.

    Example: curate compare a.jpg b.png --out both.jpg
    """
    from curate.copies.config import DedupConfig
    from curate.stages.compare import compare as run

    result = run_stage(
        lambda _: run(first, second, DedupConfig(precision=precision), out=out),
        _describe,
        as_json=as_json,
        is_quiet=quiet,
    )
    if not result.are_copies:
        raise typer.Exit(EXIT_NO_COPIES)


def _name_relation(result: "CompareResult") -> str:
    return {
        "bytes": "copies: the files are equal",
        "pixels": "copies: every pixel is equal",
        "near": f"copies, with a probability of {result.probability:.4f}",
        "part_of": "no copies: one is a part of the other, a collage",
        "overlaps": "no copies: two views of one picture that share too little",
        "recoloured": "no copies: the same picture, but a part has another colour",
        "in_doubt": f"in doubt: copies with a probability of {result.probability:.4f}, "
        "which is less than --precision",
        "scene": "no copies, with a probability of "
        f"{1 - result.probability:.4f}: the same scene or template, other content",
    }.get(result.relation or "", "no copies: they have nothing in common")


def _describe(result: "CompareResult") -> "Iterator[str]":
    yield _name_relation(result)
    if result.box is not None:
        left, top, right, bottom = result.box
        yield (
            f"A lies in B from {left:.0%}, {top:.0%} to {right:.0%}, {bottom:.0%}, at "
            f"{result.scale:.3g} times its size, turned by "
            f"{count_of(round(result.rotation or 0), 'degree')}"
            f"{', mirrored' if result.mirrored else ''}; they share {result.overlap:.0%}"
        )
    for number, (left, top, right, bottom) in enumerate(result.conflicts[:_SHOWN], 1):
        yield f"conflict {number}: {left:.0%}, {top:.0%} to {right:.0%}, {bottom:.0%} of B"
    if len(result.conflicts) > _SHOWN:
        yield f"and {len(result.conflicts) - _SHOWN:,} more (all with --json)"
    if result.out:
        yield f"picture: {show_path(result.out)}"
