"""Contact sheets: rows of small images with some text below."""

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

Pixels = NDArray[np.uint8]

OWN_MARK = b"made by curate: contact sheet"
"""Stands in every sheet, so that a later scan knows it and passes it over."""

CELL = 168
PADDING = 8
LINE = 14
BACKGROUND = (250, 250, 248)
INK = (32, 32, 32)
FAINT = (120, 120, 120)
KEPT = (22, 140, 70)
BOX = (214, 69, 40)
_CHARACTERS = CELL // 6


@dataclass(frozen=True, slots=True)
class Tile:
    """One image of a sheet.

    Attributes:
        pixels: (h, w, 3) uint8.
        lines: Text below it; what does not fit is cut in the middle.
        is_marked: Whether a frame sets it off.
        box: A part to outline: left, top, right, bottom, as shares of the sides; None for none.
    """

    pixels: Pixels
    lines: Sequence[str]
    is_marked: bool = False
    box: Sequence[float] | None = None


def draw_sheet(groups: Sequence[Sequence[Tile]], *, columns: int = 8) -> Pixels:
    """Return a picture of groups of tiles, (H, W, 3) uint8.

    Short groups share a row, with a gap between them; a group that is too long is broken.
    """
    rows = _packed(groups, columns)
    n_lines = max((len(tile.lines) for row in rows for tile in row if tile), default=0)
    height = CELL + LINE * n_lines + PADDING
    wide = PADDING + (CELL + PADDING) * max((len(row) for row in rows), default=1)
    sheet = Image.new("RGB", (wide, PADDING + height * len(rows)), BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(size=11)
    for y, row in enumerate(rows):
        for x, tile in enumerate(row):
            if tile is None:
                continue
            corner = (PADDING + x * (CELL + PADDING), PADDING + y * height)
            _draw_tile(sheet, draw, tile, corner)
            for number, line in enumerate(tile.lines):
                place = (corner[0], corner[1] + CELL + 1 + number * LINE)
                draw.text(place, fitted(line), FAINT if number else INK, font=font)
    return np.asarray(sheet)


def _packed(groups: Sequence[Sequence[Tile]], columns: int) -> list[list[Tile | None]]:
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


def write_sheet(path: Path, sheet: Pixels) -> None:
    """Write a sheet as the picture format of the path's ending; it appears whole or not at all.

    Raises:
        UsageError: The ending names no format.
        ResourceError: The place cannot be written.
    """
    kind = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG"}.get(path.suffix.lower())
    if kind is None:
        raise UsageError(f"{path} is no picture's name", hint="let it end in .jpg or .png")
    note = PngInfo()
    note.add_text("Comment", OWN_MARK.decode())
    options = {"pnginfo": note} if kind == "PNG" else {"quality": 88, "comment": OWN_MARK}
    with replacing(path) as scratch:
        Image.fromarray(sheet).save(scratch, kind, **options)


def fitted(text: str) -> str:
    """Return a text that fits below a tile, its middle left out if it must."""
    if len(text) <= _CHARACTERS:
        return text
    head = (_CHARACTERS - 1) // 3
    return f"{text[:head]}…{text[head + 1 - _CHARACTERS :]}"


def _draw_tile(
    sheet: Image.Image, draw: ImageDraw.ImageDraw, tile: Tile, corner: tuple[int, int]
) -> None:
    rows, columns = tile.pixels.shape[:2]
    scale = CELL / max(rows, columns)
    size = (max(1, round(columns * scale)), max(1, round(rows * scale)))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST
    small = Image.fromarray(cv2.resize(tile.pixels, size, interpolation=method))
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
        draw.rectangle(frame, outline=KEPT, width=3)
