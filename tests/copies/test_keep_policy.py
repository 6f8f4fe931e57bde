from dataclasses import replace

import numpy as np
import pytest

from curate.choices import KeepPolicy
from curate.copies.keep_policy import Qualities, order_of_preference, reasons


def qualities(n=2, **columns):
    plain = {
        "path": [f"{chr(97 + row)}.jpg" for row in range(n)],
        "width": np.full(n, 100, np.int32),
        "height": np.full(n, 80, np.int32),
        "bytes": np.full(n, 5000, np.int64),
        "format": ["JPEG"] * n,
        "sharpness": np.ones(n, np.float32),
        "mtime_ns": np.full(n, 10, np.int64),
        "contained": np.zeros(n),
        "protected": np.zeros(n, np.bool_),
        "centrality": np.ones(n, np.float32),
    }
    given = {
        name: np.array(value, plain[name].dtype) if isinstance(plain[name], np.ndarray) else value
        for name, value in columns.items()
    }
    return Qualities(**(plain | given))


def first(policy, **columns):
    return int(order_of_preference(qualities(**columns), policy)[0])


@pytest.mark.parametrize(
    "columns",
    [
        {"width": [100, 101], "format": ["PNG", "JPEG"]},
        {"format": ["JPEG", "PNG"], "bytes": [9000, 5000]},
        {"bytes": [5000, 5001], "sharpness": [9, 1]},
        {"sharpness": [1, 1.5], "contained": [3, 0]},
        {"contained": [0, 1], "mtime_ns": [1, 10]},
        {"mtime_ns": [10, 9], "path": ["a", "long.jpg"]},
        {"path": ["aa", "b"]},
        {"path": ["b", "a"]},
    ],
)
def test_best_asks_for_one_thing_after_the_other(columns):
    assert first(KeepPolicy.BEST, **columns) == 1


@pytest.mark.parametrize(
    ("policy", "columns"),
    [
        (KeepPolicy.LARGEST, {"height": [80, 90], "bytes": [9000, 10]}),
        (KeepPolicy.LARGEST, {"bytes": [10, 9000]}),
        (KeepPolicy.OLDEST, {"mtime_ns": [10, 9], "width": [999, 1]}),
        (KeepPolicy.NEWEST, {"mtime_ns": [9, 10], "width": [999, 1]}),
        (KeepPolicy.SHORTEST_PATH, {"path": ["a/b", "z"], "width": [999, 1]}),
        (KeepPolicy.CENTRAL, {"centrality": [0.5, 0.6], "width": [999, 1]}),
        (KeepPolicy.OUTLYING, {"centrality": [0.6, 0.5], "width": [999, 1]}),
        (KeepPolicy.FIRST, {"path": ["b", "a/long/path"], "width": [999, 1]}),
    ],
)
def test_each_policy_prefers_its_own(policy, columns):
    assert first(policy, **columns) == 1


@pytest.mark.parametrize("policy", list(KeepPolicy))
def test_protected_images_come_first_whatever_the_policy(policy):
    assert first(policy, protected=[False, True], width=[999, 1], mtime_ns=[10, 10]) == 1


@pytest.mark.parametrize("policy", list(KeepPolicy))
def test_no_two_images_tie(policy):
    n = 6
    order = order_of_preference(qualities(n), policy)
    assert order.tolist() == list(range(n))


def test_the_reason_is_the_first_thing_the_kept_image_has_over_the_other():
    known = qualities(3, width=[100, 50, 100], sharpness=[2, 9, 1])
    told = reasons(known, KeepPolicy.BEST, np.array([1, 2]), np.array([0, 0]))
    assert told == ["fewer pixels", "less sharp"]


def test_equal_images_go_for_their_path():
    told = reasons(qualities(), KeepPolicy.BEST, np.array([1]), np.array([0]))
    assert told == ["later path"]


def test_the_middle_must_be_known_to_prefer_what_is_near_it():
    known = replace(qualities(), centrality=None)
    with pytest.raises(ValueError, match="centrality"):
        order_of_preference(known, KeepPolicy.CENTRAL)
