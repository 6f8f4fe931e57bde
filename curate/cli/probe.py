"""The command ``curate probe``: measure features on labels."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from curate.amounts import count_of
from curate.cli import options
from curate.cli.screen import make_visible, run_stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from curate.stages.probe import ProbeResult


def probe(
    manifest: options.ManifestArgument,
    test: Annotated[
        Path | None,
        typer.Option(help="Test on the images of this manifest.", show_default="a held-out share"),
    ] = None,
    by: Annotated[str, typer.Option(help="Read the labels from this column.")] = "label",
    together: Annotated[
        str | None,
        typer.Option(
            help="Do not divide images with equal values of this column, such as a patient or a "
            "video, into those learned from and those tested; --by names the labels.",
            show_default="copies only",
        ),
    ] = None,
    neighbors: Annotated[
        int, typer.Option(min=1, help="Let this many neighbors vote in the k-NN classifier.")
    ] = 20,
    held_out: Annotated[float, typer.Option(help="Test on this share of each class.")] = 0.3,
    device: options.Device = "auto",
    workspace: options.Workspace = None,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
    seed: options.Seed = 0,
) -> None:
    """Measure how well the features separate labels.

    Training never saw the labels. They come from `curate cluster --labels folder`, or from a column
    of your own. Images that `curate dedup` drops as copies are left out; run it first. Copies that
    are kept lie on one side of the split; with --test, images that are learned from, and known
    copies of them, are not tested.

    Example: curate probe manifest.parquet
    """
    from curate.stages.probe import ProbeConfig
    from curate.stages.probe import probe as run

    config = ProbeConfig(
        by=by,
        together=together,
        neighbors=neighbors,
        held_out=held_out,
        device=device,
        seed=seed,
    )
    run_stage(
        lambda progress: run(manifest, config, test=test, workspace=workspace, progress=progress),
        _describe,
        as_json=as_json,
        is_quiet=quiet,
    )


def _describe(result: "ProbeResult") -> "Iterator[str]":
    learned = f"{count_of(result.n_train, 'image')} learned from"
    yield f"{learned}, {result.n_test:,} tested, {result.model}"
    if result.n_duplicates:
        yield f"  {count_of(result.n_duplicates, 'copy', 'copies')} left out"
    if result.n_shared:
        yield f"  {result.n_shared:,} not tested: they, or copies of them, are learned from"
    yield f"  split by {result.n_units:,} images or groups that stay together"
    yield f"  {'label':24} {'learned':>8} {'tested':>8} {'k-NN':>7} {'linear':>7}"
    for row in result.classes:
        yield (
            f"  {make_visible(row.label)[:24]:24} {row.n_train:8,} {row.n_test:8,} "
            f"{row.knn:7.3f} {row.linear:7.3f}"
        )
    yield (
        f"  {'all':24} {result.n_train:8,} {result.n_test:8,} "
        f"{result.knn:7.3f} {result.linear:7.3f}"
    )
    yield f"  always the largest class: {result.majority:.3f}"
