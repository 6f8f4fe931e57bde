"""Sheet: a contact sheet of any selection of a manifest."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.errors import InputError, UsageError
from curate.images.contact_sheet import Tile, draw_sheet, write_sheet
from curate.manifest.manifest import read_manifest
from curate.manifest.row_filter import matching
from curate.manifest.selection import is_readable
from curate.workspace.pixel_cache import PixelCache
from curate.workspace.workspace import find_workspace


@dataclass(frozen=True, kw_only=True, slots=True)
class SheetConfig:
    """What the stage needs to know.

    Attributes:
        where: Rows to draw, an expression of DuckDB; None draws all.
        by: Column to order by, smallest first; None keeps the manifest's order.
        limit: Images drawn at most; of more, as many are taken at even steps.
        columns: Images in a row.
    """

    where: str | None = None
    by: str | None = None
    limit: int = 120
    columns: int = 10

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            UsageError: One is out of range.
        """
        if self.limit < 1 or self.columns < 1:
            raise UsageError("limit and columns must be 1 or more", hint="use --limit 120")


@dataclass(frozen=True, kw_only=True, slots=True)
class SheetResult:
    """What the stage did.

    Attributes:
        sheet: The picture written.
        n_drawn: Images drawn.
        n_chosen: Images that the expression holds for.
    """

    sheet: str
    n_drawn: int
    n_chosen: int


def sheet(
    manifest: Path | str,
    config: SheetConfig | None = None,
    *,
    out: Path | str = "sheet.jpg",
    workspace: Path | None = None,
) -> SheetResult:
    """Draw images of a manifest, small, with their paths.

    Args:
        manifest: The manifest.
        config: The stage's settings.
        out: The picture, a JPEG or PNG file.
        workspace: Its folder; None takes ``CURATE_WORKSPACE`` or ``.curate``.

    Raises:
        InputError: The manifest cannot be used, or no image is chosen.
        UsageError: The expression or the column cannot be used.
        ResourceError: The picture cannot be written.
    """
    config = config or SheetConfig()
    read = read_manifest(Path(manifest))
    usable = is_readable(read.rows)
    if config.where is not None:
        usable = usable & matching(read.rows, config.where)
    rows = np.flatnonzero(usable)
    if len(rows) == 0:
        raise InputError("no readable image is chosen", hint="choose others with --where")
    if config.by is not None:
        values = read.column(config.by, hint="choose a column of the manifest with --by")
        rows = rows[np.asarray(pc.array_sort_indices(values.take(pa.array(rows)).combine_chunks()))]
    n_drawn = min(config.limit, len(rows))
    drawn = rows[np.linspace(0, len(rows) - 1, n_drawn).round().astype(np.int64)]
    names = ["hash", "path", *([config.by] if config.by is not None else [])]
    table = read.rows.take(list(dict.fromkeys(names)), drawn)
    pixels = PixelCache(find_workspace(workspace).pixels).read(table["hash"].to_pylist())
    notes = table[config.by].to_pylist() if config.by is not None else [None] * n_drawn
    tiles = [
        Tile(image, (path,) if note is None else (path, _short(config.by or "", note)))
        for image, path, note in zip(pixels, table["path"].to_pylist(), notes, strict=True)
    ]
    rows_of_tiles = [tiles[i : i + config.columns] for i in range(0, n_drawn, config.columns)]
    write_sheet(Path(out), draw_sheet(rows_of_tiles, columns=config.columns))
    return SheetResult(sheet=str(out), n_drawn=n_drawn, n_chosen=len(rows))


def _short(name: str, value: object) -> str:
    return f"{name} {value:.3g}" if isinstance(value, float) else f"{name} {value}"
