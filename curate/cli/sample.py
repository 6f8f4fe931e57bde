"""``curate sample``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from curate.choices import Within
from curate.cli import options
from curate.cli.screen import run_stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from curate.stages.sample import SampleResult


def sample(
    manifest: options.AManifest,
    size: Annotated[int, typer.Option(min=1, help="Images to draw.")],
    out: Annotated[Path, typer.Option(help="The manifest to write.")] = Path("sample.parquet"),
    by: Annotated[
        str, typer.Option(help="Columns whose values get even shares, the coarsest first.")
    ] = "cluster",
    stratify: Annotated[
        str | None,
        typer.Option(
            help="Column whose values keep their shares; --by is even within each.",
            show_default="none",
        ),
    ] = None,
    within: Annotated[
        Within, typer.Option(help="Which images of a group are taken first.")
    ] = Within.RANDOM,
    include: Annotated[
        str | None,
        typer.Option(help='Rows to draw from, such as "issues = []".', show_default="all"),
    ] = None,
    exclude: Annotated[
        str | None, typer.Option(help="Rows not to draw from.", show_default="none")
    ] = None,
    workspace: options.Workspace = None,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
    seed: options.Seed = 0,
) -> None:
    """Draw a balanced subset, without duplicates and unreadable images.

    Every group gives the same number of images, or all it has. The columns "selected" and "weight"
    of the new manifest tell which images were drawn and how many each stands for.

    Example: curate sample manifest.parquet --size 500 --out subset.parquet
    """
    from curate.stages.sample import SampleConfig
    from curate.stages.sample import sample as run

    columns = tuple(name.strip() for name in by.split(","))
    config = SampleConfig(
        size=size,
        by=columns,
        stratify=stratify,
        within=within,
        include=include,
        exclude=exclude,
        seed=seed,
    )
    run_stage(
        lambda progress: run(manifest, config, out=out, workspace=workspace, progress=progress),
        _describe,
        as_json=as_json,
        is_quiet=quiet,
    )


def _describe(result: "SampleResult") -> "Iterator[str]":
    yield (
        f"drew {result.n_selected:,} of {result.n_available:,} images, "
        f"{result.smallest:,} to {result.largest:,} from each of {result.n_groups:,} groups"
    )
    yield f"manifest: {result.manifest}"
    yield f"next: curate export {result.manifest} --to subset"
