"""``curate dedup``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from curate.choices import KeepPolicy, Level
from curate.cli import options
from curate.cli.screen import run_stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from curate.stages.dedup import DedupResult

FOUND = 10


def dedup(
    target: Annotated[
        Path | None,
        typer.Argument(
            metavar="IMAGES|MANIFEST",
            help="Folder, or manifest; else the newest manifest.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="The manifest to write.", show_default="the one read, or manifest.parquet"
        ),
    ] = None,
    level: Annotated[
        Level, typer.Option(help="Weakest evidence that makes two images copies.")
    ] = Level.NEAR,
    precision: Annotated[
        float, typer.Option(help="Share of accepted pairs that should be copies.")
    ] = 0.99,
    threshold: Annotated[
        float | None,
        typer.Option(help="Least similarity, in place of --precision.", show_default=False),
    ] = None,
    keep: Annotated[
        KeepPolicy, typer.Option(help="Which image of a group stays.")
    ] = KeepPolicy.BEST,
    protect: Annotated[
        list[str] | None,
        typer.Option(help="Folder or file of the source that always stays; may be repeated."),
    ] = None,
    against: Annotated[
        Path | None,
        typer.Option(
            help="Folder, manifest or workspace: tell only what is a copy of an image there.",
            show_default=False,
        ),
    ] = None,
    max_removed: Annotated[
        float, typer.Option(help="Share of the images that --level semantic may drop.")
    ] = 1.0,
    pairs: Annotated[
        Path | None, typer.Option(help="Write the evidence, a Parquet file.", show_default=False)
    ] = None,
    sheet: Annotated[
        Path | None,
        typer.Option(help="Folder for contact sheets of the groups.", show_default=False),
    ] = None,
    sheet_groups: Annotated[
        int, typer.Option(min=1, help="Groups drawn on the sheets at most.")
    ] = 240,
    check: Annotated[
        bool, typer.Option("--check", help="Exit with 10 if copies are found.")
    ] = False,
    workspace: options.Workspace = None,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
    seed: options.Seed = 0,
) -> None:
    """Find copies: same bytes, same pixels, altered copies verified on the pixels.

    No trained model is needed, but for --level semantic. No image is changed or removed.

    Example: curate dedup ./images --out manifest.parquet --check
    """
    from curate.stages.dedup import DedupConfig
    from curate.stages.dedup import dedup as run

    config = DedupConfig(
        level=level,
        precision=precision,
        threshold=threshold,
        keep=keep,
        protect=tuple(protect or ()),
        max_removed=max_removed,
        seed=seed,
    )
    result = run_stage(
        lambda progress: run(
            target,
            config,
            out=out,
            against=against,
            pairs=pairs,
            sheets=sheet,
            most_groups=sheet_groups,
            workspace=workspace,
            progress=progress,
        ),
        _describe,
        as_json=as_json,
        is_quiet=quiet,
    )
    if check and result.n_duplicates:
        raise typer.Exit(FOUND)


def _describe(result: "DedupResult") -> "Iterator[str]":
    went = f"{result.n_duplicates:,} images ({options.size(result.duplicate_bytes)})"
    if result.against is None:
        yield f"{result.n_images:,} images: {result.n_groups:,} groups, {went} need not be kept"
    else:
        yield f"{result.n_images:,} images: {went} are copies of images in {result.against}"
    if result.n_duplicates:
        yield f"  {'evidence':10} {'groups':>8} {'images':>8} {'size':>10}"
    for rung in result.rungs:
        if rung.n_images:
            yield (
                f"  {rung.match:10} {rung.n_groups:8,} {rung.n_images:8,} "
                f"{options.size(rung.bytes):>10}"
            )
    yield f"manifest: {result.manifest}"
    if result.pairs:
        yield f"evidence: {result.pairs}"
    if result.sheets:
        yield f"sheets: {result.sheets}, {result.n_drawn:,} of {result.n_groups:,} groups"
    yield f"next: curate sample {result.manifest} --size 500"
