import cv2
import numpy as np

from curate.copies.verification.evidence import NAMES, measure_evidence
from curate.copies.verification.overlay import refine_map
from curate.copies.verification.verifier import make_copy_with_colours

SAME = np.array([[1, 0, 0], [0, 1, 0]], np.float32)


def measured(first, second, a_to_b=SAME):
    copies = [make_copy_with_colours(pixels) for pixels in (first, second)]
    found = measure_evidence(*copies, a_to_b, inliers=40, matches=50)
    return None if found is None else dict(zip(NAMES, found.tolist(), strict=True))


def test_an_image_agrees_with_itself_everywhere(scene):
    found = measured(scene(1), scene(1))
    assert found["agreement"] == 1
    assert found["fine"] > 0.99
    assert found["conflict"] == 0
    assert found["overlap"] == 1


def test_two_scenes_do_not_agree(scene):
    found = measured(scene(1), scene(2))
    assert found is None or found["agreement"] < 0.35


def test_an_overlay_conflicts_where_it_lies_and_nowhere_else(scene):
    covered = scene(1).copy()
    covered[20:100, 30:130] = scene(2)[20:100, 30:130]
    found = measured(scene(1), covered)
    assert 0.6 < found["agreement"] < 0.95
    assert found["fine_where_alike"] > 0.95


def test_what_lies_in_the_middle_counts_as_central(scene):
    middle, corner = scene(1).copy(), scene(1).copy()
    middle[80:160, 110:210] = scene(2)[80:160, 110:210]
    corner[:80, :100] = scene(2)[:80, :100]
    central = [measured(scene(1), image)["central_conflict"] for image in (middle, corner)]
    assert central[0] > 0.3 > central[1]


def test_grey_follows_from_colour_but_not_one_colour_from_another(scene):
    pixels = scene(3)
    grey = cv2.cvtColor(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    assert measured(pixels, grey)["chroma_deficit"] == 0
    assert measured(pixels, pixels[..., ::-1].copy())["chroma_deficit"] > 0.2


GARMENT = (slice(60, 180), slice(90, 220))  # of a picture of 256 x 320 px


def dress(pixels, hue):
    """Return a picture of something coloured on its own ground."""
    hsv = cv2.cvtColor(pixels, cv2.COLOR_RGB2HSV)
    hsv[GARMENT][..., 0], hsv[GARMENT][..., 1] = hue, 160
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)


def test_another_hue_of_a_part_and_of_the_whole_is_told(scene):
    blue = dress(scene(1), 110)
    assert measured(blue, dress(scene(1), 20))["turned_hue"] > 0.1
    assert measured(blue, np.ascontiguousarray(blue[..., ::-1]))["turned_hue"] > 0.1


def test_a_change_of_tone_and_a_sticker_turn_no_hue(scene):
    blue = dress(scene(1), 110)
    paler = (blue * 0.7 + 60).astype(np.uint8)
    hsv = cv2.cvtColor(blue, cv2.COLOR_RGB2HSV)
    hsv[..., 1] = (hsv[..., 1] * 0.5).astype(np.uint8)
    duller = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)
    sepia = cv2.cvtColor(blue, cv2.COLOR_RGB2GRAY)[..., None] * np.array([1.0, 0.8, 0.6])
    stuck = blue.copy()
    stuck[80:120, 110:160] = (230, 90, 20)
    for copy in (paler, duller, sepia.astype(np.uint8), stuck):
        assert measured(blue, copy)["turned_hue"] <= 0.04


def test_flat_images_give_no_evidence():
    assert (
        measured(np.full((128, 170, 3), 9, np.uint8), np.full((128, 170, 3), 9, np.uint8)) is None
    )


def test_a_map_that_makes_no_sense_gives_no_evidence(scene):
    assert measured(scene(1), scene(1), np.zeros((2, 3), np.float32)) is None
    assert measured(scene(1), scene(1), SAME + np.array([0, 0, 5000], np.float32)) is None


def test_refining_mends_a_map_that_is_a_little_off(scene):
    grey = make_copy_with_colours(scene(4)).grey
    off = np.array([[1, 0, 1.5], [0, 1, -1.0]], np.float32)
    assert np.abs(refine_map(grey, grey, off) - SAME).max() < 0.3


def test_refining_gives_the_map_back_where_it_leads_nowhere():
    blank = np.full((128, 170), 9, np.uint8)
    assert np.array_equal(refine_map(blank, blank, SAME), SAME)
