import numpy as np
import pytest

from curate.algorithms.graph import bridges, connected_components


def links(*pairs):
    table = np.array(pairs, np.int64).reshape(-1, 2)
    return table[:, 0], table[:, 1]


def test_components_are_named_by_their_smallest_node():
    assert connected_components(6, *links((5, 3), (3, 1), (2, 4))).tolist() == [0, 1, 2, 1, 2, 1]


def test_without_links_every_node_is_alone():
    assert connected_components(3, *links()).tolist() == [0, 1, 2]


def test_order_and_direction_of_links_do_not_matter():
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 200, (2, 150))
    expected = connected_components(200, a, b)
    for _ in range(3):
        order = rng.permutation(150)
        assert np.array_equal(connected_components(200, b[order], a[order]), expected)


def test_a_long_chain_is_one_component():
    n = 5000
    order = np.random.default_rng(1).permutation(n - 1)
    a = np.arange(n - 1)[order]
    assert not connected_components(n, a, a + 1).any()


def test_the_link_between_two_triangles_is_a_bridge():
    a, b = links((0, 1), (1, 2), (0, 2), (2, 3), (3, 4), (4, 5), (3, 5))
    lone, smaller = bridges(6, a, b)
    assert lone.tolist() == [False, False, False, True, False, False, False]
    assert smaller.tolist() == [0, 0, 0, 3, 0, 0, 0]


def test_every_link_of_a_path_is_a_bridge_with_its_shorter_end():
    lone, smaller = bridges(5, *links((0, 1), (1, 2), (2, 3), (3, 4)))
    assert lone.all()
    assert smaller.tolist() == [1, 2, 2, 1]


def test_bridges_agree_with_taking_each_link_away():
    rng = np.random.default_rng(2)
    pairs = np.unique(np.sort(rng.integers(0, 40, (45, 2)), axis=1), axis=0)
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    a, b = pairs[:, 0], pairs[:, 1]
    lone, _ = bridges(40, a, b)
    for row in range(len(a)):
        rest = np.arange(len(a)) != row
        label = connected_components(40, a[rest], b[rest])
        assert lone[row] == (label[a[row]] != label[b[row]])


@pytest.mark.parametrize("pairs", [((0, 3),), ((-1, 0),)])
def test_nodes_that_do_not_exist_are_refused(pairs):
    with pytest.raises(ValueError, match="must lie in"):
        connected_components(3, *links(*pairs))


def test_links_need_two_ends():
    with pytest.raises(ValueError, match="two ends"):
        bridges(3, np.array([0, 1]), np.array([1]))
