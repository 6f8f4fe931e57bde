"""Sheet: draw a contact sheet of images of a manifest."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.argument_types import check_arguments
from curate.errors import InputError, UsageError
from curate.field_types import take_types
from curate.images.contact_sheet import Tile, check_sheet, check_sheet_size, draw_sheet, write_sheet
from curate.manifest.column_text import SEPARATOR, as_text
from curate.manifest.contract import hint_at_filler
from curate.manifest.manifest import Manifest, read_manifest
from curate.manifest.row_filter import matching
from curate.manifest.selection import is_readable, read_hashes
from curate.pages.notebook import ShownInNotebooks
from curate.progress import Progress, Silent
from curate.workspace.pixel_cache import PixelCache
from curate.workspace.pixel_mending import open_pixels
from curate.workspace.workspace import find_workspace


@dataclass(frozen=True, kw_only=True, slots=True)
class SheetConfig:
    """What the stage needs to know.

    Attributes:
        where: Rows to draw, an expression of DuckDB; None draws all.
        by: Column to order by, smallest first; None keeps the order of the manifest.
        descending: Whether the largest value of ``by`` comes first.
        limit: Images drawn at most, >= 1; of more, the first in the order of ``by`` are drawn, or,
            without it, images at even steps.
        columns: Images in a row, >= 1.
    """

    where: str | None = None
    by: str | None = None
    descending: bool = False
    limit: int = 120
    columns: int = 10

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            UsageError: One is out of range, or there is no column to order by.
        """
        take_types(self)
        if self.descending and self.by is None:
            raise UsageError("--descending needs a column", hint="such as --by outlier")
        if self.limit < 1 or self.columns < 1:
            raise UsageError("limit and columns must be 1 or more", hint="use --limit 120")


@dataclass(frozen=True, kw_only=True, slots=True)
class SheetResult(ShownInNotebooks):
    """What the stage did.

    Attributes:
        sheet: The picture written.
        n_drawn: Images drawn.
        n_chosen: Readable images for which the expression holds.
    """

    sheet: str
    n_drawn: int
    n_chosen: int


@check_arguments
def sheet(
    manifest: Path | str,
    config: SheetConfig | None = None,
    *,
    out: Path | str = "sheet.jpg",
    workspace: Path | str | None = None,
    progress: Progress | None = None,
) -> SheetResult:
    """Draw small images of a manifest with their paths below.

    Args:
        manifest: The manifest.
        config: The stage's settings.
        out: The picture to write, a .jpg or .png file.
        workspace: Folder of the workspace; None takes ``CURATE_WORKSPACE`` or ``.curate``.
        progress: Hears of damage that is mended.

    Raises:
        InputError: The manifest or the output cannot be used, or no image is chosen.
        UsageError: The expression or the column cannot be used, or ``out`` names no picture or
            one that cannot hold so many.
        ResourceError: The picture cannot be written.
    """
    config = config or SheetConfig()
    check_sheet(Path(out))
    opened = read_manifest(Path(manifest))
    rows = _chosen_rows(opened, config)
    if len(rows) == 0:
        raise InputError("no readable image is chosen", hint="choose others with --where")
    n_drawn = min(config.limit, len(rows))
    n_lines = 1 if config.by is None else 2
    check_sheet_size(Path(out), n_drawn, columns=config.columns, n_lines=n_lines)
    drawn = rows[:n_drawn] if config.by is not None else _take_even_steps(rows, n_drawn)
    tiles = _make_tiles(
        opened,
        drawn,
        config.by,
        open_pixels(find_workspace(workspace, progress), progress or Silent()),
    )
    rows_of_tiles = [tiles[i : i + config.columns] for i in range(0, n_drawn, config.columns)]
    write_sheet(Path(out), draw_sheet(rows_of_tiles, columns=config.columns))
    return SheetResult(sheet=str(out), n_drawn=n_drawn, n_chosen=len(rows))


def _take_even_steps(rows: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """Return n of some rows, the first and the last among them."""
    return rows[np.linspace(0, len(rows) - 1, n).round().astype(np.int64)]


def _chosen_rows(manifest: Manifest, config: SheetConfig) -> NDArray[np.int64]:
    """Return the numbers of the rows to draw from, in the order to draw them, (N,) int64.

    Raises:
        UsageError: The expression or the column cannot be used.
    """
    is_chosen = is_readable(manifest.rows)
    if config.where is not None:
        is_chosen &= matching(manifest.rows, config.where)
    rows = np.flatnonzero(is_chosen)
    if config.by is None or len(rows) == 0:
        return rows
    hint = hint_at_filler(config.by, otherwise="choose another column with --by")
    values = manifest.column(config.by, hint=hint).take(pa.array(rows))
    if pa.types.is_nested(values.type):
        values = as_text(values, config.by)
    indices = pc.array_sort_indices(
        values.combine_chunks(), order="descending" if config.descending else "ascending"
    )
    order: NDArray[np.uint64] = np.asarray(indices)
    return rows[order]


def _make_tiles(
    manifest: Manifest, rows: NDArray[np.int64], by: str | None, cache: PixelCache
) -> list[Tile]:
    """Return a tile for each row: its pixels, its path and the value that it is ordered by.

    Raises:
        InputError: The workspace does not hold the pixels, or the manifest lacks hashes.
    """
    names = ["path"] if by is None else list(dict.fromkeys(("path", by)))
    table = manifest.rows.take(names, rows)
    images = cache.read(read_hashes(manifest.rows, rows))
    captions = [[path] for path in table["path"].to_pylist()]
    if by is not None:
        for caption, value in zip(captions, table[by].to_pylist(), strict=True):
            caption += [] if value is None else [_format_value(by, value)]
    return [Tile(image, caption) for image, caption in zip(images, captions, strict=True)]


def _format_value(name: str, value: object) -> str:
    if isinstance(value, list):
        value = SEPARATOR.join(map(str, value))
    return f"{name} {value:.3g}" if isinstance(value, float) else f"{name} {value}"
