"""Galleries: rows of images that share something worth a look."""

from dataclasses import dataclass

import numpy as np

from curate.algorithms.classifiers import SUSPECT_FROM
from curate.pages.images_table import ImagesTable
from curate.report_page.summary import Summary


@dataclass(frozen=True, kw_only=True, slots=True)
class Gallery:
    """Images with a caption each.

    Attributes:
        title: What they have in common; empty where the section says it.
        n_images: All that do, of which some are shown.
        rows: Those shown.
        captions: One for each, such as a measure.
        filter: The rows as an expression for ``--where``.
        sheet: Name of a sheet of them.
        by: Column that a sheet is ordered by, the largest first, or None.
    """

    title: str
    n_images: int
    rows: list[int]
    captions: list[str]
    filter: str
    sheet: str
    by: str | None = None


def list_outliers(images: ImagesTable, n: int) -> Gallery | None:
    """Return the images that are least like the others, or None if that was not measured."""
    outlier = np.where(images.is_kept, images.numbers("outlier"), np.nan)
    n_known = int(np.isfinite(outlier).sum())
    if n_known == 0:
        return None
    rows = np.argsort(-np.nan_to_num(outlier, nan=-1), kind="stable")[: min(n, n_known)]
    least = float(outlier[rows[-1]])
    return Gallery(
        title="",
        n_images=n_known,
        rows=rows.tolist(),
        captions=[f"{outlier[row]:.2f}" for row in rows.tolist()],
        filter=f"outlier >= {least:.3f}",
        sheet="outliers",
        by="outlier",
    )


def list_issues(images: ImagesTable, summary: Summary, n: int) -> list[Gallery]:
    """Return images of each kind of issue, the most frequent kind first."""
    if not summary.issues:
        return []
    of_kind: dict[str, list[int]] = {}
    for row, kinds in enumerate(images.values("issues")):
        for kind in kinds or ():
            of_kind.setdefault(kind, []).append(row)
    galleries = []
    for kind, count in summary.issues:
        steps = np.linspace(0, count - 1, min(n, count)).round().astype(int)
        rows = [of_kind[kind][step] for step in steps]
        quoted = kind.replace("'", "''")
        captions = [f"{images.codes('width')[r]}×{images.codes('height')[r]} px" for r in rows]
        galleries.append(
            Gallery(
                title=kind.replace("_", " "),
                n_images=count,
                rows=rows,
                captions=captions,
                filter=f"list_contains(issues, '{quoted}')",
                sheet=kind.replace("_", "-"),
            )
        )
    return galleries


def list_suspects(images: ImagesTable, n: int) -> Gallery | None:
    """Return the images whose neighbours most agree on another label, or None if none is told."""
    suspect = images.suspicion()
    n_suspects = int((suspect > SUSPECT_FROM).sum())
    if n_suspects == 0:
        return None
    rows = np.argsort(-suspect, kind="stable")[: min(n, n_suspects)].tolist()
    labels = images.texts("label")
    return Gallery(
        title="",
        n_images=n_suspects,
        rows=rows,
        captions=[f"labelled {labels[row]}, {100 * suspect[row]:.0f} % disagree" for row in rows],
        filter=f"label_suspect > {SUSPECT_FROM:g}",
        sheet="suspects",
        by="label_suspect",
    )
