"""The command ``curate sample``: draw a balanced subset."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from curate.amounts import count_of
from curate.choices import Quota, Within
from curate.cli import options
from curate.cli.next_step import suggest_export
from curate.cli.screen import run_stage
from curate.cli.shown_paths import show_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from curate.stages.sample import SampleResult


def sample(
    manifest: options.ManifestArgument,
    size: Annotated[int, typer.Option(min=1, help="Draw this many images.")],
    out: Annotated[Path, typer.Option(help="Write the manifest to this file.")] = Path(
        "sample.parquet"
    ),
    by: Annotated[
        str,
        typer.Option(help="Draw even shares of the values of these columns, the coarsest first."),
    ] = "cluster",
    stratify: Annotated[
        str | None,
        typer.Option(
            help="Keep the shares that the values of this column have; --by is even within each.",
            show_default="none",
        ),
    ] = None,
    within: Annotated[
        Within,
        typer.Option(
            help="Take images of each value at random, or the central or the diverse ones first."
        ),
    ] = Within.RANDOM,
    quota: Annotated[
        str,
        typer.Option(
            help="Share draws out over the values of --by: equal, proportional to their images, by "
            "the complexity of their images, or as a CSV file of values and shares says."
        ),
    ] = Quota.EQUAL.value,
    continue_from: Annotated[
        Path | None,
        typer.Option(
            "--continue",
            help="Keep the images that are selected in this manifest, also where a copy is kept in "
            "their place by now; they count.",
            show_default="none",
        ),
    ] = None,
    include: Annotated[
        str | None,
        typer.Option(
            help='Draw only from rows for which this SQL holds, such as "issues = []".',
            show_default="all",
        ),
    ] = None,
    exclude: Annotated[
        str | None,
        typer.Option(help="Do not draw from rows for which this SQL holds.", show_default="none"),
    ] = None,
    workspace: options.Workspace = None,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
    seed: options.Seed = 0,
) -> None:
    """Draw a balanced subset, without duplicates and unreadable images.

    Every value of --by, such as every cluster, gives the same number of images, or all it has. The
    columns "selected" and "weight" of the new manifest tell which images were drawn and how many
    each stands for.

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
        quota=Quota(quota) if quota in list(Quota) else Path(quota),
        continue_from=continue_from,
        include=include,
        exclude=exclude,
        seed=seed,
    )
    run_stage(
        lambda progress: run(manifest, config, out=out, workspace=workspace, progress=progress),
        partial(_describe, workspace=workspace),
        as_json=as_json,
        is_quiet=quiet,
    )


def _describe(result: "SampleResult", workspace: str | None) -> "Iterator[str]":
    of_each = f"{result.smallest:,} to {result.largest:,} from each of {result.n_groups:,} groups"
    yield (
        f"drew {result.n_selected:,} of {count_of(result.n_available, 'image')}, "
        f"{'from one group' if result.n_groups == 1 else of_each}"
    )
    if result.n_lost:
        yield f"{count_of(result.n_lost, 'image')} drawn before cannot be drawn any more"
    yield f"manifest: {show_path(result.manifest)}"
    yield f"next: {suggest_export(result.manifest, workspace)}"
