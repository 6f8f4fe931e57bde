"""The command ``curate cluster``: group images by the prototypes of a model."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from curate.amounts import count_of
from curate.choices import Assign, Labels
from curate.cli import options
from curate.cli.drawing import draw_histogram
from curate.cli.screen import Drawing, run_stage
from curate.cli.shown_paths import show_path
from curate.commands import format_command, name_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from curate.stages.cluster import ClusterResult


def cluster(
    images: options.ImagesArgument = None,
    out: Annotated[Path, typer.Option(help="Write the manifest to this file.")] = Path(
        "manifest.parquet"
    ),
    clusters: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Merge the prototypes to this many clusters.",
            show_default="one for each prototype",
        ),
    ] = None,
    levels: Annotated[
        str | None,
        typer.Option(
            help="Add coarser levels of clusters, such as 1000,100,10; each of N clusters fills a "
            "column cluster_N.",
            show_default=False,
        ),
    ] = None,
    assign: Annotated[
        Assign,
        typer.Option(
            help="Give each image to its nearest prototype, or balance the clusters so that their "
            "sizes differ by at most one."
        ),
    ] = Assign.NEAREST,
    neighbors: Annotated[
        int,
        typer.Option(
            min=1,
            help="Compare each image with this many nearest images to fill isolation and "
            "label_suspect.",
        ),
    ] = 10,
    labels: options.LabelsFrom = Labels.NONE.value,
    model: options.Model = None,
    device: options.Device = "auto",
    fps: options.Fps = None,
    exclude: options.Exclude = None,
    max_pixels: options.MaxPixels = 178_956_970,
    cluster_address: options.Cluster = None,
    shared: options.Shared = None,
    workspace: options.Workspace = None,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
    seed: options.Seed = 0,
) -> None:
    """Group images by the prototypes of a model and write the manifest.

    New images are scanned and embedded first. Nothing in this command is random.

    Example: curate cluster --out manifest.parquet
    """
    from curate.sources import add_fps
    from curate.stages.cluster import ClusterConfig
    from curate.stages.cluster import cluster as run

    config = ClusterConfig(
        clusters=clusters,
        levels=options.parse_numbers(levels) if levels is not None else (),
        assign=assign,
        neighbors=neighbors,
        labels=labels,
        model=model,
        device=device,
    )
    engine = options.make_engine_config(cluster_address, shared)
    run_stage(
        lambda progress: run(
            add_fps(images or None, fps),
            config,
            out=out,
            scan_config=options.make_scan_config(exclude, max_pixels),
            engine=engine,
            workspace=workspace,
            progress=progress,
        ),
        partial(_describe, workspace=workspace),
        as_json=as_json,
        is_quiet=quiet,
    )


def _describe(result: "ClusterResult", workspace: str | None) -> "Iterator[str | Drawing]":
    yield Drawing(draw=lambda: draw_histogram(result.sizes))
    unreadable = f", {result.n_unreadable:,} of them unreadable" if result.n_unreadable else ""
    yield (
        f"{count_of(result.n_images, 'image')}{unreadable}, "
        f"in {count_of(result.n_clusters, 'cluster')} "
        f"of {result.smallest:,} to {result.largest:,}"
    )
    yield from options.describe_unreadable(result.unreadable)
    if result.labels is not None and not result.labels.are_told:
        yield f"labels: {result.labels.describe()}"
    yield f"manifest: {show_path(result.manifest)}"
    dedup = format_command("dedup", name_file(show_path(result.manifest)), workspace=workspace)
    yield f"next: {dedup}"
