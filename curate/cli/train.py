"""The command ``curate train``: learn features and prototypes."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from curate.amounts import count_of, format_duration
from curate.cli import options
from curate.cli.drawing import draw_curve
from curate.cli.next_step import suggest_clusters
from curate.cli.screen import Drawing, run_stage
from curate.cli.shown_paths import show_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from curate.stages.train import TrainResult


def train(
    images: Annotated[list[str], typer.Argument(metavar="SOURCE...", help=options.SOURCE_HELP)],
    recipe: Annotated[
        str | None,
        typer.Option(
            help="Start from the settings of this recipe; paper takes those of the SwAV paper.",
            show_default="derived",
        ),
    ] = None,
    backbone: Annotated[
        str | None,
        typer.Option(help="Train this network, any name that timm knows.", show_default="chosen"),
    ] = None,
    prototypes: Annotated[
        int | None, typer.Option(min=2, help="Learn this many prototypes.", show_default="chosen")
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(min=1, help="Pass over the images this many times.", show_default="chosen"),
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option(help="Train for this long, such as 20m or 1h30m.", show_default="8m or less"),
    ] = None,
    batch_size: Annotated[
        int | None,
        typer.Option(min=2, help="Take this many images in a step.", show_default="chosen"),
    ] = None,
    image_size: Annotated[
        int | None,
        typer.Option(
            min=8,
            help="Resize images to squares of this many pixels a side.",
            show_default="chosen",
        ),
    ] = None,
    crops: Annotated[
        str | None,
        typer.Option(
            help="Take these crops of each image, such as 2x96+4x48, the large ones first.",
            show_default="chosen",
        ),
    ] = None,
    queue: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Keep this many past embeddings to balance small batches.",
            show_default="chosen",
        ),
    ] = None,
    precision: Annotated[
        str, typer.Option(help="Compute in this precision: auto, float32 or bfloat16.")
    ] = "auto",
    device: options.Device = "auto",
    resume: Annotated[
        bool, typer.Option(help="Go on where the same training was interrupted.")
    ] = True,
    init: Annotated[
        Path | None,
        typer.Option(help="Start from the weights in this .safetensors file.", show_default=False),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            help="Start from scratch, pretrained (published weights of the backbone), or auto: "
            "pretrained where such weights are installed and know these images.",
            show_default="scratch",
        ),
    ] = None,
    pretrained: Annotated[
        bool, typer.Option("--pretrained", help="The same as --start pretrained.")
    ] = False,
    vertical_flip: Annotated[
        bool | None,
        typer.Option(
            help="Let upside down images count like upright ones: for images that have no up.",
            show_default="asked of the images where published weights are installed",
        ),
    ] = None,
    standardise: Annotated[
        bool | None,
        typer.Option(
            help="Bring each image to one brightness and contrast: for folders of uneven exposure.",
            show_default="by how much the images differ in exposure",
        ),
    ] = None,
    name: Annotated[str, typer.Option(help="Store the model under this name.")] = "default",
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
    """Scan a folder and learn features and prototypes from it.

    Settings whose default is "chosen" follow from the images and the machine; they are shown and
    stored.

    Example: curate train ./images --budget 20m
    """
    from curate.sources import add_fps
    from curate.stages.train import train as run
    from curate.workspace.training_settings import TrainConfig

    config = TrainConfig(
        recipe=recipe,
        backbone=backbone,
        prototypes=prototypes,
        epochs=epochs,
        budget_seconds=options.parse_duration(budget) if budget is not None else None,
        batch_size=batch_size,
        image_size=image_size,
        crops=crops,
        queue=queue,
        precision=precision,
        device=device,
        init=init,
        start=start,
        pretrained=pretrained,
        vertical_flip=vertical_flip,
        standardise=standardise,
        name=name,
        resume=resume,
        seed=seed,
    )
    engine = options.make_engine_config(cluster_address, shared)
    run_stage(
        lambda progress: run(
            add_fps(images, fps) or images,
            config,
            scan_config=options.make_scan_config(exclude, max_pixels),
            engine=engine,
            workspace=workspace,
            progress=progress,
        ),
        partial(_describe, workspace=workspace),
        as_json=as_json,
        is_quiet=quiet,
    )


def _describe(result: "TrainResult", workspace: str | None) -> "Iterator[str | Drawing]":
    settings = result.settings
    verb = "trained" if result.was_trained else "was trained already:"
    yield (
        f"{verb} model '{result.name}' on {result.n_images:,} different images in "
        f"{format_duration(result.seconds)}, {count_of(result.epochs, 'epoch')}"
    )
    loss, usage = f"{result.loss_ratio:.3f}", f"{result.usage_entropy:.3f}"
    alike = f"(1: all {settings['n_prototypes']} used alike)"
    yield Drawing(
        draw=lambda: (
            f"  loss / log K     {draw_curve(result.loss_ratios or [])} {loss}\n"
            f"  prototype usage  {draw_curve(result.usage_entropies or [])} {usage}"
        ),
        plain=[
            f"  loss / log K     {loss}  (1: nothing learned)",
            f"  prototype usage  {usage}  {alike}",
        ],
    )
    held_out = f"{count_of(result.n_held_out, 'image')} held out"
    of_what = held_out if result.n_held_out else "training images"
    yield (
        f"  view agreement   {result.view_agreement:.3f}  (of {of_what}: how often the "
        "nearest view is of the same image)"
    )
    yield f"  started from     {result.started_from}"
    if result.start_reason:
        yield f"  chosen           {result.start_reason}"
    if result.orientation:
        yield f"  orientation      {result.orientation}"
    if result.exposure and settings["standardise"]:
        yield f"  exposure         {result.exposure}"
    if result.kept:
        yield f"  features         {result.kept}"
    yield f"  model            {show_path(result.model)}"
    yield from options.describe_unreadable(result.unreadable)
    if result.mended:
        yield f"  mended           {result.mended}"
    if result.warning:
        yield f"  warning          {result.warning}"
    if result.advice:
        yield f"  advice           {result.advice}"
    yield f"next: {suggest_clusters(result.name, workspace)}"
