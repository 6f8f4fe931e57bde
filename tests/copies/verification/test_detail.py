import cv2
import numpy as np
import pytest

from curate.copies.verification.conflicts import (
    CONFLICT_NAMES,
    find_conflict_places,
    measure_conflict_places,
)
from curate.copies.verification.detail import CLOSE_NAMES, look_closely, swap_sides
from curate.copies.verification.laying import lay_over, scale_map

SAME = np.array([[1, 0, 0], [0, 1, 0]], np.float32)


def grey(pixels):
    return cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)


def look(first, second, map_=SAME):
    return dict(zip(CLOSE_NAMES, look_closely(first, second, map_).tolist(), strict=True))


def conflicts(first, second):
    x, y = first.astype(np.float32), second.astype(np.float32)
    values = measure_conflict_places(x, y, find_conflict_places(x, y, np.ones_like(x)))
    return dict(zip(CONFLICT_NAMES, values, strict=True))


def page(words_seed):
    """Return a form of fixed lines and labels that is filled in by a seed, (360, 256) uint8."""
    rng = np.random.default_rng(words_seed)
    form = np.full((360, 256), 250, np.uint8)
    for row in range(12):
        y = 30 + 27 * row
        cv2.putText(form, f"label {row}", (8, y), cv2.FONT_HERSHEY_SIMPLEX, 0.4, 60, 1, cv2.LINE_AA)
        cv2.line(form, (90, y + 4), (246, y + 4), 120, 1)
        filled = "".join(rng.choice(list("0123456789KMX"), 12))
        cv2.putText(form, filled, (94, y), cv2.FONT_HERSHEY_SIMPLEX, 0.45, 20, 1, cv2.LINE_AA)
    return form


def test_a_copy_seen_from_the_side_is_laid_on_it_within_half_a_pixel(scene):
    first = grey(scene(1))
    tilt = np.array([[1.01, 0.01, 1.5], [-0.008, 0.99, 1.0], [2e-5, -2e-5, 1]])
    second = cv2.warpPerspective(first, tilt, (320, 240), flags=cv2.INTER_CUBIC)
    laid = lay_over(first, (second * 0.7 + 20).astype(np.uint8), SAME)
    corners = np.array([[20, 20, 1], [300, 20, 1], [20, 220, 1], [300, 220, 1]], np.float64)
    found, true = corners @ laid.into.T, corners @ tilt.T
    assert np.abs(found[:, :2] / found[:, 2:] - true[:, :2] / true[:, 2:]).max() < 0.5


def test_a_compressed_copy_agrees_in_every_place(scene):
    first = grey(scene(2))
    _, coded = cv2.imencode(".jpg", first, [cv2.IMWRITE_JPEG_QUALITY, 35])
    seen = look(first, cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE))
    assert seen["middle_low"] > 0.9
    assert seen["conflict_places"] == 0


def test_one_form_filled_in_twice_conflicts_where_it_is_filled_in():
    seen = look(page(1), page(2))
    again = look(page(1), (page(1) * 0.9).astype(np.uint8))
    assert seen["middle_lowest"] < 0.5 < again["middle_lowest"]
    assert seen["two_sided_places"] > 1 > again["two_sided_places"]


def test_what_lies_over_one_of_two_copies_is_on_one_side_and_two_moments_are_on_both(scene):
    street, thing = grey(scene(3)), grey(scene(4))
    one, two = street.copy(), street.copy()
    for image, x, y in ((one, 40, 60), (two, 200, 130)):
        cv2.ellipse(mask := np.zeros_like(street), (x + 25, y + 20), (25, 20), 0, 0, 360, 255, -1)
        np.copyto(image, np.roll(thing, (y, x), (0, 1)), where=mask > 0)
    assert conflicts(one, two)["two_sided_places"] > 0
    marked = street.copy()
    for x in (40, 200):
        cv2.rectangle(marked, (x, 60), (x + 40, 100), 255, -1)
    marks = conflicts(marked, street)
    assert marks["conflict_places"] > 0
    assert marks["two_sided_places"] == 0


def test_the_side_that_something_lies_over_is_told_and_follows_the_images(scene):
    street = grey(scene(5))
    marked = street.copy()
    for x in (30, 130, 230):
        cv2.rectangle(marked, (x, 60), (x + 50, 130), 255, -1)
    close = look_closely(marked, street, SAME)
    seen = dict(zip(CLOSE_NAMES, close.tolist(), strict=True))
    assert seen["marks_first"] > seen["marks_second"] + 0.05
    swapped = dict(zip(CLOSE_NAMES, swap_sides(close[None])[0].tolist(), strict=True))
    assert (swapped["marks_first"], swapped["marks_second"]) == (
        seen["marks_second"],
        seen["marks_first"],
    )


@pytest.mark.parametrize(("border", "is_frame"), [("plain", True), ("scene", False)])
def test_a_frame_begins_at_an_edge_and_more_of_the_scene_does_not(scene, border, is_frame):
    wide = grey(scene(6))
    part = np.ascontiguousarray(wide[40:200, 50:270])
    if border == "plain":
        wide = np.full_like(wide, 12)
        wide[40:200, 50:270] = part
    seen = look(part, wide, np.array([[1, 0, 50], [0, 1, 40]], np.float32))
    assert seen["outside_second"] == pytest.approx(1 - 160 * 220 / (240 * 320), abs=0.03)
    assert (seen["seam_second"] > 2) == is_frame


def test_maps_between_working_copies_become_maps_between_cached_images():
    found = scale_map(SAME, ((128, 170), (128, 170)), ((256, 340), (128, 170)))
    assert np.allclose(found, [[0.5, 0, -0.25], [0, 0.5, -0.25]])


def test_nothing_is_seen_where_nothing_overlaps(scene):
    off = np.array([[1, 0, 5000], [0, 1, 0]], np.float32)
    assert np.isnan(look_closely(grey(scene(1)), grey(scene(2)), off)).all()
