from itertools import combinations

import numpy as np
import pytest

from curate.copies.candidates.clumps import CLUMP_PARAMS, Clumps
from curate.copies.candidates.pairs import Candidates


def candidates(pairs):
    a, b = np.array(sorted(pairs), np.int64).reshape(-1, 2).T
    return Candidates(a=a, b=b, method=np.zeros(len(a), np.int64))


def settle_all(pairs, n, is_plain):
    """Return how many candidates were tried, and those that are still needed."""
    given = candidates(pairs)
    clumps = Clumps(given, np.arange(n))
    n_tried = 0
    while len(rows := clumps.choose()):
        n_tried += len(rows)
        ends = zip(given.a[rows].tolist(), given.b[rows].tolist(), strict=True)
        clumps.settle(rows, np.array([is_plain(*pair) for pair in ends]))
    needed = clumps.find_needed()
    return n_tried, set(zip(given.a[needed].tolist(), given.b[needed].tolist(), strict=True))


def some_pairs(n, n_each, seed=0):
    """Return candidates of n images that all look alike, some of each."""
    rng = np.random.default_rng(seed)
    return {
        tuple(sorted((one, int(other))))
        for one in range(n)
        for other in rng.choice(n, n_each, replace=False)
        if one != other
    }


def test_of_many_copies_of_one_picture_few_pairs_are_proved():
    pairs = some_pairs(300, 40)
    n_tried, needed = settle_all(pairs, 300, lambda a, b: True)
    assert n_tried < 450
    assert len(needed) == n_tried
    assert len(pairs) > 10_000


def test_candidates_between_clumps_are_needed():
    pairs = set(combinations(range(40), 2))
    n_tried, needed = settle_all(pairs, 40, lambda a, b: (a < 20) == (b < 20))
    across = {(a, b) for a, b in pairs if (a < 20) != (b < 20)}
    assert across <= needed
    assert len(needed) <= len(across) + n_tried


@pytest.mark.parametrize("n", [2, CLUMP_PARAMS.least_members - 1])
def test_in_a_small_group_every_candidate_is_needed(n):
    pairs = set(combinations(range(n), 2))
    n_tried, needed = settle_all(pairs, n, lambda a, b: True)
    assert needed == pairs
    assert n_tried == 0, "no work is done twice"


def test_where_nothing_is_plainly_the_same_every_candidate_is_needed():
    pairs = some_pairs(60, 25)
    n_tried, needed = settle_all(pairs, 60, lambda a, b: False)
    assert needed == pairs
    assert n_tried <= 60 * CLUMP_PARAMS.most_failures[0]
