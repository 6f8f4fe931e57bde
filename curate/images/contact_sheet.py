"""Contact sheets: rows of small images with lines of text below each."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from curate.errors import UsageError
from curate.files import replacing
from curate.output_checks import check_output

Pixels = NDArray[np.uint8]

OWN_MARK = b"made by curate: contact sheet"
"""Stands in every sheet, so that a later scan knows it and passes it over."""
MARK_WITHIN = 4096
"""Bytes at the start of a file in which the mark stands."""
_FORMATS = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG"}
_MOST_JPEG_SIDE = 65_500  # px; a limit of the library, just below that of the format

CELL = 168
"""Side of the square that an image is fitted into, px."""
PADDING = 8
_COLUMN_WIDTH = CELL + PADDING
LINE_HEIGHT = 14
FONT_SIZE = 11
MAX_CHARACTERS = CELL // 6
"""Characters of this font, on average 6 px wide, that fit below a cell."""
BACKGROUND = (250, 250, 248)
INK = (32, 32, 32)
FAINT = (120, 120, 120)
MARK = (22, 140, 70)
BOX = (214, 69, 40)


@dataclass(frozen=True, slots=True)
class Tile:
    """One image of a sheet.

    Attributes:
        pixels: (h, w, 3) uint8.
        lines: Text below it; a line that does not fit loses its middle.
        is_marked: Whether it has a frame.
        box: A part to outline: left, top, right, bottom, as shares of the sides in [0, 1]; None for
            none.
    """

    pixels: Pixels
    lines: Sequence[str]
    is_marked: bool = False
    box: Sequence[float] | None = None


def draw_sheet(groups: Sequence[Sequence[Tile]], *, columns: int = 8) -> Pixels:
    """Return a picture of groups of tiles, (H, W, 3) uint8.

    Short groups share a row, with a gap between them; a group longer than a row takes several.

    Args:
        groups: The tiles of each group.
        columns: Tiles in a row, >= 1.
    """
    rows = _pack_rows(groups, columns)
    n_lines = max((len(tile.lines) for row in rows for tile in row if tile), default=0)
    row_height = _row_height(n_lines)
    width = PADDING + _COLUMN_WIDTH * max((len(row) for row in rows), default=1)
    sheet = Image.new("RGB", (width, PADDING + row_height * len(rows)), BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(size=FONT_SIZE)
    for y, row in enumerate(rows):
        for x, tile in enumerate(row):
            if tile is None:
                continue
            corner = (PADDING + x * _COLUMN_WIDTH, PADDING + y * row_height)
            _draw_tile(sheet, draw, tile, corner)
            for number, line in enumerate(tile.lines):
                position = (corner[0], corner[1] + CELL + 1 + number * LINE_HEIGHT)
                draw.text(position, shorten_text(line), FAINT if number else INK, font=font)
    return np.asarray(sheet)


def _row_height(n_lines: int) -> int:
    """Return the height of a row whose tiles have so much text, px."""
    return CELL + LINE_HEIGHT * n_lines + PADDING


def check_sheet_size(path: Path, n_tiles: int, *, columns: int, n_lines: int) -> None:
    """Check that a picture can hold so many tiles, before the work.

    Args:
        path: From `check_sheet`.
        n_tiles: One after the other.
        columns: Tiles in a row, >= 1.
        n_lines: Of text below each.

    Raises:
        UsageError: It is a JPEG, and it cannot.
    """
    if _FORMATS[path.suffix.lower()] != "JPEG":
        return
    most_columns = (_MOST_JPEG_SIDE - PADDING) // _COLUMN_WIDTH
    if min(columns, n_tiles) > most_columns:
        raise UsageError(
            f"a JPEG holds {most_columns} images side by side, not {columns}",
            hint=f"use --columns {most_columns} or less, or name a .png file",
        )
    most = (_MOST_JPEG_SIDE - PADDING) // _row_height(n_lines) * columns
    if n_tiles > most:
        raise UsageError(
            f"a JPEG holds {most:,} images in rows of {columns}, not {n_tiles:,}",
            hint=f"use --limit {most} or less, more --columns, or name a .png file",
        )


def _pack_rows(groups: Sequence[Sequence[Tile]], columns: int) -> list[list[Tile | None]]:
    """Return rows of at most ``columns`` tiles; None is a gap between groups."""
    rows: list[list[Tile | None]] = [[]]
    for group in groups:
        gap = 1 if rows[-1] else 0
        if len(rows[-1]) + gap + len(group) <= columns:
            rows[-1] += [None] * gap + list(group)
            continue
        parts = [group[start : start + columns] for start in range(0, len(group), columns)]
        rows += [list(part) for part in parts]
    return [row for row in rows if row]


def check_sheet(path: Path) -> None:
    """Check that a sheet may be written to a place, before the work.

    Raises:
        UsageError: The path has another ending than ``.jpg``, ``.jpeg`` or ``.png``.
        InputError: It is a folder, a device, or a file that is no sheet of curate's.
        ResourceError: Its folder cannot be written.
    """
    if path.suffix.lower() not in _FORMATS:
        raise UsageError(f"{path} is not the name of a picture", hint="name a .jpg or .png file")
    check_output(path, is_own_sheet, what="a sheet")


def write_sheet(path: Path, sheet: Pixels) -> None:
    """Write a sheet in the format of the path's ending; the file appears whole or not at all.

    Args:
        path: From `check_sheet`.
        sheet: (H, W, 3) uint8.

    Raises:
        ResourceError: The file cannot be written.
    """
    picture_format = _FORMATS[path.suffix.lower()]
    note = PngInfo()
    note.add_text("Comment", OWN_MARK.decode())
    is_png = picture_format == "PNG"
    options = {"pnginfo": note} if is_png else {"quality": 88, "comment": OWN_MARK}
    with replacing(path) as scratch:
        Image.fromarray(sheet).save(scratch, picture_format, **options)


def is_own_sheet(path: Path) -> bool:
    """Return whether something is a sheet that curate drew."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return OWN_MARK in file.read(MARK_WITHIN)


def shorten_text(text: str) -> str:
    """Return a text that fits below a tile; a longer one without its middle."""
    if len(text) <= MAX_CHARACTERS:
        return text
    head = (MAX_CHARACTERS - 1) // 3
    return f"{text[:head]}…{text[head + 1 - MAX_CHARACTERS :]}"


def _draw_tile(
    sheet: Image.Image, draw: ImageDraw.ImageDraw, tile: Tile, corner: tuple[int, int]
) -> None:
    rows, columns = tile.pixels.shape[:2]
    scale = CELL / max(rows, columns)
    size = (max(1, round(columns * scale)), max(1, round(rows * scale)))
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST
    small = Image.fromarray(cv2.resize(tile.pixels, size, interpolation=interpolation))
    left, top = corner[0] + (CELL - size[0]) // 2, corner[1] + (CELL - size[1]) // 2
    sheet.paste(small, (left, top))
    if tile.box is not None:
        x0, y0, x1, y1 = tile.box
        draw.rectangle(
            (
                left + round(x0 * (size[0] - 1)),
                top + round(y0 * (size[1] - 1)),
                left + round(x1 * (size[0] - 1)),
                top + round(y1 * (size[1] - 1)),
            ),
            outline=BOX,
            width=2,
        )
    if tile.is_marked:
        frame = (left - 3, top - 3, left + size[0] + 2, top + size[1] + 2)
        draw.rectangle(frame, outline=MARK, width=3)
