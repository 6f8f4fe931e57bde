"""The command ``curate embed``: compute feature vectors."""

from functools import partial
from typing import TYPE_CHECKING

from curate.amounts import count_of
from curate.cli import options
from curate.cli.next_step import suggest_clusters
from curate.cli.screen import run_stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from curate.stages.embed import EmbedResult


def embed(
    images: options.ImagesArgument = None,
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
    """Compute the feature vectors of images that have none yet.

    Nothing in this command is random.

    Example: curate embed ./more-images
    """
    from curate.sources import add_fps
    from curate.stages.embed import EmbedConfig
    from curate.stages.embed import embed as run

    config = EmbedConfig(model=model, device=device)
    engine = options.make_engine_config(cluster_address, shared)
    run_stage(
        lambda progress: run(
            add_fps(images or None, fps),
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


def _describe(result: "EmbedResult", workspace: str | None) -> "Iterator[str]":
    rate = f", {result.images_per_second:,.0f} images/s" if result.n_embedded else ""
    yield (
        f"embedded {result.n_embedded:,} of {count_of(result.n_images, 'image')}{rate}; "
        "the others had vectors already"
        if result.n_embedded < result.n_images
        else f"embedded {count_of(result.n_embedded, 'image')}{rate}"
    )
    yield from options.describe_unreadable(result.unreadable)
    yield f"next: {suggest_clusters(result.model, workspace)}"
