from itertools import combinations

import numpy as np
import pytest

from curate.copies.judged import Judged, obey


def groups(judged, label, links, hashes=None):
    n = len(label)
    hashes = hashes or [chr(97 + row) for row in range(n)]
    found, _ = obey(judged, hashes, np.array(label), links, np.arange(n))
    named = {}
    for row, name in enumerate(found.tolist()):
        named.setdefault(name, set()).add(hashes[row] if len(set(hashes)) == n else row)
    return sorted((group for group in named.values() if len(group) > 1), key=sorted)


def test_a_pair_called_different_is_split_and_each_part_holds_by_its_evidence():
    judged = Judged(different=frozenset({("b", "a")}))
    links = [(0, 1), (0, 2), (1, 3)]
    assert groups(judged, [0, 0, 0, 0], links) == [{"a", "c"}, {"b", "d"}]


def test_a_pair_called_a_copy_joins_groups():
    judged = Judged(copies=frozenset({("a", "d")}))
    assert groups(judged, [0, 0, 2, 2], [(0, 1), (2, 3)]) == [{"a", "b", "c", "d"}]


def test_different_outweighs_copy_where_both_cannot_hold():
    judged = Judged(copies=frozenset({("a", "b"), ("b", "c")}), different=frozenset({("a", "c")}))
    found = groups(judged, [0, 1, 2], [])
    assert found == [{"a", "b"}]


def test_images_of_equal_content_are_one_image():
    judged = Judged(different=frozenset({("x", "y")}))
    found = groups(judged, [0, 0, 0, 0], [(0, 1), (1, 2), (2, 3)], ["x", "x", "y", "y"])
    assert found == [{0, 1}, {2, 3}]


def test_decisions_on_other_images_change_nothing():
    judged = Judged(copies=frozenset({("a", "z")}), different=frozenset({("q", "r")}))
    assert groups(judged, [0, 0, 2], [(0, 1)]) == [{"a", "b"}]


@pytest.mark.parametrize("seed", range(20))
def test_no_group_ever_holds_a_pair_called_different(seed):
    rng = np.random.default_rng(seed)
    n = 12
    names = [chr(97 + row) for row in range(n)]
    pairs = list(combinations(range(n), 2))
    links = [pairs[i] for i in rng.choice(len(pairs), 20, replace=False)]
    drawn = [pairs[i] for i in rng.choice(len(pairs), 12, replace=False)]
    different = {(names[a], names[b]) for a, b in drawn[:8]}
    copies = {(names[a], names[b]) for a, b in drawn[8:]}
    judged = Judged(copies=frozenset(copies), different=frozenset(different))
    found = groups(judged, [0] * n, links)
    assert not any({a, b} <= group for a, b in different for group in found)
