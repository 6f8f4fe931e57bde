"""The command ``curate split``: split without leaks."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from curate.amounts import count_of
from curate.cli import options
from curate.cli.drawing import draw_table
from curate.cli.screen import Drawing, run_stage
from curate.cli.shown_paths import show_path
from curate.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.table import Table

    from curate.stages.split import SplitResult


def split(
    manifest: options.ManifestArgument,
    ratios: Annotated[
        str, typer.Option(help="Make splits of these names and shares.")
    ] = "train=0.8,val=0.1,test=0.1",
    stratify: Annotated[
        str | None,
        typer.Option(
            help="Give every split the same shares of the values of this column, such as "
            "cluster or label; of several, joined by commas, of the values taken together."
        ),
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(
            help="Keep images with equal values of this column in one split; of several, joined by "
            "commas, of any of them."
        ),
    ] = None,
    stable: Annotated[
        bool,
        typer.Option(
            "--stable",
            help="Never move an image that has a split already, even one that --ratios does not "
            "name.",
        ),
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(help="Write the manifest to this file.", show_default="the one read"),
    ] = None,
    workspace: options.Workspace = None,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
    seed: options.Seed = 0,
) -> None:
    """Split the images into parts that share no copies.

    Run `curate dedup` first, which finds the copies.

    Example: curate split manifest.parquet --ratios train=0.8,val=0.1,test=0.1 --stratify cluster
    """
    from curate.stages.split import SplitConfig
    from curate.stages.split import split as run

    config = SplitConfig(
        ratios=_parse_ratios(ratios),
        stratify=_parse_names(stratify),
        by=_parse_names(by),
        stable=stable,
        seed=seed,
    )
    run_stage(
        lambda progress: run(manifest, config, out=out, progress=progress),
        _describe,
        as_json=as_json,
        is_quiet=quiet,
    )


def _draw(result: "SplitResult") -> "Table":
    n_images = max(sum(result.n_images.values()), 1)
    rows = [
        (
            (
                name,
                f"{count:,}",
                f"{count / n_images:.3f}",
                f"{result.ratios[name]:.3f}" if name in result.ratios else "",
            ),
            count / n_images,
        )
        for name, count in result.n_images.items()
    ]
    return draw_table(("split", "images", "share", "asked"), rows)


def _parse_names(text: str | None) -> tuple[str, ...]:
    """Return the columns of ``patient,video``."""
    return tuple(name.strip() for name in (text or "").split(",") if name.strip())


def _parse_ratios(text: str) -> tuple[tuple[str, float], ...]:
    """Return names and shares of ``train=0.8,val=0.2``.

    Raises:
        UsageError: The text has another form.
    """
    try:
        pairs = [part.split("=") for part in text.split(",")]
        return tuple((name.strip(), float(share)) for name, share in pairs)
    except ValueError:
        raise UsageError(
            f"{text!r} is not a list of names and shares",
            hint="such as --ratios train=0.8,val=0.1,test=0.1",
        ) from None


def _describe(result: "SplitResult") -> "Iterator[str | Drawing]":
    n_images = sum(result.n_images.values())
    yield Drawing(
        draw=lambda: _draw(result),
        plain=[
            f"  {name:12} {count:8,}  {count / max(n_images, 1):.3f}"
            for name, count in result.n_images.items()
        ],
    )
    if result.n_straddling:
        told = count_of(result.n_straddling, "group straddles: its", "groups straddle: their")
        yield f"  {told} images had splits already"
    yield f"manifest: {show_path(result.manifest)}"
