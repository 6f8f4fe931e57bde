"""The command ``curate dedup``: find copies."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from curate.amounts import count_of, format_bytes
from curate.choices import KeepPolicy, Labels, Level, OnConflict, YesNo
from curate.cli import options
from curate.cli.drawing import draw_table
from curate.cli.next_step import suggest_next
from curate.cli.screen import Drawing, run_stage
from curate.cli.shown_paths import show_path, show_source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.table import Table

    from curate.stages.dedup import DedupResult

EXIT_COPIES_FOUND = 10


def dedup(
    target: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SOURCE...|MANIFEST",
            help=f"A manifest, or: {options.SOURCE_HELP}",
            show_default="the newest manifest",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Write the manifest to this file.",
            show_default="the one read, or manifest.parquet",
        ),
    ] = None,
    level: Annotated[
        Level, typer.Option(help="Accept this evidence, or stronger, that two images are copies.")
    ] = Level.NEAR,
    precision: Annotated[
        float, typer.Option(help="Accept pairs of which this share should be copies.")
    ] = 0.99,
    threshold: Annotated[
        float | None,
        typer.Option(
            help="Accept pairs whose probability to be copies is at least this, in place of "
            "--precision.",
            show_default=False,
        ),
    ] = None,
    overlays: Annotated[
        YesNo,
        typer.Option(help="Say yes if a picture under a mark, a caption or a frame is a copy."),
    ] = YesNo.YES,
    recolour: Annotated[
        YesNo,
        typer.Option(
            help="Say yes if a picture with other hues is a copy; it may be another product."
        ),
    ] = YesNo.NO,
    min_overlap: Annotated[
        float,
        typer.Option(help="Drop no view that shares less than this with the one that stays."),
    ] = 0.4,
    per_scene: Annotated[
        int,
        typer.Option(
            help="At --level scene keep this many of each scene: the best, then the most "
            "different. More stay where it takes more, as each that goes matches one that stays."
        ),
    ] = 1,
    keep: Annotated[
        KeepPolicy, typer.Option(help="Keep this image of each duplicate group.")
    ] = KeepPolicy.BEST,
    protect: Annotated[
        list[str] | None,
        typer.Option(
            help="Always keep this folder or file of the source, by its path in there, its path "
            "from here, or its whole path; the option may be repeated."
        ),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(
            help="Find only copies of the images in this source, manifest or workspace.",
            show_default=False,
        ),
    ] = None,
    max_removed: Annotated[
        float, typer.Option(help="Let --level semantic drop at most this share of the images.")
    ] = 1.0,
    model: Annotated[
        str | None,
        typer.Option(
            help="At --level semantic use the model of this name.",
            show_default="that of the manifest, or else the one named default, or the only one",
        ),
    ] = None,
    ignore_reviews: Annotated[
        bool,
        typer.Option("--ignore-reviews", help="Leave out what was decided in curate review."),
    ] = False,
    pairs: Annotated[
        Path | None,
        typer.Option(
            help="Write the evidence for each pair to this Parquet file.", show_default=False
        ),
    ] = None,
    sheet: Annotated[
        Path | None,
        typer.Option(
            help="Draw the duplicate groups as contact sheets in this folder.", show_default=False
        ),
    ] = None,
    sheet_groups: Annotated[
        int, typer.Option(min=1, help="Draw at most this many duplicate groups.")
    ] = 240,
    labels: options.LabelsFrom = Labels.NONE.value,
    on_conflict: Annotated[
        OnConflict,
        typer.Option(
            help="Of copies whose labels differ, report them only, keep all, or drop all but "
            "protected ones."
        ),
    ] = OnConflict.REPORT,
    check: Annotated[
        bool, typer.Option("--check", help="Exit with 10 if copies are found.")
    ] = False,
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
    """Find copies by bytes, by pixels, and altered ones too.

    Altered copies are verified on their pixels. With --level scene, images of one scene, template
    or burst go too, but for the best of each. Only --level semantic needs a trained model. No image
    is changed or removed.

    Example: curate dedup ./images --out manifest.parquet --check
    """
    from curate.sources import add_fps
    from curate.stages.dedup import DedupConfig
    from curate.stages.dedup import dedup as run

    config = DedupConfig(
        level=level,
        precision=precision,
        threshold=threshold,
        overlays=overlays is YesNo.YES,
        recolour=recolour is YesNo.YES,
        min_overlap=min_overlap,
        per_scene=per_scene,
        keep=keep,
        protect=tuple(protect or ()),
        max_removed=max_removed,
        model=model,
        ignore_reviews=ignore_reviews,
        labels=labels,
        on_conflict=on_conflict,
        seed=seed,
    )
    engine = options.make_engine_config(cluster_address, shared)
    result = run_stage(
        lambda progress: run(
            add_fps(target or None, fps),
            config,
            out=out,
            against=against,
            pairs=pairs,
            sheets=sheet,
            most_groups=sheet_groups,
            scan_config=options.make_scan_config(exclude, max_pixels),
            engine=engine,
            workspace=workspace,
            progress=progress,
        ),
        partial(_describe, workspace=workspace),
        as_json=as_json,
        is_quiet=quiet,
    )
    if check and result.n_duplicates:
        raise typer.Exit(EXIT_COPIES_FOUND)


def _draw(result: "DedupResult") -> "Table":
    rows = [
        (
            (rung.match, f"{rung.n_groups:,}", f"{rung.n_images:,}", format_bytes(rung.bytes)),
            rung.n_images / result.n_duplicates,
        )
        for rung in result.rungs
        if rung.n_images and rung.match != Level.FILE.value
    ]
    return draw_table(("evidence", "groups", "images", "size"), rows)


def _list_rungs(result: "DedupResult") -> list[str]:
    lines = [f"  {'evidence':10} {'groups':>8} {'images':>8} {'size':>10}"]
    return lines + [
        f"  {rung.match:10} {rung.n_groups:8,} {rung.n_images:8,} {format_bytes(rung.bytes):>10}"
        for rung in result.rungs
        if rung.n_images and rung.match != Level.FILE.value
    ]


def _describe(result: "DedupResult", workspace: str | None) -> "Iterator[str | Drawing]":
    copies = f"{count_of(result.n_duplicates, 'image')} ({format_bytes(result.duplicate_bytes)})"
    images, groups = count_of(result.n_images, "image"), count_of(result.n_groups, "group")
    if result.against is None:
        yield f"{images}: {groups}, {copies} need not be kept"
    else:
        other = show_source(result.against)
        are_copies = "is a copy of an image" if result.n_duplicates == 1 else "are copies of images"
        yield f"{images}: {copies} {are_copies} in {other}"
    if result.n_duplicates:
        yield Drawing(draw=lambda: _draw(result), plain=_list_rungs(result))
    if result.n_conflicts:
        yield f"  labels differ in {count_of(result.n_conflicts, 'group')}: see label_conflict"
    if result.n_links:
        one = "link is another name of a file, no copy"
        many = "links are other names of files, no copies"
        yield count_of(result.n_links, one, many)
    yield from options.describe_unreadable(result.unreadable)
    if result.n_reviews:
        one = "decision of curate review is obeyed"
        many = "decisions of curate review are obeyed"
        yield count_of(result.n_reviews, one, many)
    yield f"manifest: {show_path(result.manifest)}"
    if result.evidence:
        yield f"evidence: {show_path(result.evidence)}"
    if result.sheets:
        yield f"sheets: {show_path(result.sheets)}, {result.n_drawn:,} of {groups}"
    yield f"next: {suggest_next(result.manifest, workspace)}"
