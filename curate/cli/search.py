"""``curate search``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from curate.choices import SearchBy
from curate.cli import options
from curate.cli.screen import run_stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from curate.stages.search import Answer, Found, SearchResult


def search(
    queries: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[PICTURE]...",
            help="Image files to look for, or folders of them.",
            show_default=False,
        ),
    ] = None,
    by: Annotated[
        SearchBy,
        typer.Option(help="Find what is alike to the model, or copies, which needs no model."),
    ] = SearchBy.FEATURES,
    like: Annotated[
        list[str] | None,
        typer.Option(
            help="Path in the manifest to look for; may be given several times.",
            show_default=False,
        ),
    ] = None,
    k: Annotated[
        int, typer.Option("-k", min=1, help="Images found for each picture at most.")
    ] = 20,
    sheet: Annotated[
        Path | None, typer.Option(help="Contact sheet to write.", show_default=False)
    ] = None,
    model: options.Model = None,
    device: options.Device = "auto",
    workspace: options.Workspace = None,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
    seed: options.Seed = 0,
) -> None:
    """Find the images of the workspace that are like some pictures.

    By features, the nearest are found, however far they are; this needs a model of `curate train`.
    By copies, only images are found of equal bytes, of equal pixels, or on which the picture can be
    laid, also if it was mirrored, turned, cropped or encoded again, each with the probability to be
    a copy. What `curate dedup` found out makes it quick. If nothing is a copy, it says so.

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
        for one in answer.found:
            yield f"  {one.similarity:6.3f}  {_evidence(one)}{_shown(one.path)}"
    for name, reason in result.unreadable.items():
        yield f"{name}: cannot be read: {reason}"
    if result.sheet:
        yield f"sheet: {result.sheet}"


def _heading(answer: "Answer", result: "SearchResult") -> str:
    among = f"{result.n_searched:,} images"
    if result.by != SearchBy.COPIES:
        return f"of {among}"
    n_copies = len(answer.found) + answer.n_more
    if n_copies == 0:
        return f"no copy among {among}"
    shown = f", the best {len(answer.found):,}" if answer.n_more else ""
    return f"{n_copies:,} {'copy' if n_copies == 1 else 'copies'} among {among}{shown}"


def _shown(path: str) -> str:
    """Return a path as short as one would type it here."""
    here = Path.cwd()
    return str(Path(path).relative_to(here)) if Path(path).is_relative_to(here) else path


def _evidence(one: "Found") -> str:
    """Return the rung, and how the picture lies on the image if it is not simply the same."""
    if one.match is None or one.placement is None:
        return ""
    how = one.placement
    words = ["mirrored"] if how.mirrored else []
    if abs(how.rotation) >= 1:
        words.append(f"turned {how.rotation:+.0f}°")
    if not 0.98 < how.scale < 1.02:
        words.append(f"x {how.scale:.2f}")
    if how.covers < 0.95:
        words.append(f"covers {how.covers:.0%}")
    return f"{one.match:6}  {', '.join(words):34}  "
