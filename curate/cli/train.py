"""``curate train``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from curate.cli import options
from curate.cli.screen import run_stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from curate.stages.train import TrainResult


def train(
    images: Annotated[
        Path, typer.Argument(metavar="IMAGES", help="Folder, searched at any depth.")
    ],
    recipe: Annotated[
        str | None,
        typer.Option(help="paper: settings of the SwAV paper.", show_default="derived"),
    ] = None,
    backbone: Annotated[
        str | None, typer.Option(help="Any timm name.", show_default="chosen")
    ] = None,
    prototypes: Annotated[
        int | None, typer.Option(min=2, help="Number of prototypes.", show_default="chosen")
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Passes over the images.", show_default="chosen")
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option(
            help="Time for the training, such as 20m or 1h30m.", show_default="8m or less"
        ),
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(min=2, help="Images of a step.", show_default="chosen")
    ] = None,
    image_size: Annotated[
        int | None, typer.Option(min=8, help="Side of an image, px.", show_default="chosen")
    ] = None,
    crops: Annotated[
        str | None,
        typer.Option(help="Such as 2x96+4x48: full-resolution crops first.", show_default="chosen"),
    ] = None,
    queue: Annotated[
        int | None,
        typer.Option(
            min=0, help="Past embeddings that balance small batches.", show_default="chosen"
        ),
    ] = None,
    precision: Annotated[str, typer.Option(help="auto, float32 or bfloat16.")] = "auto",
    device: options.Device = "auto",
    resume: Annotated[
        bool, typer.Option(help="Go on where the same training was interrupted.")
    ] = True,
    init: Annotated[
        Path | None,
        typer.Option(help="Weights to start from, .safetensors.", show_default=False),
    ] = None,
    pretrained: Annotated[
        bool, typer.Option("--pretrained", help="Start from published weights of the backbone.")
    ] = False,
    name: Annotated[str, typer.Option(help="Name of the model.")] = "default",
    workspace: options.Workspace = None,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
    seed: options.Seed = 0,
) -> None:
    """Scan a folder and learn features and prototypes from it.

    What is marked "chosen" follows from the images and the machine; it is shown and stored.

    Example: curate train ./images --budget 20m
    """
    from curate.stages.train import TrainConfig
    from curate.stages.train import train as run

    config = TrainConfig(
        recipe=recipe,
        backbone=backbone,
        prototypes=prototypes,
        epochs=epochs,
        budget_seconds=options.seconds_of(budget) if budget is not None else None,
        batch_size=batch_size,
        image_size=image_size,
        crops=crops,
        queue=queue,
        precision=precision,
        device=device,
        init=init,
        pretrained=pretrained,
        name=name,
        resume=resume,
        seed=seed,
    )
    run_stage(
        lambda progress: run(images, config, workspace=workspace, progress=progress),
        _describe,
        as_json=as_json,
        is_quiet=quiet,
    )


def _describe(result: "TrainResult") -> "Iterator[str]":
    settings = result.settings
    done = "trained" if result.was_trained else "was trained already:"
    yield (
        f"{done} model '{result.name}' on {result.n_images:,} different images in "
        f"{options.span(result.seconds)}, {result.epochs} epochs"
    )
    yield f"  loss / log K     {result.loss_ratio:.3f}  (1: nothing learned)"
    yield (
        f"  prototype usage  {result.usage_entropy:.3f}  "
        f"(1: all {settings['n_prototypes']} used alike)"
    )
    if result.view_agreement is not None:
        yield (
            f"  view agreement   {result.view_agreement:.3f}  (of images held out: how often the "
            "nearest view is of the same image)"
        )
    yield f"  started from     {result.started_from}"
    yield f"  model            {result.model}"
    if result.n_unreadable:
        yield f"  unreadable       {result.n_unreadable:,} files; the manifest says why"
    if result.mended:
        yield f"  mended           {result.mended}"
    if result.warning:
        yield f"  warning          {result.warning}"
    yield "next: curate cluster --out manifest.parquet"
