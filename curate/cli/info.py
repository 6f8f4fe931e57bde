"""The command ``curate info``: show what the workspace holds."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from curate.amounts import count_of, format_bytes
from curate.cli import options
from curate.cli.drawing import draw_curve
from curate.cli.screen import run_stage
from curate.cli.shown_paths import show_path, show_source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from curate.stages.info import InfoResult
    from curate.stages.verify import VerifyResult

EXIT_DAMAGED = 3


def info(
    manifest: Annotated[
        Path | None,
        typer.Argument(
            metavar="MANIFEST",
            help="List the clusters of this manifest.",
            show_default="the newest of the workspace, with --clusters",
        ),
    ] = None,
    clusters: Annotated[
        bool, typer.Option("--clusters", help="List the clusters with size, cohesion and medoid.")
    ] = False,
    verify: Annotated[
        bool,
        typer.Option("--verify", help="Read the whole workspace and name what is damaged."),
    ] = False,
    repair: Annotated[
        bool, typer.Option("--repair", help="Make again what is damaged, as far as that can be.")
    ] = False,
    workspace: options.Workspace = None,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
    seed: options.Seed = 0,
) -> None:
    """Show sources, images, models and manifests of the workspace.

    Of clusters, cohesion is the mean cosine of the images to the cluster's mean, and the medoid is
    the image that is most like all others of its cluster. Nothing in this command is random.

    The exit code is 3 if something is, or stays, damaged. Without --verify only the models are
    looked at. All can be made again from your images but the weights of a model: train that again.

    Example: curate info --clusters
    """
    if verify or repair:
        _verify(repairs=repair, workspace=workspace, as_json=as_json, quiet=quiet)
        return
    from curate.stages.info import info as run

    clusters = clusters or manifest is not None
    result = run_stage(
        lambda _: run(manifest, clusters=clusters, workspace=workspace),
        _describe_clusters if clusters else _describe,
        as_json=as_json,
        is_quiet=quiet,
    )
    if result.damage and not clusters:
        raise typer.Exit(EXIT_DAMAGED)


def _verify(*, repairs: bool, workspace: str | None, as_json: bool, quiet: bool) -> None:
    from curate.stages.verify import verify

    result = run_stage(
        lambda progress: verify(repairs=repairs, workspace=workspace, progress=progress),
        _describe_damage,
        as_json=as_json,
        is_quiet=quiet,
    )
    if result.left:
        raise typer.Exit(EXIT_DAMAGED)


def _describe_damage(result: "VerifyResult") -> "Iterator[str]":
    left = {damage.path for damage in result.left}
    for damage in result.found:
        mended = "" if damage.path in left else " (mended)"
        yield f"damaged    {damage.path}: {damage.reason}{mended}"
    for hint in sorted({damage.hint for damage in result.left}):
        yield f"hint: {hint}"
    size = f"{count_of(result.n_files, 'file')}, {format_bytes(result.bytes)}"
    state = f"{len(result.left):,} damaged" if result.left else "all as it was written"
    yield f"workspace  {show_path(result.workspace)}: {size}, {state}"


def _describe_clusters(result: "InfoResult") -> "Iterator[str]":
    yield "  cluster    size  cohesion  medoid"
    for row in result.clusters or []:
        cohesion = "    –" if row.cohesion is None else f"{row.cohesion:5.3f}"
        yield f"  {row.cluster:7}  {row.size:6,}     {cohesion}  {row.medoid or '–'}"
    if result.labels is not None:
        yield f"labels: {result.labels.describe()}"


def _describe(result: "InfoResult") -> "Iterator[str]":
    yield f"workspace  {show_path(result.workspace)}  ({format_bytes(result.workspace_bytes)})"
    for source in result.sources:
        yield f"source     {show_source(source)}"
    unreadable = f", {result.n_unreadable:,} unreadable" if result.n_unreadable else ""
    yield f"images     {result.n_files:,}{unreadable}, {format_bytes(result.source_bytes)}"
    for model in result.models:
        yield (
            f"model      {model.name}: {model.backbone}, {model.n_prototypes:,} prototypes, "
            f"from {model.started_from}, {count_of(model.epochs, 'epoch')}, "
            f"{count_of(model.n_embedded, 'image')} embedded"
        )
        yield f"           loss / log K {draw_curve(model.loss_ratio)} {model.loss_ratio[-1]:.3f}"
    for damage in result.damage:
        yield f"damaged    {damage}"
    for manifest in result.manifests:
        yield f"manifest   {show_path(manifest)}"
