"""Duplicate groups of near copies: every member itself matches the image that stays."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curate.algorithms.graph import bridges, connected_components
from curate.copies.pair_tables import concat_pairs, take_pairs
from curate.copies.verification.findings import Links

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

VerifyPairs = Callable[[Ints, Ints], Links]
"""Verifies given pairs, first and second images; gives those that have evidence, a < b."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GroupingParams:
    """Which links hold a duplicate group together.

    Wrong and split groups are measured by ``tests/benchmarks/dedup_quality.py``.

    Attributes:
        sure_bridge: A link that alone joins two groups is beyond doubt from this probability on.
        n_witnesses: Neighbours on each side of a doubtful bridge that are asked to confirm it.
    """

    sure_bridge: float = 0.995
    n_witnesses: int = 2


GROUPING_PARAMS = GroupingParams()


@dataclass(frozen=True, kw_only=True, slots=True)
class NearGroups:
    """Groups among R images.

    Attributes:
        group: (R,) int64, name of the group, the same for all its members; alone: its own.
        kept: (R,) int64, the image that stays in each one's group.
        similarity: (R,) float64, probability that this very pair is a copy; 1 for itself.
        links: The accepted pairs.
    """

    group: Ints
    kept: Ints
    similarity: Floats
    links: Links


def group_links(
    links: Links,
    n: int,
    *,
    threshold: float,
    verify_pairs: VerifyPairs,
    rank_images: Callable[[Links], Ints],
) -> NearGroups:
    """Return duplicate groups: images that are copies of one of them.

    A bridge, a link that alone joins two groups, is verified again: unless other pairs across it
    agree, or it is beyond doubt, it is dropped. Then the image to keep is chosen and laid over the
    others; those that do not match it themselves form groups among themselves. No chain of links
    ties an image to one that it does not show.

    Args:
        links: Candidate pairs and their probabilities.
        n: Number of images.
        threshold: Least probability that counts.
        verify_pairs: Verifies more pairs.
        rank_images: Gives the rank of all images, (n,) int64, 0 for the most worth keeping.
    """
    links = take_pairs(links, links.probability >= threshold)
    links = _drop_doubtful_bridges(links, n, threshold, verify_pairs)
    rank = rank_images(links)
    return _form_groups(links, n, rank, threshold, verify_pairs)


def _drop_doubtful_bridges(
    links: Links, n: int, threshold: float, verify_pairs: VerifyPairs
) -> Links:
    """Drop doubtful links that are the only one between two groups."""
    a, b = links.findings.a, links.findings.b
    is_bridge, n_smaller = bridges(n, a, b)
    doubtful = is_bridge & (n_smaller > 1) & (links.probability < GROUPING_PARAMS.sure_bridge)
    if not doubtful.any():
        return links
    across_a, across_b, bridge = _list_witnesses(links, np.nonzero(doubtful)[0], n)
    across = verify_pairs(across_a, across_b)
    agreeing = take_pairs(across, across.probability >= threshold)
    keys = agreeing.findings.a * n + agreeing.findings.b
    asked_keys = np.minimum(across_a, across_b) * n + np.maximum(across_a, across_b)
    doubtful[np.unique(bridge[np.isin(asked_keys, keys)])] = False
    return _merge_links(take_pairs(links, ~doubtful), agreeing, n)


def _list_witnesses(links: Links, doubtful: Ints, n: int) -> tuple[Ints, Ints, Ints]:
    """Return pairs across each bridge, an end and a neighbour of the other end, and the bridge."""
    a, b = links.findings.a, links.findings.b
    ends, others = np.concatenate([a, b]), np.concatenate([b, a])
    strength = np.tile(links.probability, 2)
    order = np.lexsort((others, -strength, ends))
    ends, others = ends[order], others[order]
    first = np.searchsorted(ends, np.arange(n + 1))
    pairs: list[tuple[int, int, int]] = []
    for bridge in doubtful.tolist():
        for end, other in (
            (int(a[bridge]), int(b[bridge])),
            (int(b[bridge]), int(a[bridge])),
        ):
            neighbors = others[first[other] : first[other + 1]].tolist()
            witnesses = [one for one in neighbors if one != end][: GROUPING_PARAMS.n_witnesses]
            pairs += [(end, witness, bridge) for witness in witnesses]
    table = np.array(pairs, np.int64).reshape(-1, 3)
    return table[:, 0], table[:, 1], table[:, 2]


def _form_groups(
    links: Links, n: int, rank: Ints, threshold: float, verify_pairs: VerifyPairs
) -> NearGroups:
    """Form the groups: in each component those that match the best image, then the rest anew."""
    group, kept = np.arange(n), np.arange(n)
    similarity = np.ones(n)
    is_free = np.ones(n, np.bool_)
    is_asked = np.zeros(0, np.int64)
    while is_free.any():
        a, b = links.findings.a, links.findings.b
        inner = is_free[a] & is_free[b]
        heads = choose_best(connected_components(n, a[inner], b[inner]), rank)
        while True:  # what matches the head brings others near it
            low, high = _pair_with_heads(a[inner], b[inner], heads)
            keys = low * n + high
            missing = ~np.isin(keys, a * n + b) & ~np.isin(keys, is_asked)
            if not missing.any():
                break
            is_asked = np.concatenate([is_asked, keys[missing]])
            direct = verify_pairs(low[missing], high[missing])
            links = _merge_links(links, take_pairs(direct, direct.probability >= threshold), n)
            a, b = links.findings.a, links.findings.b
            inner = is_free[a] & is_free[b]
        is_tied = is_free & (heads == np.arange(n))
        for image, head in ((a, b), (b, a)):
            ties = (heads[image] == head) & is_free[image] & is_free[head]
            is_tied[image[ties]] = True
            similarity[image[ties]] = links.probability[ties]
        group[is_tied], kept[is_tied] = heads[is_tied], heads[is_tied]
        is_free &= ~is_tied
    return NearGroups(group=group, kept=kept, similarity=similarity, links=links)


def _pair_with_heads(a: Ints, b: Ints, heads: Ints) -> tuple[Ints, Ints]:
    """Return pairs of a head and an image at most two links away, the lower number first.

    What lies farther off hardly shows the same: in a long pan all pairs would be verified.
    """
    ends, others = np.concatenate([a, b]), np.concatenate([b, a])
    is_near = heads == np.arange(len(heads))
    for _ in range(2):
        is_near = is_near.copy()
        is_near[others[is_near[ends]]] = True
    image = np.nonzero(is_near & (heads != np.arange(len(heads))))[0]
    return np.minimum(image, heads[image]), np.maximum(image, heads[image])


def choose_best(label: Ints, rank: Ints) -> Ints:
    """Return for each image the best-ranked one of its label.

    Args:
        label: (N,) int64, the same for all that belong together.
        rank: (N,) int64, 0 for the image most worth keeping; no two are equal.
    """
    order = np.lexsort((rank, label))
    is_first = np.ones(len(order), np.bool_)
    is_first[1:] = label[order[1:]] != label[order[:-1]]
    best = np.empty(len(label), np.int64)
    best[order] = order[is_first][np.cumsum(is_first) - 1]
    return best


def choose_dropped(
    a: Ints, b: Ints, strength: NDArray[np.floating], rank: Ints, *, most: int | None = None
) -> dict[int, tuple[int, float]]:
    """Return which image stays for each one that is dropped, and how alike they are.

    Images are visited from the most worth keeping; each takes its alike neighbours along, unless
    they are dropped already.

    Args:
        a: (P,) one image of each alike pair.
        b: (P,) the other.
        strength: (P,) float, how alike they are.
        rank: (N,) int64, 0 for the image most worth keeping.
        most: How many may be dropped, the most alike first; None for all.
    """
    keeps, drops = np.where(rank[a] < rank[b], a, b), np.where(rank[a] < rank[b], b, a)
    order = np.lexsort((rank[drops], -strength, rank[keeps]))
    dropped: dict[int, tuple[int, float]] = {}
    for row in order.tolist():
        keeper, other = int(keeps[row]), int(drops[row])
        if keeper not in dropped and other not in dropped:
            dropped[other] = (keeper, float(strength[row]))
    closest_first = sorted(dropped, key=lambda other: (-dropped[other][1], int(rank[other])))
    return {other: dropped[other] for other in closest_first[:most]}


def _merge_links(links: Links, more: Links, n: int) -> Links:
    """Return both, each pair once."""
    both = concat_pairs([links, more])
    _, rows = np.unique(both.findings.a * n + both.findings.b, return_index=True)
    return take_pairs(both, rows)
