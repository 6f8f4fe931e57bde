"""``curate info``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from curate.cli import options
from curate.cli.screen import run_stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from curate.stages.info import InfoResult

_BARS = "▁▂▃▄▅▆▇█"
_WIDTH = 40


def info(
    manifest: Annotated[
        Path | None,
        typer.Argument(
            metavar="MANIFEST",
            help="Manifest whose clusters are told; else the newest of the workspace.",
            show_default=False,
        ),
    ] = None,
    clusters: Annotated[
        bool, typer.Option("--clusters", help="List the clusters: size, cohesion, medoid.")
    ] = False,
    workspace: options.Workspace = None,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
    seed: options.Seed = 0,
) -> None:
    """Show what the workspace holds: sources, images, models, manifests. Nothing is random here.

    Cohesion is the mean cosine of a cluster's images to its prototype, the medoid the image that
    is most like all others of its cluster.

    Example: curate info --clusters
    """
    from curate.stages.info import info as run

    clusters = clusters or manifest is not None
    run_stage(
        lambda _: run(manifest, clusters=clusters, workspace=workspace),
        _describe_clusters if clusters else _describe,
        as_json=as_json,
        is_quiet=quiet,
    )


def _describe_clusters(result: "InfoResult") -> "Iterator[str]":
    yield "  cluster    size  cohesion  medoid"
    for one in result.clusters or []:
        yield f"  {one.cluster:7}  {one.size:6,}     {one.cohesion:5.3f}  {one.medoid}"


def _describe(result: "InfoResult") -> "Iterator[str]":
    yield f"workspace  {result.workspace}  ({options.size(result.workspace_bytes)})"
    for source in result.sources:
        yield f"source     {source}"
    unreadable = f", {result.n_unreadable:,} unreadable" if result.n_unreadable else ""
    yield f"images     {result.n_files:,}{unreadable}, {options.size(result.source_bytes)}"
    for model in result.models:
        yield (
            f"model      {model.name}: {model.backbone}, {model.n_prototypes:,} prototypes, "
            f"from {model.started_from}, {model.epochs} epochs, "
            f"{model.n_embedded:,} images embedded"
        )
        yield f"           loss / log K {curve(model.loss_ratio)} {model.loss_ratio[-1]:.3f}"
    for manifest in result.manifests:
        yield f"manifest   {manifest}"


def curve(values: list[float]) -> str:
    """Return values from 0 to 1 as a line of bars, at most 40."""
    step = max(1, -(-len(values) // _WIDTH))
    shown = [
        sum(part) / len(part)
        for part in (values[i : i + step] for i in range(0, len(values), step))
    ]
    return "".join(_BARS[min(7, max(0, int(value * 8)))] for value in shown)
