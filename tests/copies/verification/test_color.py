"""How two aligned images differ in colour."""

import cv2
import numpy as np
import pytest

from curate.copies.relations import RELATION_PARAMS
from curate.copies.verification.color import measure_conflicts, shrink_colours

SHAPE = (160, 200)
IN_PLACE = np.array([[1, 0, 0], [0, 1, 0]], np.float32)


def make_picture(seed=0):
    """A street of soft colours with an orange van in it."""
    rng = np.random.default_rng(seed)
    rough = rng.uniform(40, 200, (6, 8, 3)).astype(np.float32)
    picture = cv2.resize(rough, SHAPE[::-1], interpolation=cv2.INTER_CUBIC)
    picture[50:110, 60:140] = (210, 120, 40)
    return np.clip(picture, 0, 235).astype(np.uint8)


def turn_hue(picture, degrees, part=np.s_[:, :]):
    hsv = cv2.cvtColor(picture, cv2.COLOR_RGB2HSV)
    hsv[(*part, 0)] = (hsv[(*part, 0)].astype(int) + degrees // 2) % 180
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)


def measure_turned(one, other):
    return measure_conflicts(*(shrink_colours(image, SHAPE) for image in (one, other)), IN_PLACE)[2]


@pytest.mark.parametrize("factors", [(1.25, 1.0, 0.76), (0.8, 0.95, 1.3), (1.0, 0.78, 1.1)])
def test_another_light_turns_no_hue(factors):
    picture = make_picture()
    lit = np.clip(picture * np.array(factors), 0, 255).astype(np.uint8)
    assert measure_turned(picture, lit) == 0
    assert measure_turned(lit, picture) == 0


FILTERS = {
    "gamma": lambda levels: levels ** [0.7, 1.0, 1.4],
    "faded": lambda levels: levels**1.2 * [0.8, 1.0, 1.1] + [0.12, 0.0, 0.05],
    "warm lights": lambda levels: levels + levels.mean(axis=2, keepdims=True) * [0.12, 0, -0.12],
}


@pytest.mark.parametrize("name", FILTERS)
def test_a_filter_turns_no_hue(name):
    picture = make_picture()
    filtered = np.clip(255 * FILTERS[name](picture / 255), 0, 255).astype(np.uint8)
    assert measure_turned(picture, filtered) == 0
    assert measure_turned(filtered, picture) == 0


@pytest.mark.parametrize("name", FILTERS)
def test_a_thing_in_another_hue_is_seen_through_a_filter(name):
    picture = make_picture()
    other = turn_hue(picture, 120, np.s_[50:110, 60:140])
    filtered = np.clip(255 * FILTERS[name](other / 255), 0, 255).astype(np.uint8)
    assert measure_turned(picture, filtered) > RELATION_PARAMS.recoloured


@pytest.mark.parametrize("degrees", [60, 120, 180, 240])
def test_a_thing_in_another_hue_is_seen_in_any_light(degrees):
    picture = make_picture()
    other = turn_hue(picture, degrees, np.s_[50:110, 60:140])
    assert measure_turned(picture, other) > RELATION_PARAMS.recoloured
    lit = np.clip(other * np.array([1.15, 1.0, 0.85]), 0, 255).astype(np.uint8)
    assert measure_turned(picture, lit) > RELATION_PARAMS.recoloured


@pytest.mark.parametrize("degrees", [90, 180])
def test_all_hues_turned_are_no_light(degrees):
    picture = make_picture()
    assert measure_turned(picture, turn_hue(picture, degrees)) > 0.3


def test_one_coloured_things_on_black_have_a_hue():
    shade = np.full(SHAPE, 2.0)
    cv2.circle(shade, (100, 80), 60, 220, -1)
    shade *= np.linspace(0.5, 1, SHAPE[1])
    yellow, green = (
        (shade[..., None] * np.array(c)).astype(np.uint8) for c in ((1, 0.9, 0.1), (0.2, 1, 0.2))
    )
    assert measure_turned(yellow, green) > 0.2


def test_sepia_is_no_hue():
    picture = make_picture()
    sepia = np.clip(picture.mean(axis=2, keepdims=True) * [1.07, 0.95, 0.78], 0, 255)
    assert measure_turned(picture, sepia.astype(np.uint8)) == 0
