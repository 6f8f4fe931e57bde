"""The page: everything that the report shows, put into one file."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup

from curate.amounts import count_of
from curate.choices import MapBy
from curate.commands import name_file
from curate.copies.align import Lay
from curate.errors import InputError
from curate.manifest.manifest import Manifest
from curate.pages.group_index import GroupIndex
from curate.pages.images_table import ImagesTable
from curate.pages.pictures import Pictures
from curate.pages.shown_text import show_text
from curate.pages.templates import hash_script, read_asset, render
from curate.progress import Progress, task
from curate.report_page.actions import Commands, list_actions
from curate.report_page.certainty import Bin, expect_precision
from curate.report_page.charts import Line, draw_lines
from curate.report_page.cluster_wall import ClusterTile, build_wall
from curate.report_page.duplicate_groups import DuplicateGroup, describe_groups
from curate.report_page.galleries import Gallery, list_issues, list_outliers, list_suspects
from curate.report_page.image_map import draw_map
from curate.report_page.summary import Summary, summarize
from curate.report_page.training_curve import TrainingCurve, read_training_curve
from curate.version import __version__
from curate.workspace.embedding import open_named_store
from curate.workspace.pixel_cache import PixelCache
from curate.workspace.pixel_mending import open_pixels
from curate.workspace.workspace import Workspace

OWN_MARK = "made by curate: report"
"""Stands in every report, so that a later one may replace it."""


LONG_ASPECT = 2.5
"""Width by height of a panorama: beside another image it is a thin strip, so it lies above."""
_CROPPED = 1.8
"""Long side by short side up to which a tile shows the middle; of longer images it shows all."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PageParams:
    """How much is shown; the rest is counted, and the page says so.

    Sizes of pages of 1,000 to 100,000 images are printed by ``tests/benchmarks/report_size.py``.

    Attributes:
        n_points: Images on the map.
        n_clusters: Clusters on the wall.
        n_examples: Images of each.
        n_groups: Duplicate groups of each kind: largest, most doubtful, leaks, label conflicts.
        n_members: Images of each.
        n_gallery: Images of a gallery.
        n_files: Files that cannot be read.
        pair_side: px, of the two images of a pair.
        gallery_side: px, of the images of a gallery.
        tile_side: px, of the others.
    """

    n_points: int = 4096
    n_clusters: int = 96
    n_examples: int = 9
    n_groups: int = 24
    n_members: int = 6
    n_gallery: int = 36
    n_files: int = 200
    pair_side: int = 256
    gallery_side: int = 224
    tile_side: int = 128


PAGE_PARAMS = PageParams()


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """A page and the numbers on it.

    Attributes:
        html: The page.
        summary: The numbers.
        n_on_map: Images on the map.
    """

    html: str
    summary: Summary
    n_on_map: int


def build_report(  # noqa: PLR0913 - what is reported, from where, and how
    manifest: Manifest,
    space: Workspace,
    *,
    commands: Commands,
    by: MapBy,
    seed: int,
    judged: Sequence[Bin],
    progress: Progress,
) -> Report:
    """Return the report of a manifest.

    Args:
        manifest: What is reported.
        space: Where pixels, features and models are.
        commands: On the manifest.
        by: How the map finds its places.
        seed: Of the map.
        judged: Stated probability beside what a person decided.
        progress: Hears how it gets on.

    Raises:
        InputError: A file of the workspace or the manifest cannot be read, or the workspace is not
            there.
        ResourceError: UMAP is wanted and not installed.
    """
    images = ImagesTable.read(manifest)
    cache = open_pixels(space, progress)
    _check_pixels(images, cache, space, progress)
    summary, pictures = summarize(images), Pictures(cache)
    builder = _Builder(images, pictures, PAGE_PARAMS)
    curve = read_training_curve(space, manifest.model)
    with task(progress, "report, parts", 4):
        image_map = draw_map(
            images,
            open_named_store(space, manifest.model) if manifest.model is not None else None,
            pictures,
            by=by,
            n_points=PAGE_PARAMS.n_points,
            seed=seed,
        )
        progress.advance()
        groups = builder.show_groups(summary)
        progress.advance()
        wall = [builder.show_cluster(tile) for tile in builder.list_clusters()]
        progress.advance()
        galleries = builder.show_galleries(summary, commands)
        progress.advance()
    script = read_asset("curate.pages", "pair_viewer.js") + read_asset(
        "curate.report_page", "report.js"
    )
    html = render(
        "curate.report_page",
        "report.html",
        {
            "mark": OWN_MARK,
            "version": __version__,
            "script": Markup(script),
            "policy": f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
            f"script-src {hash_script(script)}; base-uri 'none'; form-action 'none'",
            "style": Markup(
                read_asset("curate.pages", "base.css")
                + read_asset("curate.pages", "pair_viewer.css")
                + read_asset("curate.report_page", "report.css")
            ),
            "named": commands.manifest,
            "source": manifest.source,
            "model": manifest.model,
            "summary": summary,
            "actions": list_actions(summary, commands),
            "review": commands.format("review"),
            "unreadable": builder.list_unreadable(),
            "curve": curve,
            "charts": _draw_charts(images, summary, curve, judged),
            "judged": list(judged),
            "map": image_map,
            "map_data": image_map.as_json(images.paths) if image_map is not None else None,
            "few": builder.show_few() if image_map is None else [],
            "groups": groups,
            "wall": wall,
            **galleries,
        },
    )
    n_on_map = len(image_map.rows) if image_map is not None else 0
    return Report(html=html, summary=summary, n_on_map=n_on_map)


def _check_pixels(
    images: ImagesTable, cache: PixelCache, space: Workspace, progress: Progress
) -> None:
    """Tell how many images the page cannot show.

    Raises:
        InputError: It can show none, as there is no workspace.
    """
    hashes = images.hashes[images.is_readable].tolist()
    n_lost = len(hashes) - sum(cache.has(hashes))
    if n_lost == 0:
        return
    hint = "name the workspace of this manifest with --workspace"
    if n_lost == len(hashes) and not space.is_there():
        raise InputError(f"no workspace at {space}: no image could be shown", hint=hint)
    lost = f"{n_lost:,} of {count_of(len(hashes), 'image')} cannot be shown"
    why = f"{lost}, for want of pixels in {space}"
    progress.note(f"{why}: {hint}" if n_lost == len(hashes) else why)


class _Builder:
    """Turns rows into what the template shows."""

    def __init__(self, images: ImagesTable, pictures: Pictures, params: PageParams) -> None:
        self._images, self._pictures, self._params = images, pictures, params
        self._labels, self._splits = images.texts("label"), images.texts("split")
        self._width, self._height = images.codes("width"), images.codes("height")

    def list_unreadable(self) -> list[dict[str, Any]]:
        """Return files that cannot be read, with the reason."""
        rows = np.flatnonzero(~self._images.is_readable)[: self._params.n_files]
        reasons = self._images.texts("reason")
        return [
            {"path": show_text(self._images.paths[row]), "reason": reasons[row]}
            for row in rows.tolist()
        ]

    def show_few(self) -> list[dict[str, Any]]:
        """Return the first images that can be read: of so few there is no map."""
        rows = np.flatnonzero(self._images.is_readable)[: self._params.n_gallery]
        return self._show_rows(rows.tolist(), side=self._params.gallery_side)

    def list_clusters(self) -> list[ClusterTile]:
        """Return the clusters on the wall."""
        params = self._params
        return build_wall(self._images, n_clusters=params.n_clusters, n_examples=params.n_examples)

    def show_cluster(self, tile: ClusterTile) -> dict[str, Any]:
        """Return a cluster with its images."""
        return {"tile": tile, "images": self._show_rows(tile.rows)}

    def show_groups(self, summary: Summary) -> dict[str, list[dict[str, Any]]]:
        """Return duplicate groups by why they are shown; each group once, where it matters most."""
        index, n = GroupIndex.of(self._images), self._params.n_groups
        wanted = {
            "leaks": index.places_of(summary.leaks)[:n],
            "conflicts": index.places_of(summary.conflicts)[:n],
            "doubtful": index.most_doubtful(n),
            "largest": index.largest(n),
        }
        places = list(dict.fromkeys(place for part in wanted.values() for place in part))
        described = dict(
            zip(
                places,
                describe_groups(
                    self._images,
                    index,
                    places,
                    pictures=self._pictures,
                    most_members=self._params.n_members,
                ),
                strict=True,
            )
        )
        shown: set[int] = set()
        result: dict[str, list[dict[str, Any]]] = {}
        for name, part in wanted.items():
            fresh = [place for place in part if place not in shown]
            shown.update(fresh)
            result[name] = [self._show_group(described[place]) for place in fresh]
        return result

    def show_galleries(self, summary: Summary, commands: Commands) -> dict[str, Any]:
        """Return outliers, issues and suspects."""
        n = self._params.n_gallery
        return {
            "outliers": self._show_gallery(list_outliers(self._images, n), commands),
            "issues": [
                self._show_gallery(one, commands)
                for one in list_issues(self._images, summary, n // 3)
            ],
            "suspects": self._show_gallery(list_suspects(self._images, n), commands),
        }

    def _show_gallery(self, gallery: Gallery | None, commands: Commands) -> dict[str, Any] | None:
        if gallery is None:
            return None
        shown = zip(
            self._show_rows(gallery.rows, side=self._params.gallery_side),
            gallery.captions,
            strict=True,
        )
        out = name_file(f"{gallery.sheet}.jpg")
        order = ("--by", gallery.by, "--descending") if gallery.by else ()
        return {
            "gallery": gallery,
            "images": [{**image, "caption": caption} for image, caption in shown],
            "command": commands.format("sheet", "--where", gallery.filter, *order, "--out", out),
        }

    def _show_group(self, group: DuplicateGroup) -> dict[str, Any]:
        rows = [member.row for member in group.members]
        small = self._show_rows(rows)
        is_long = any(self._aspect(row) > LONG_ASPECT for row in rows[:2])
        large = self._show_rows(rows[:2], side=self._params.pair_side * (2 if is_long else 1))
        members = [
            {**image, "member": member} for image, member in zip(small, group.members, strict=True)
        ]
        return {
            "group": group,
            "pair": large if len(large) == 2 else None,
            "is_long": is_long,
            "lay": group.lay,
            "matrix": format_matrix(group.lay) if group.lay is not None else "",
            "members": members,
        }

    def _aspect(self, row: int) -> float:
        return float(self._width[row] / max(self._height[row], 1))

    def _show_rows(self, rows: Sequence[int], *, side: int | None = None) -> list[dict[str, Any]]:
        hashes = [self._images.hashes[row] for row in rows]
        sources = self._pictures.pack(hashes, side=side or self._params.tile_side)
        return [
            {
                "path": show_text(self._images.paths[row]),
                "src": source,
                "width": int(self._width[row]),
                "height": int(self._height[row]),
                "is_long": not 1 / _CROPPED < self._aspect(row) < _CROPPED,
                "bytes": int(self._images.bytes[row]),
                "label": self._labels[row],
                "split": self._splits[row],
            }
            for row, source in zip(rows, sources, strict=True)
        ]


def format_matrix(lay: Lay) -> str:
    """Return how one image lies on another as six numbers, for the page's script."""
    return " ".join(f"{value:.5f}" for value in lay.matrix)


def _draw_charts(
    images: ImagesTable, summary: Summary, curve: TrainingCurve | None, judged: Sequence[Bin]
) -> dict[str, Markup]:
    charts = dict.fromkeys(("training", "balance", "expected", "calibration"), Markup(""))
    if curve is not None and len(curve.loss_ratio) > 1:
        epochs = list(range(1, len(curve.loss_ratio) + 1))
        charts["training"] = draw_lines(
            [
                Line(name="loss / log K", xs=epochs, ys=curve.loss_ratio),
                Line(name="prototype usage", xs=epochs, ys=curve.usage),
            ],
            title="Loss and prototype usage of each epoch",
            x_label="epoch",
            y_label="share of the maximum",
            y_range=(0, 1.05),
        )
    if summary.balance is not None:
        ranks = list(range(1, len(summary.balance.values) + 1))
        charts["balance"] = draw_lines(
            [
                Line(name=one.name, xs=ranks, ys=np.sort(one.sizes)[::-1].tolist(), is_stepped=True)
                for one in summary.balance.spreads
            ],
            title=f"Images of each {summary.balance.by}, largest first",
            x_label=f"{summary.balance.by}s, largest first",
            y_label="images",
        )
    probability = images.numbers("similarity")[images.is_dropped]
    probability = probability[np.isfinite(probability)]
    if (probability < 1).any():  # equal bytes and pixels are certain
        accepted, expected = expect_precision(probability)
        low = min(0.98, *expected)
        charts["expected"] = draw_lines(
            [Line(name="expected", xs=accepted, ys=expected)],
            title="Expected share of true copies among those accepted, surest first",
            x_label="copies accepted, surest first",
            y_label="expected share right",
            y_range=(np.floor(low * 50) / 50, 1.0),
            x_range=(0, accepted[-1]),
        )
    if judged:
        charts["calibration"] = draw_lines(
            [
                Line(name="perfect", xs=[0, 1], ys=[0, 1]),
                Line(
                    name="judged",
                    xs=[one.stated for one in judged],
                    ys=[one.observed for one in judged],
                    has_dots=True,
                ),
            ],
            title="Stated probability beside the share that a person called copies",
            x_label="stated probability",
            y_label="share judged copies",
            y_range=(0, 1),
            x_range=(0, 1),
        )
    return charts
