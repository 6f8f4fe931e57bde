"""Duplicate groups of near copies: every member tied to the kept image, none by a lone bridge."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curate.algorithms.graph import bridges, connected_components, strongest_paths
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
        least_path: Product of probabilities on the way to the kept image; weaker ways tie nothing.
        n_rounds: Rounds of splitting off members that nothing ties to the kept image.
    """

    sure_bridge: float = 0.995
    n_witnesses: int = 2
    least_path: float = 0.9
    n_rounds: int = 8


GROUPING_PARAMS = GroupingParams()


@dataclass(frozen=True, kw_only=True, slots=True)
class NearGroups:
    """Groups among R images.

    Attributes:
        group: (R,) int64, name of the group, the same for all its members; alone: its own.
        kept: (R,) int64, the image that stays in each one's group.
        similarity: (R,) float64, probability of being a copy of it; 1 for itself.
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
    agree, or it is beyond doubt, it is dropped. Then the image to keep is chosen, every other
    member is compared with it, and those that neither match it nor reach it over strong links form
    groups among themselves.

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
    links = _add_links_to_kept(links, n, rank, threshold, verify_pairs)
    return _form_groups(links, n, rank)


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


def _add_links_to_kept(
    links: Links, n: int, rank: Ints, threshold: float, verify_pairs: VerifyPairs
) -> Links:
    """Compare every member with the preferred image of its component, and add what agrees."""
    label = connected_components(n, links.findings.a, links.findings.b)
    kept = choose_best(label, rank)
    member = np.nonzero(kept != np.arange(n))[0]
    known = links.findings.a * n + links.findings.b
    low, high = np.minimum(member, kept[member]), np.maximum(member, kept[member])
    missing = ~np.isin(low * n + high, known)
    if not missing.any():
        return links
    direct = verify_pairs(low[missing], high[missing])
    return _merge_links(links, take_pairs(direct, direct.probability >= threshold), n)


def _form_groups(links: Links, n: int, rank: Ints) -> NearGroups:
    """Form the groups; members that hang on weak paths form groups anew, round by round."""
    a, b = links.findings.a, links.findings.b
    group, kept = np.arange(n), np.arange(n)
    similarity = np.ones(n)
    direct = dict(zip((a * n + b).tolist(), links.probability.tolist(), strict=True))
    is_free = np.ones(n, np.bool_)
    for _ in range(GROUPING_PARAMS.n_rounds):
        inner = is_free[a] & is_free[b]
        label = connected_components(n, a[inner], b[inner])
        heads = choose_best(label, rank)
        sources = np.unique(heads[is_free])
        path = strongest_paths(n, a[inner], b[inner], links.probability[inner], sources)
        straight = np.array(
            [
                direct.get(min(i, k) * n + max(i, k), 0.0) if i != k else 1.0
                for i, k in enumerate(heads.tolist())
            ]
        )
        tied = is_free & ((straight > 0) | (path >= GROUPING_PARAMS.least_path))
        group[tied], kept[tied] = heads[tied], heads[tied]
        similarity[tied] = np.maximum(straight, path)[tied]
        is_free &= ~tied
        if not is_free.any():
            break
    return NearGroups(group=group, kept=kept, similarity=similarity, links=links)


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


def _merge_links(links: Links, more: Links, n: int) -> Links:
    """Return both, each pair once."""
    both = concat_pairs([links, more])
    _, rows = np.unique(both.findings.a * n + both.findings.b, return_index=True)
    return take_pairs(both, rows)
