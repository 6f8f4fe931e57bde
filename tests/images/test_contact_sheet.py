import numpy as np

from curate.images.contact_sheet import (
    BACKGROUND,
    BOX,
    CELL,
    MARK,
    PADDING,
    Tile,
    draw_sheet,
    shorten_text,
)
from tests.conftest import picture


def has_colour(pixels, colour):
    return bool((pixels == np.array(colour, np.uint8)).all(axis=-1).any())


def test_short_groups_share_a_row_and_long_ones_are_broken():
    tile = Tile(picture(0), ("a.jpg",))
    one_row = draw_sheet([[tile] * 2, [tile] * 2, [tile] * 2], columns=8)
    assert one_row.shape[1] == PADDING + 8 * (CELL + PADDING)
    gap = one_row[:, PADDING + 2 * (CELL + PADDING) : PADDING + 3 * (CELL + PADDING) - PADDING]
    assert (gap == BACKGROUND).all()
    two_rows = draw_sheet([[tile] * 11], columns=8)
    assert two_rows.shape[0] - PADDING == 2 * (one_row.shape[0] - PADDING)


def test_a_marked_image_is_framed_and_a_part_is_outlined():
    plain = draw_sheet([[Tile(picture(0), ("a",))]])
    marked = draw_sheet([[Tile(picture(0), ("a",), is_marked=True, box=(0.2, 0.2, 0.8, 0.8))]])
    assert not has_colour(plain, MARK)
    assert has_colour(marked, MARK)
    assert has_colour(marked, BOX)


def test_images_of_any_shape_fit_their_cell():
    for size in ((1, 1), (2000, 3), (3, 2000)):
        sheet = draw_sheet([[Tile(np.zeros((*size, 3), np.uint8), ("a",))]])
        assert sheet.shape[1] == PADDING + CELL + PADDING


def test_long_texts_lose_their_middle():
    assert shorten_text("short.jpg") == "short.jpg"
    long = shorten_text("a/very/long/path/that/does/not/fit/in/the/cell/name.jpg")
    assert long.startswith("a/very/lo")
    assert long.endswith("name.jpg")
    assert "…" in long
