"""Report: one self-contained page that shows what is in a folder and what to do about it."""

import os
from dataclasses import dataclass
from pathlib import Path

from curate.argument_types import check_arguments
from curate.choices import MapBy
from curate.errors import UsageError
from curate.field_types import take_types
from curate.files import replacing
from curate.manifest.manifest import read_manifest
from curate.output_checks import check_output
from curate.pages.notebook import ShownInNotebooks
from curate.progress import Progress, Silent
from curate.report_page.actions import Commands
from curate.report_page.certainty import compare_with_judged
from curate.report_page.page import OWN_MARK, build_report
from curate.review_page.judged_pairs import read_judged_probabilities
from curate.sources.folder import escape_address
from curate.workspace.workspace import find_workspace


@dataclass(frozen=True, kw_only=True, slots=True)
class ReportConfig:
    """What the stage needs to know.

    Attributes:
        map: How the map finds a place for each image.
        seed: Of the map.
    """

    map: MapBy = MapBy.PCA
    seed: int = 0

    def __post_init__(self) -> None:
        """Take the choice by its name.

        Raises:
            UsageError: There is no such choice.
        """
        take_types(self)


@dataclass(frozen=True, kw_only=True, slots=True)
class ReportResult(ShownInNotebooks):
    """What the stage did.

    Attributes:
        report: The page written.
        bytes: Its size.
        n_images: Images of the manifest.
        n_unreadable: Those that cannot be used.
        n_groups: Duplicate groups, those of which all images stay too.
        n_copies: Images that need not be kept, as `curate dedup` counts them: links are none.
        n_leaks: Duplicate groups that lie in several splits.
        n_conflicts: Duplicate groups with different labels.
        n_on_map: Images on the map.
    """

    report: str
    bytes: int
    n_images: int
    n_unreadable: int
    n_groups: int
    n_copies: int
    n_leaks: int
    n_conflicts: int
    n_on_map: int


@check_arguments
def report(
    manifest: Path | str,
    config: ReportConfig | None = None,
    *,
    out: Path | str = "report.html",
    workspace: Path | str | None = None,
    progress: Progress | None = None,
) -> ReportResult:
    """Write a page on a manifest that needs no other file and no network.

    Args:
        manifest: The manifest.
        config: The stage's settings.
        out: The page to write, a .html file.
        workspace: Folder of the workspace; None takes ``CURATE_WORKSPACE`` or ``.curate``.
        progress: Hears how it gets on.

    Raises:
        InputError: The manifest or the workspace cannot be used, or the workspace is not there.
        UsageError: The name of the page does not end in .html.
        ResourceError: The page cannot be written, or UMAP is wanted and not installed.
    """
    config = config or ReportConfig()
    out = Path(out)
    if out.suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"{out} is no name of a page", hint="such as --out report.html")
    read = read_manifest(Path(manifest))
    check_output(out, is_report, what="a report")
    space, progress = find_workspace(workspace, progress), progress or Silent()
    built = build_report(
        read,
        space,
        commands=Commands(
            manifest=escape_address(os.fsencode(manifest)),
            source=read.source,
            workspace=_as_shown(workspace),
        ),
        by=config.map,
        seed=config.seed,
        judged=compare_with_judged(*read_judged_probabilities(space.root, progress)),
        progress=progress,
    )
    with replacing(out) as scratch:
        scratch.write_text(built.html, encoding="utf-8")
    summary = built.summary
    return ReportResult(
        report=str(out),
        bytes=out.stat().st_size,
        n_images=summary.n_images,
        n_unreadable=summary.n_unreadable,
        n_groups=summary.n_groups,
        n_copies=summary.n_copies,
        n_leaks=len(summary.leaks),
        n_conflicts=len(summary.conflicts),
        n_on_map=built.n_on_map,
    )


def is_report(path: Path) -> bool:
    """Return whether a file is a report that curate wrote."""
    with path.open("rb") as file:
        return OWN_MARK.encode() in file.read(1024)


def _as_shown(workspace: Path | str | None) -> str | None:
    """Return what a workspace was named by as a page can show it."""
    return escape_address(os.fsencode(workspace)) if workspace is not None else None
