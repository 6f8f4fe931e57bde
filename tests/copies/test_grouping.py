import numpy as np

from curate.copies.grouping import Ranking, choose_dropped, group_links
from curate.copies.verification.detail import CLOSE_NAMES
from curate.copies.verification.evidence import NAMES
from curate.copies.verification.findings import Findings, Links


def links_of(*pairs):
    n = len(pairs)
    findings = Findings(
        a=np.array([a for a, _, _ in pairs], np.int64),
        b=np.array([b for _, b, _ in pairs], np.int64),
        method=np.zeros(n, np.int64),
        maps=np.zeros((n, 2, 3), np.float32),
        inliers=np.zeros(n, np.int32),
        evidence=np.zeros((n, len(NAMES)), np.float32),
        close=np.zeros((n, len(CLOSE_NAMES)), np.float32),
    )
    return Links(findings=findings, probability=np.array([p for *_, p in pairs], np.float64))


def group(links, n, *, direct=(), worth=None):
    """Group with ranks as numbered; ``direct`` are the pairs that agree when they are asked."""
    ranking = Ranking(rank=np.arange(n), worth=np.arange(n) if worth is None else np.array(worth))
    asked = []

    def verify(a, b):
        pairs = list(zip(a.tolist(), b.tolist(), strict=True))
        asked.extend(pairs)
        return links_of(*[(*pair, 0.97) for pair in pairs if pair in direct])

    groups = group_links(
        links, n, threshold=0.9, verify_pairs=verify, rank_images=lambda _: ranking
    )
    return groups, asked


def test_an_image_goes_only_for_one_that_it_matches_itself():
    links = links_of((0, 1, 0.999), (1, 2, 0.999), (2, 3, 0.999))
    groups, _ = group(links, 4)
    assert groups.kept.tolist() == [0, 0, 2, 2]
    assert groups.similarity.tolist() == [1, 0.999, 1, 0.999]


def test_the_source_that_all_match_stays_in_place_of_one_that_shows_no_more():
    links = links_of((0, 1, 0.98), (1, 2, 0.999), (1, 3, 0.998))
    groups, asked = group(links, 4, worth=[0, 0, 0, 1])
    assert groups.kept.tolist() == [1, 1, 1, 1]
    assert groups.similarity.tolist() == [0.98, 1, 0.999, 0.998]
    assert groups.is_stray.tolist() == [True, False, False, False]
    assert len(asked) == len(set(asked))
    shows_more, _ = group(links, 4, worth=[0, 1, 1, 1])
    assert shows_more.kept.tolist() == [0, 0, 2, 3]
    assert not shows_more.is_stray.any()


def test_a_member_that_matches_when_it_is_asked_joins_with_the_similarity_of_that_pair():
    links = links_of((0, 1, 0.999), (1, 2, 0.999))
    groups, asked = group(links, 3, direct={(0, 2)})
    assert (0, 2) in asked
    assert groups.kept.tolist() == [0, 0, 0]
    assert groups.similarity.tolist() == [1, 0.999, 0.97]


def test_in_a_long_chain_only_what_is_near_is_asked():
    n = 40
    links = links_of(*[(k, k + 1, 0.999) for k in range(n - 1)])
    groups, asked = group(links, n)
    assert len(asked) < n
    assert groups.kept.tolist() == [k - k % 2 for k in range(n)]


def test_what_matches_when_it_is_asked_brings_what_lies_farther_off():
    links = links_of(*[(k, k + 1, 0.999) for k in range(6)])
    groups, asked = group(links, 7, direct={(0, k) for k in range(2, 7)})
    assert groups.kept.tolist() == [0] * 7
    assert len(asked) == len(set(asked)) == 5


def test_links_below_the_threshold_tie_nothing():
    groups, _ = group(links_of((0, 1, 0.89)), 2)
    assert groups.kept.tolist() == [0, 1]


def test_of_alike_images_the_best_stays_and_takes_its_neighbours_along():
    a, b = np.array([0, 1]), np.array([1, 2])
    dropped = choose_dropped(a, b, np.array([0.9, 0.9]), np.arange(3))
    assert dropped == {1: (0, 0.9)}
