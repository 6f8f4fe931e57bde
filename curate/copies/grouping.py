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
Bools = NDArray[np.bool_]

VerifyPairs = Callable[[Ints, Ints], Links]
"""Verifies given pairs, first and second images; gives those that have evidence, a < b."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GroupingParams:
    """Which links hold a duplicate group together.

    Wrong and split groups are measured by ``tests/benchmarks/dedup_quality.py``.

    Attributes:
        sure_bridge: A link that alone joins two groups is beyond doubt from this probability on.
        n_witnesses: Neighbours on each side of a doubtful bridge that are asked to confirm it.
        most_members: In larger groups no other image takes the place of the best one.
        most_hubs: Images of a group that are tried in its place.
    """

    sure_bridge: float = 0.995
    n_witnesses: int = 2
    most_members: int = 64
    most_hubs: int = 4


GROUPING_PARAMS = GroupingParams()


@dataclass(frozen=True, kw_only=True, slots=True)
class Ranking:
    """Which of n images are worth keeping.

    Attributes:
        rank: (n,) int64, 0 for the image most worth keeping; no two are equal.
        worth: (n,) int64, of what an image shows, however it is encoded; 0 is best.
    """

    rank: Ints
    worth: Ints


@dataclass(frozen=True, kw_only=True, slots=True)
class NearGroups:
    """Groups among R images.

    Attributes:
        group: (R,) int64, name of the group, the same for all its members; alone: its own.
        kept: (R,) int64, the image that stays in each one's group.
        similarity: (R,) float64, probability that this very pair is a copy; 1 for itself.
        is_stray: (R,) bool, would stay by its rank, but more of the group match another.
        links: The accepted pairs.
    """

    group: Ints
    kept: Ints
    similarity: Floats
    is_stray: Bools
    links: Links


def group_links(
    links: Links,
    n: int,
    *,
    threshold: float,
    verify_pairs: VerifyPairs,
    rank_images: Callable[[Links], Ranking],
) -> NearGroups:
    """Return duplicate groups: images that are copies of one of them.

    A bridge, a link that alone joins two groups, is verified again: unless other pairs across it
    agree, or it is beyond doubt, it is dropped. Then the image to keep is chosen and laid over the
    others; where one that shows as much is matched by more of them, it stays instead. Those that
    do not match it themselves form groups among themselves. No chain of links ties an image to one
    that it does not show.

    Args:
        links: Candidate pairs and their probabilities.
        n: Number of images.
        threshold: Least probability that counts.
        verify_pairs: Verifies more pairs.
        rank_images: Says which of all images are worth keeping, given the pairs.
    """
    links = take_pairs(links, links.probability >= threshold)
    links = _drop_doubtful_bridges(links, n, threshold, verify_pairs)
    return _form_groups(_Ties(links, n, threshold, verify_pairs), rank_images(links))


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


class _Ties:
    """Accepted pairs among n images; more are added as they are asked for."""

    def __init__(self, links: Links, n: int, threshold: float, verify_pairs: VerifyPairs) -> None:
        self.links, self.n = links, n
        self._threshold, self._verify_pairs = threshold, verify_pairs
        self._asked = np.zeros(0, np.int64)

    def within(self, is_free: Bools) -> tuple[Ints, Ints]:
        """Return the ends of the pairs of which both images are free."""
        a, b = self.links.findings.a, self.links.findings.b
        inner = is_free[a] & is_free[b]
        return a[inner], b[inner]

    def ask(self, one: Ints, other: Ints) -> bool:
        """Verify pairs that are not known; return whether there were any."""
        keys = np.unique(np.minimum(one, other) * self.n + np.maximum(one, other))
        known = self.links.findings.a * self.n + self.links.findings.b
        keys = keys[~np.isin(keys, known) & ~np.isin(keys, self._asked)]
        if len(keys) == 0:
            return False
        self._asked = np.concatenate([self._asked, keys])
        found = self._verify_pairs(keys // self.n, keys % self.n)
        accepted = take_pairs(found, found.probability >= self._threshold)
        self.links = _merge_links(self.links, accepted, self.n)
        return True


def _form_groups(ties: _Ties, ranking: Ranking) -> NearGroups:
    """Form the groups: in each component those that match the best image, then the rest anew."""
    n = ties.n
    group, kept = np.arange(n), np.arange(n)
    similarity = np.ones(n)
    is_free = np.ones(n, np.bool_)
    while is_free.any():
        heads = choose_best(connected_components(n, *ties.within(is_free)), ranking.rank)
        _ask_heads(ties, heads, is_free)
        heads = _prefer_hubs(ties, heads, is_free, ranking)
        _ask_heads(ties, heads, is_free)
        is_tied = is_free & (heads == np.arange(n))
        a, b = ties.links.findings.a, ties.links.findings.b
        for image, head in ((a, b), (b, a)):
            tied = (heads[image] == head) & is_free[image] & is_free[head]
            is_tied[image[tied]] = True
            similarity[image[tied]] = ties.links.probability[tied]
        group[is_tied], kept[is_tied] = heads[is_tied], heads[is_tied]
        is_free &= ~is_tied
    is_stray = ranking.rank < ranking.rank[kept]
    return NearGroups(
        group=group, kept=kept, similarity=similarity, is_stray=is_stray, links=ties.links
    )


def _ask_heads(ties: _Ties, heads: Ints, is_free: Bools) -> None:
    """Lay each head over the images near it; what matches it brings others near it."""
    while ties.ask(*_pair_with_heads(*ties.within(is_free), heads)):
        pass


def _prefer_hubs(ties: _Ties, heads: Ints, is_free: Bools, ranking: Ranking) -> Ints:
    """Return the heads, each replaced by an image of its group that more of it match.

    The source of all copies matches each of them, and one of its copies, such as a noisy one that
    has more bytes, may not. It must show as much as the head it replaces.
    """
    n, params = ties.n, GROUPING_PARAMS
    ends, others = _both_ways(*ties.within(is_free))
    is_tied = heads == np.arange(n)
    is_tied[ends[heads[ends] == others]] = True
    sizes = np.bincount(heads[is_free], minlength=n)
    is_hub = ~is_tied[ends] & is_tied[others] & (sizes[heads[others]] <= params.most_members)
    is_hub &= ranking.worth[others] == ranking.worth[heads[others]]
    hubs, n_stranded = np.unique(others[is_hub], return_counts=True)
    order = np.lexsort((ranking.rank[hubs], -n_stranded, heads[hubs]))
    hubs = _take_first(hubs[order], heads[hubs[order]], params.most_hubs)
    if len(hubs) == 0:
        return heads
    hub, member = spread_over_label(hubs, heads[hubs], heads)
    ties.ask(hub[hub != member], member[hub != member])
    ends, _ = _both_ways(*ties.within(is_free))
    n_matches = np.bincount(ends, minlength=n)
    pool = np.unique(np.concatenate([hubs, heads[hubs]]))
    pool = pool[np.lexsort((ranking.rank[pool], -n_matches[pool], heads[pool]))]
    best = _take_first(pool, heads[pool], 1)
    instead = np.arange(n)
    instead[heads[best]] = best
    return instead[heads]


def _both_ways(a: Ints, b: Ints) -> tuple[Ints, Ints]:
    return np.concatenate([a, b]), np.concatenate([b, a])


def _take_first(values: Ints, label: Ints, most: int) -> Ints:
    """Return the first values of each label; equal labels stand together."""
    starts = np.searchsorted(label, label)
    return values[np.arange(len(values)) - starts < most]


def _pair_with_heads(a: Ints, b: Ints, heads: Ints) -> tuple[Ints, Ints]:
    """Return pairs of an image at most two links from a head, and the head.

    What lies farther off hardly shows the same: in a long pan all pairs would be verified.
    """
    ends, others = _both_ways(a, b)
    is_near = heads == np.arange(len(heads))
    for _ in range(2):
        is_near = is_near.copy()
        is_near[others[is_near[ends]]] = True
    image = np.nonzero(is_near & (heads != np.arange(len(heads))))[0]
    return image, heads[image]


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


def spread_over_label(numbers: Ints, heads: Ints, label: Ints) -> tuple[Ints, Ints]:
    """Return pairs of a number and an image, for each image that a head stands for.

    Args:
        numbers: (P,) int64, of any kind.
        heads: (P,) int64, the image that stands for its label.
        label: (N,) int64, the image that stands for each.
    """
    by_label = np.argsort(label, kind="stable")
    starts = np.searchsorted(label[by_label], heads)
    counts = np.searchsorted(label[by_label], heads, side="right") - starts
    before = np.repeat(np.cumsum(counts) - counts, counts)
    rank = np.repeat(starts, counts) + np.arange(int(counts.sum())) - before
    return np.repeat(numbers, counts), by_label[rank].astype(np.int64)


def choose_dropped(
    a: Ints, b: Ints, strength: NDArray[np.floating], rank: Ints
) -> dict[int, tuple[int, float]]:
    """Return which image stays for each one that is dropped, and how alike they are; closest first.

    Images are visited from the most worth keeping; each takes its alike neighbours along, unless
    they are dropped already.

    Args:
        a: (P,) one image of each alike pair.
        b: (P,) the other.
        strength: (P,) float, how alike they are.
        rank: (N,) int64, 0 for the image most worth keeping.
    """
    keeps, drops = np.where(rank[a] < rank[b], a, b), np.where(rank[a] < rank[b], b, a)
    order = np.lexsort((rank[drops], -strength, rank[keeps]))
    dropped: dict[int, tuple[int, float]] = {}
    for row in order.tolist():
        keeper, other = int(keeps[row]), int(drops[row])
        if keeper not in dropped and other not in dropped:
            dropped[other] = (keeper, float(strength[row]))
    closest_first = sorted(dropped, key=lambda other: (-dropped[other][1], int(rank[other])))
    return {other: dropped[other] for other in closest_first}


def _merge_links(links: Links, more: Links, n: int) -> Links:
    """Return both, each pair once."""
    both = concat_pairs([links, more])
    _, rows = np.unique(both.findings.a * n + both.findings.b, return_index=True)
    return take_pairs(both, rows)
