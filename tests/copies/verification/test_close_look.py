import itertools

import numpy as np

from curate.copies.verification.close_look import CLOSE_LOOK_PARAMS, choose_pairs
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
