import itertools

import cv2
import numpy as np
import pytest

from curate.copies.verification.close_look import CLOSE_LOOK_PARAMS, CloseLook, choose_pairs
from curate.copies.verification.evidence import NAMES
from curate.copies.verification.findings import Findings
from tests.copies.test_grouping import links_of


def findings_of(*pairs):
    findings: Findings = links_of(*[(a, b, 1.0) for a, b in pairs]).findings
    return findings


def test_a_crowd_is_compared_with_the_same_few():
    """Each image is looked at beside so many others, whichever of a pair comes first."""
    n = 40
    pairs = list(itertools.combinations(range(n), 2))
    chosen = choose_pairs(findings_of(*pairs), np.full(len(pairs), 0.99999), n)
    looked = [pair for pair, is_chosen in zip(pairs, chosen, strict=True) if is_chosen]
    assert len(looked) <= CLOSE_LOOK_PARAMS.n_partners * n
    hubs = set(range(CLOSE_LOOK_PARAMS.n_partners + 1))
    assert all(hubs & set(pair) for pair in looked)
    assert {a for pair in looked for a in pair} == set(range(n))


def test_the_likeliest_come_first_where_not_all_are_sure():
    partners = CLOSE_LOOK_PARAMS.n_partners + 5
    pairs = [(0, k) for k in range(1, partners + 1)]
    pairs += [(k, j) for k in range(1, partners) for j in range(50, 62)]
    likely = np.full(len(pairs), 0.999)
    likely[:partners] = np.linspace(0.5, 0.9, partners)
    chosen = choose_pairs(findings_of(*pairs), likely, 62)
    assert chosen[5:partners].all()
    assert not chosen[:4].any()


def test_pairs_that_the_first_look_refused_are_not_looked_at():
    chosen = choose_pairs(findings_of((0, 1), (1, 2)), np.array([0.1, 0.5]), 3)
    assert chosen.tolist() == [False, True]


@pytest.mark.parametrize(("side", "is_read"), [(200, False), (256, True)])
def test_files_are_read_where_they_may_show_more_than_what_is_cached(side, is_read):
    page = np.full((side, side, 3), 250, np.uint8)
    cv2.putText(page, "Hi", (20, 60), cv2.FONT_HERSHEY_DUPLEX, 1, (0, 0, 0), 2)
    read = []

    def read_file(row):
        read.append(row)
        return cv2.resize(page, None, fx=2, fy=2)

    shapes = np.full((2, 2), 128, np.int32)
    same = Findings.at_first_look(
        np.array([0]),
        np.array([1]),
        np.zeros(1, np.int64),
        maps=np.array([[[1, 0, 0], [0, 1, 0]]], np.float32),
        inliers=np.zeros(1, np.int32),
        evidence=np.zeros((1, len(NAMES)), np.float32),
    )
    seen = CloseLook(shapes, lambda rows: [page] * len(rows), read_file=read_file).look(same)
    assert np.isfinite(seen).all()
    assert read == ([0, 1] if is_read else [])
