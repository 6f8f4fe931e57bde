import json

import numpy as np
import pytest

from curate.copies.cache.version import CACHE_VERSION, is_current, open_cache
from curate.copies.verification.evidence import NAMES
from tests.copies.cache.golden_evidence import FILE, measure

RAISE = (
    "other {} on the same pixels: what earlier runs left in caches would be mixed with it. If that "
    "is intended, raise CACHE_VERSION in curate/copies/cache/version.py, then make the golden "
    "evidence anew: PYTHONPATH=. python tests/copies/cache/golden_evidence.py"
)
OF_INLIERS = [NAMES.index(name) for name in ("log_inliers", "few_inliers", "inlier_share")]
"""Where one keypoint more or less shows most."""


@pytest.fixture(scope="module")
def golden():
    return json.loads(FILE.read_text())


@pytest.fixture(scope="module")
def measured():
    return measure()


def test_the_golden_evidence_is_of_this_version(golden):
    assert golden["cache_version"] == CACHE_VERSION, (
        "CACHE_VERSION was raised: make the golden evidence anew, "
        "PYTHONPATH=. python tests/copies/cache/golden_evidence.py"
    )


def test_keypoints_are_those_of_this_version(golden, measured):
    for name, known in golden["keypoints"].items():
        keypoints = measured["keypoints"][name]
        assert abs(keypoints["count"] - known["count"]) <= 3, RAISE.format("keypoints")
        apart = np.array(known["places"])[:, None] - np.array(keypoints["places"])[None]
        n_found = int((np.hypot(*apart.T).min(axis=0) < 1).sum())
        assert n_found >= len(known["places"]) - 2, RAISE.format("keypoints")


def test_candidates_that_agree_are_those_of_this_version(golden, measured):
    assert measured["evidence"].keys() == golden["evidence"].keys(), RAISE.format("candidates")
    assert measured["n_votes"] == pytest.approx(golden["n_votes"], rel=0.02), RAISE.format(
        "candidates"
    )


def test_evidence_is_that_of_this_version(golden, measured):
    # without OpenCV's IPP and AVX, 0.006 and 0.03 were seen
    tolerance = np.full(len(NAMES), 0.015)
    tolerance[OF_INLIERS] = 0.07
    for pair, known in golden["evidence"].items():
        off = np.abs(np.array(measured["evidence"][pair]) - np.array(known))
        wrong = [name for name, is_wrong in zip(NAMES, off > tolerance, strict=True) if is_wrong]
        assert not wrong, f"{pair}: {wrong}: " + RAISE.format("evidence")


def test_a_cache_of_another_version_is_emptied(tmp_path):
    folder = open_cache(tmp_path / "cache")
    (folder / "kept").touch()
    assert (open_cache(folder) / "kept").exists()
    (folder / "version.json").write_text('{"version": 0}')
    assert not is_current(folder)
    assert not (open_cache(folder) / "kept").exists()
    assert is_current(folder)
