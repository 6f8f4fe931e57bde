import cv2
import numpy as np
import pytest

from curate.copies.verification.conflicts import find_conflict_places
from curate.copies.verification.plain_ground import measure_alone

PLAIN = 230
LEAST = 12  # px, from which on `curate.copies.probability.context` calls it a thing of its own


def draw_window(*words, ground=None):
    """Return a window with a title, a row of buttons, and words one below the other."""
    image = np.full((160, 240), PLAIN, np.uint8) if ground is None else ground.copy()
    cv2.rectangle(image, (0, 0), (239, 22), 60, -1)
    write(image, "Preferences", (8, 16), 240)
    for left in range(8, 230, 38):
        cv2.rectangle(image, (left, 30), (left + 30, 54), 120, -1)
        cv2.circle(image, (left + 15, 42), 7, 20, 2)
    for number, word in enumerate(words):
        write(image, word, (12, 90 + 30 * number), 30)
    return image


def write(image, word, place, level):
    cv2.putText(image, word, place, cv2.FONT_HERSHEY_SIMPLEX, 0.55, level, 1, cv2.LINE_AA)


def find_places(first, second):
    x, y = (image.astype(np.float32) for image in (first, second))
    return find_conflict_places(x, y, np.ones(x.shape, np.float32))


def alone(first, second):
    x, y = (image.astype(np.float32) for image in (first, second))
    return measure_alone(x, y, np.ones(x.shape, np.float32), find_places(first, second))


def compress(image, quality):
    return cv2.imdecode(
        cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_GRAYSCALE
    )


def test_two_windows_with_other_words_each_show_their_own():
    first, second = draw_window("quality 75", "size 20 kB"), draw_window("radius 31", "seed 99")
    assert min(alone(first, second)) >= LEAST
    assert alone(first, second) == alone(second, first)[::-1]


@pytest.mark.parametrize("quality", [90, 60])
def test_so_do_two_that_were_compressed_each_in_its_own_way(quality):
    first = compress(draw_window("quality 75", "size 20 kB"), quality)
    second = compress(draw_window("radius 31", "seed 99"), 80)
    assert min(alone(first, second)) >= LEAST


def test_of_a_window_and_its_state_before_one_shows_something():
    first, second = alone(draw_window("quality 75"), draw_window())
    assert first >= LEAST
    assert second == 0


def test_a_bar_over_words_leaves_nothing_of_them():
    bare = draw_window("quality 75", "size 20 kB")
    marked = bare.copy()
    cv2.rectangle(marked, (6, 72), (140, 98), 90, -1)
    first, second = alone(bare, marked)
    assert first == 0
    assert second >= LEAST


@pytest.mark.parametrize("change", ["blurred", "paled", "compressed"])
def test_a_copy_shows_what_its_original_shows(change):
    original = draw_window("quality 75", "size 20 kB")
    copies = {
        "blurred": cv2.GaussianBlur(original, (0, 0), 1.2),
        "paled": (original * 0.6 + 80).astype(np.uint8),
        "compressed": compress(original, 20),
    }
    assert min(alone(original, copies[change])) < LEAST


def test_on_a_ground_with_texture_nothing_is_told():
    rng = np.random.default_rng(0)
    noise = rng.normal(120, 60, (160, 240)).astype(np.float32)
    ground = np.clip(cv2.GaussianBlur(noise, (0, 0), 1.5) * 3 - 240, 0, 255).astype(np.uint8)
    first, second = draw_window("quality 75", ground=ground), draw_window("radius", ground=ground)
    assert len(find_places(first, second).area) > 0
    assert alone(first, second) == (0.0, 0.0)


def test_what_a_mark_hides_in_a_photograph_is_nothing_of_its_own():
    rng = np.random.default_rng(0)
    rough = rng.uniform(40, 220, (5, 7)).astype(np.float32)
    photo = cv2.resize(rough, (240, 160), interpolation=cv2.INTER_CUBIC).astype(np.uint8)
    photo[60:110, 30:210] = 90  # a wall with a pipe on it, which the mark hides in part
    photo[80:84, 40:200] = 200
    marked = photo.copy()
    marked[74:90, 90:130] = 94
    write(marked, "TV", (140, 104), 240)
    assert len(find_places(photo, marked).area) > 0
    assert alone(photo, marked) == (0.0, 0.0)


def test_images_without_conflict_show_nothing_alone():
    assert alone(draw_window("quality"), draw_window("quality")) == (0.0, 0.0)
