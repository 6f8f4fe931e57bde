from dataclasses import fields, replace

import numpy as np
import pytest

from curate.choices import KeepPolicy
from curate.copies.keep_policy import (
    Looks,
    Qualities,
    explain_drops,
    order_by_preference,
)
from curate.copies.records import UNKNOWN_TIME

LOOKS = tuple(field.name for field in fields(Looks))


def qualities(n=2, **columns):
    plain = {
        "path": [f"{chr(97 + row)}.jpg" for row in range(n)],
        "is_other": np.zeros(n, np.bool_),
        "width": np.full(n, 100, np.int32),
        "height": np.full(n, 80, np.int32),
        "bytes": np.full(n, 5000, np.int64),
        "format": ["JPEG"] * n,
        "sharpness": np.ones(n, np.float32),
        "mtime_ns": np.full(n, 10, np.int64),
        "taken_ms": np.full(n, UNKNOWN_TIME, np.int64),
        "has_camera": np.zeros(n, np.bool_),
        "looks": Looks.alike(n),
        "is_protected": np.zeros(n, np.bool_),
        "frames": np.ones(n, np.int32),
        "centrality": np.ones(n, np.float32),
        "same_pixels": np.arange(n),
    }
    seen = {name: columns.pop(name) for name in LOOKS if name in columns}
    plain["looks"] = replace(
        plain["looks"],
        **{name: np.array(v, getattr(plain["looks"], name).dtype) for name, v in seen.items()},
    )
    given = {
        name: np.array(value, plain[name].dtype) if isinstance(plain[name], np.ndarray) else value
        for name, value in columns.items()
    }
    return Qualities(**(plain | given))


def first(policy, **columns):
    return int(order_by_preference(qualities(**columns), policy)[0])


@pytest.mark.parametrize(
    "columns",
    [
        {"is_marked": [True, False], "is_framed": [False, True], "width": [900, 100]},
        {"is_framed": [True, False], "cut": [0, 3], "width": [900, 100]},
        {"cut": [3, 0], "coarse": [0, 2]},
        {"is_resaved": [True, False], "coarse": [0, 2], "bytes": [9000, 5000]},
        {"coarse": [1, 0], "is_grey": [False, True], "width": [900, 100]},
        {"is_grey": [True, False], "has_few_colours": [False, True]},
        {"has_few_colours": [True, False], "is_turned": [False, True], "bytes": [9000, 5000]},
        {"is_turned": [True, False], "is_enlarged": [False, True]},
        {"is_enlarged": [True, False], "is_blocky": [False, True], "width": [900, 100]},
        {"is_blocky": [True, False], "is_noisy": [False, True], "format": ["PNG", "JPEG"]},
        {"is_noisy": [True, False], "is_squeezed": [False, True], "bytes": [9000, 5000]},
        {"is_squeezed": [True, False], "width": [900, 100]},
        {"width": [100, 101], "has_camera": [True, False]},
        {"has_camera": [False, True], "format": ["PNG", "JPEG"]},
        {"format": ["PNG", "JPEG"], "same_pixels": [0, 0]},
        {"format": ["JPEG", "PNG"], "same_pixels": [0, 1]},
        {"format": ["JPEG", "PNG"], "bytes": [9000, 5000]},
        {"bytes": [5000, 5001], "sharpness": [9, 1]},
        {"sharpness": [1, 1.5], "mtime_ns": [1, 10]},
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
        (KeepPolicy.OLDEST, {"taken_ms": [6, 5], "mtime_ns": [9, 10]}),
        (KeepPolicy.OLDEST, {"taken_ms": [UNKNOWN_TIME, 5], "mtime_ns": [9, 10]}),
        (KeepPolicy.ORIGINAL, {"has_camera": [False, True], "mtime_ns": [9, 10]}),
        (KeepPolicy.ORIGINAL, {"taken_ms": [6, 5], "is_marked": [False, True]}),
        (KeepPolicy.ORIGINAL, {"is_marked": [True, False], "mtime_ns": [9, 10]}),
        (KeepPolicy.ORIGINAL, {"mtime_ns": [10, 9], "width": [999, 1]}),
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
    assert first(policy, is_protected=[False, True], width=[999, 1], mtime_ns=[10, 10]) == 1


@pytest.mark.parametrize("policy", list(KeepPolicy))
def test_an_animation_comes_before_a_still_of_it_whatever_the_policy(policy):
    worse = {"has_few_colours": [False, True], "bytes": [9000, 10], "mtime_ns": [10, 10]}
    assert first(policy, frames=[1, 4], width=[999, 1], **worse) == 1
    known = qualities(frames=[1, 4])
    assert explain_drops(known, policy, np.array([0]), np.array([1])) == ["fewer frames"]
    assert first(policy, frames=[1, 4], is_protected=[True, False]) == 0


@pytest.mark.parametrize("policy", list(KeepPolicy))
def test_no_two_images_tie(policy):
    n = 6
    order = order_by_preference(qualities(n), policy)
    assert order.tolist() == list(range(n))


def test_the_reason_is_the_first_thing_the_kept_image_has_over_the_other():
    known = qualities(3, width=[100, 50, 100], sharpness=[2, 9, 1])
    reasons = explain_drops(known, KeepPolicy.BEST, np.array([1, 2]), np.array([0, 0]))
    assert reasons == ["fewer pixels", "less sharp"]


def test_the_original_is_explained_by_what_its_camera_wrote_and_by_age():
    known = qualities(
        4,
        has_camera=[True, False, True, True],
        taken_ms=[5, UNKNOWN_TIME, 6, 5],
        mtime_ns=[1, 1, 1, 2],
    )
    dropped, kept = np.array([1, 2, 3]), np.zeros(3, np.int64)
    reasons = explain_drops(known, KeepPolicy.ORIGINAL, dropped, kept)
    assert reasons == ["without camera data", "taken later", "newer"]


def test_equal_images_go_for_their_path():
    reasons = explain_drops(qualities(), KeepPolicy.BEST, np.array([1]), np.array([0]))
    assert reasons == ["later path"]


def test_the_middle_must_be_known_to_prefer_what_is_near_it():
    known = replace(qualities(), centrality=None)
    with pytest.raises(ValueError, match="centrality"):
        order_by_preference(known, KeepPolicy.CENTRAL)


def test_of_two_that_tie_the_one_of_the_other_source_counts_as_earlier():
    assert first(KeepPolicy.FIRST, path=["a.jpg", "b.jpg"], is_other=[False, True]) == 1
