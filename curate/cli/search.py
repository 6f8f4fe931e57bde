"""The command ``curate search``: find images like a picture."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from curate.amounts import count_of
from curate.choices import SearchBy
from curate.cli import options
from curate.cli.screen import run_stage
from curate.cli.shown_paths import show_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from curate.stages.search import Answer, Found, SearchResult


def search(
    queries: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[PICTURE]...",
            help="The image files to look for, or folders of them.",
            show_default=False,
        ),
    ] = None,
    by: Annotated[
        SearchBy,
        typer.Option(help="Compare the features of a model, or find copies, which needs no model."),
    ] = SearchBy.FEATURES,
    like: Annotated[
        list[str] | None,
        typer.Option(
            help="Look for the image of this path in the manifest, from here, or whole; the option "
            "may be repeated.",
            show_default=False,
        ),
    ] = None,
    k: Annotated[
        int, typer.Option("-k", min=1, help="Show at most this many images for each picture.")
    ] = 20,
    sheet: Annotated[
        Path | None,
        typer.Option(help="Draw the results as a contact sheet in this file.", show_default=False),
    ] = None,
    model: options.Model = None,
    device: options.Device = "auto",
    workspace: options.Workspace = None,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
    seed: options.Seed = 0,
) -> None:
    """Find the images of the workspace that are like some pictures.

    By features, the result is the nearest images, however far they are; this needs a model of
    `curate train`. By copies, the result is images of equal bytes or equal pixels, and images that
    show the same picture mirrored, turned, cropped or encoded again, each with the probability that
    it is a copy. It is faster after `curate dedup`. If there is no copy, it says so.

    Example: curate search holiday.jpg -k 5 --sheet found.jpg

    Example: curate search ./arrived --by copies --json
    """
    from curate.stages.search import SearchConfig
    from curate.stages.search import search as run

    config = SearchConfig(k=k, model=model, device=device, seed=seed)
    run_stage(
        lambda progress: run(
            queries or (),
            config,
            by=by,
            like=like or (),
            sheet=sheet,
            workspace=workspace,
            progress=progress,
        ),
        _describe,
        as_json=as_json,
        is_quiet=quiet,
    )


def _describe(result: "SearchResult") -> "Iterator[str]":
    for answer in result.answers:
        yield f"{answer.query}: {_heading(answer, result)}"
        for image in answer.found:
            yield f"  {image.similarity:6.3f}  {_describe_evidence(image)}{_shorten(image.path)}"
    for name, reason in result.unreadable.items():
        yield f"{name}: cannot be read: {reason}"
    if result.sheet:
        yield f"sheet: {show_path(result.sheet)}"


def _heading(answer: "Answer", result: "SearchResult") -> str:
    among = count_of(result.n_searched, "image")
    if result.by != SearchBy.COPIES:
        return f"of {among}"
    n_copies = len(answer.found) + answer.n_more
    if n_copies == 0:
        return f"no copy among {among}"
    shown = f", the best {len(answer.found):,}" if answer.n_more else ""
    return f"{count_of(n_copies, 'copy', 'copies')} among {among}{shown}"


def _shorten(path: str) -> str:
    """Return a path relative to the current folder, if it lies in it."""
    here = Path.cwd()
    return str(Path(path).relative_to(here)) if Path(path).is_relative_to(here) else path


def _describe_evidence(image: "Found") -> str:
    """Return the kind of evidence, and where the picture lies on the image unless it fills it.

    Turns, scales and margins so small that nobody would see them are left out.
    """
    if image.match is None or image.placement is None:
        return ""
    placement = image.placement
    words = ["mirrored"] if placement.mirrored else []
    if abs(placement.rotation) >= 1:
        words.append(f"turned {placement.rotation:+.0f}°")
    if not 0.98 < placement.scale < 1.02:
        words.append(f"x {placement.scale:.2f}")
    if placement.covers < 0.95:
        words.append(f"covers {placement.covers:.0%}")
    return f"{image.match:6}  {', '.join(words):34}  "
