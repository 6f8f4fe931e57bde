"""``curate cluster``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from curate.choices import Assign, Labels
from curate.cli import options
from curate.cli.screen import run_stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from curate.stages.cluster import ClusterResult


def cluster(
    images: options.SomeImages = None,
    out: Annotated[Path, typer.Option(help="The manifest to write.")] = Path("manifest.parquet"),
    clusters: Annotated[
        int | None,
        typer.Option(min=1, help="Merge prototypes to N clusters.", show_default="one a prototype"),
    ] = None,
    levels: Annotated[
        str | None,
        typer.Option(
            help="Coarser levels, such as 1000,100,10: a column cluster_N each.",
            show_default=False,
        ),
    ] = None,
    assign: Annotated[
        Assign, typer.Option(help="Natural sizes, or sizes within one of each other.")
    ] = Assign.NEAREST,
    neighbors: Annotated[
        int, typer.Option(min=1, help="Nearest images that isolation and label_suspect look at.")
    ] = 10,
    labels: options.LabelsFrom = Labels.NONE,
    model: options.Model = None,
    device: options.Device = "auto",
    workspace: options.Workspace = None,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
    seed: options.Seed = 0,
) -> None:
    """Group images by the model's prototypes; write the manifest. Nothing is random here.

    Images that are new are scanned and embedded first.

    Example: curate cluster --out manifest.parquet
    """
    from curate.stages.cluster import ClusterConfig
    from curate.stages.cluster import cluster as run

    config = ClusterConfig(
        clusters=clusters,
        levels=options.numbers_of(levels) if levels is not None else (),
        assign=assign,
        neighbors=neighbors,
        labels=labels,
        model=model,
        device=device,
    )
    run_stage(
        lambda progress: run(images, config, out=out, workspace=workspace, progress=progress),
        _describe,
        as_json=as_json,
        is_quiet=quiet,
    )


def _describe(result: "ClusterResult") -> "Iterator[str]":
    unreadable = f", {result.n_unreadable:,} of them unreadable" if result.n_unreadable else ""
    yield (
        f"{result.n_images:,} images{unreadable}, in {result.n_clusters:,} clusters "
        f"of {result.smallest:,} to {result.largest:,}"
    )
    yield f"manifest: {result.manifest}"
    yield "next: curate dedup"
