from dataclasses import replace

import numpy as np
import pytest

from curate.copies.pair_tables import concat_pairs
from curate.copies.probability.context import FolderContext, judge_in_context, measure_context
from curate.copies.verification.detail import CLOSE_NAMES
from curate.copies.verification.evidence import NAMES
from curate.copies.verification.findings import Findings


def pair(**named):
    """Return the findings on one pair that agrees wholly, but for what is named."""
    values = {"coarse_lowest": 0.98, "log_side": 5.0, "tone": 1.0} | named
    row = [values.get(name, 0.0) for name in CLOSE_NAMES]
    return Findings(
        a=np.array([0]),
        b=np.array([1]),
        method=np.zeros(1, np.int64),
        maps=np.zeros((1, 2, 3), np.float32),
        inliers=np.array([values.get("inliers", 20)], np.int32),
        evidence=np.array([[values.get(name, 0.0) for name in NAMES]], np.float32),
        close=np.array([row], np.float32),
    )


def has_no_evidence(**named):
    return bool(np.isnan(judge_in_context(pair(**named), None)).any())


@pytest.mark.parametrize("spoilt", [{"marks_first": 0.18}, {"coarse_lowest": 0.74}])
def test_two_pictures_that_hold_one_cut_out_are_no_copies(spoilt):
    assert has_no_evidence(outside_first=0.57, outside_second=0.58, **spoilt)
    assert has_no_evidence(outside_first=0.0, outside_second=0.91, **spoilt)


def test_two_views_and_a_small_piece_of_one_picture_may_be_copies():
    assert not has_no_evidence(outside_first=0.5, outside_second=0.6)
    assert not has_no_evidence(outside_first=0.0, outside_second=0.9)


def test_a_picture_that_something_lies_over_may_be_a_copy_of_one_that_it_lies_in():
    assert not has_no_evidence(marks_first=0.18)
    assert not has_no_evidence(outside_second=0.5, marks_first=0.18, coarse_lowest=0.7)


def test_two_plain_pictures_under_one_watermark_are_no_copies():
    assert has_no_evidence(tone=0.4, chroma_deficit=0.6)
    assert not has_no_evidence(tone=0.4)  # shades that hardly vary, such as those of paper
    assert not has_no_evidence(chroma_deficit=0.6)  # a turned hue


def test_two_windows_with_other_words_are_no_copies():
    assert has_no_evidence(alone_first=20, alone_second=400)
    assert not has_no_evidence(alone_first=400)
    assert not has_no_evidence(alone_first=5, alone_second=400)


def test_what_only_a_plain_frame_ties_has_the_same_hues():
    assert has_no_evidence(inliers=0, chroma_deficit=0.2)
    assert not has_no_evidence(inliers=0)
    assert not has_no_evidence(chroma_deficit=0.2)


CAPTURES = {"two_sided_area": 0.06, "two_sided_places": 1.1, "grain_deficit": 0.45, "noise": 1.6}


def test_what_compression_left_of_fine_texture_is_nothing_that_either_picture_carries():
    assert not has_no_evidence(**CAPTURES)


@pytest.mark.parametrize(
    "seen",
    [{"noise": 0.9}, {"middle_conflict": 0.02}, {"coarse_conflict": 0.01}, {"marks_second": 0.02}],
)
def test_two_captures_that_each_carry_something_are_no_copies(seen):
    assert has_no_evidence(**(CAPTURES | seen))


def carrying(*marked):
    """Return the context of two images that each carry something, with their usual marks."""
    return FolderContext(own=np.full(2, 0.02), marked=np.array(marked), crowd=np.zeros(2))


MARKED_ONCE = {"conflict_area": 0.2, "marks_first": 0.04}


def test_an_original_is_one_that_nothing_lies_over_beside_any_of_its_copies():
    captioned = judge_in_context(pair(**MARKED_ONCE), carrying(0.04, 0.0))
    assert np.isfinite(captioned).all()


def test_two_frames_whose_objects_lie_in_one_place_are_no_original_and_copy():
    frames = judge_in_context(pair(**MARKED_ONCE), carrying(0.04, 0.03))
    assert np.isnan(frames).any()


def test_the_usual_marks_of_an_image_are_the_median_over_its_pairs():
    marks = {(0, 1): (0.5, 0.0), (0, 2): (0.1, 0.0), (0, 3): (0.2, 0.3)}
    findings = concat_pairs(
        [
            replace(pair(marks_first=one, marks_second=other), a=np.array([a]), b=np.array([b]))
            for (a, b), (one, other) in marks.items()
        ]
    )
    context = measure_context(findings, np.ones(3), 5)
    assert context.marked.tolist() == pytest.approx([0.2, 0.0, 0.0, 0.3, 0.0])
