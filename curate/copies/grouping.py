"""Groups of near copies: every member tied to the kept image, no chain hanging on one thread."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curate.algorithms.graph import bridges, connected_components, strongest_paths
from curate.copies.rungs.near import NearCopies, Verified
from curate.copies.verification.verifier import Findings, joined

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_STRONG = 0.995  # a lone link between two groups must be at least this probable
_WITNESSES = 2  # neighbours on each side asked to confirm it
_LEAST_PATH = 0.9  # product of probabilities on the way to the kept image
_MAX_ROUNDS = 8  # of splitting off members that nothing ties to the kept image


@dataclass(frozen=True, kw_only=True, slots=True)
class Links:
    """Accepted pairs among R images, ordered by (a, b).

    Attributes:
        findings: Their evidence.
        probability: (L,) float64.
    """

    findings: Findings
    probability: Floats

    def take(self, rows: NDArray[np.bool_]) -> "Links":
        """Return some of the links."""
        return Links(findings=self.findings.take(rows), probability=self.probability[rows])


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


def grouped(
    near: NearCopies, verified: Verified, n: int, preferred: Callable[[Links], Ints]
) -> NearGroups:
    """Return groups of images that are copies of one of them.

    A link that alone joins two groups is examined again: unless other pairs across it agree, or it
    is beyond doubt, it is dropped. Then the image to keep is chosen, every other member is laid
    over it, and those that neither match it nor reach it over strong links form their own groups.

    Args:
        near: What can examine further pairs.
        verified: Candidate pairs and their probabilities.
        n: Number of images.
        preferred: Gives the rank of all images, (R,) int64, 0 for the most worth keeping.
    """
    accepted = verified.probability >= verified.threshold
    links = Links(
        findings=verified.findings.take(accepted), probability=verified.probability[accepted]
    )
    links = _without_threads(near, links, n, verified.threshold)
    rank = preferred(links)
    links = _with_direct(near, links, n, rank, verified.threshold)
    return _tied(links, n, rank)


def _without_threads(near: NearCopies, links: Links, n: int, threshold: float) -> Links:
    """Drop doubtful links that are the only one between two groups."""
    a, b = links.findings.a, links.findings.b
    lone, smaller = bridges(n, a, b)
    doubtful = lone & (smaller > 1) & (links.probability < _STRONG)
    if not doubtful.any():
        return links
    ask_a, ask_b, about = _witness_pairs(links, np.nonzero(doubtful)[0], n)
    found, probability = near.judged(ask_a, ask_b)
    agreeing = probability >= threshold
    seen = found.a[agreeing] * n + found.b[agreeing]
    asked = np.minimum(ask_a, ask_b) * n + np.maximum(ask_a, ask_b)
    confirmed = np.unique(about[np.isin(asked, seen)])
    doubtful[confirmed] = False
    fresh = Links(findings=found.take(agreeing), probability=probability[agreeing])
    return _merged(links.take(~doubtful), fresh, n)


def _witness_pairs(links: Links, lone: Ints, n: int) -> tuple[Ints, Ints, Ints]:
    """Return pairs across each lone link: an end of it and a neighbour of the other end."""
    a, b = links.findings.a, links.findings.b
    ends, others = np.concatenate([a, b]), np.concatenate([b, a])
    strength = np.tile(links.probability, 2)
    order = np.lexsort((others, -strength, ends))
    ends, others = ends[order], others[order]
    first = np.searchsorted(ends, np.arange(n + 1))
    asked: list[tuple[int, int, int]] = []
    for link in lone.tolist():
        for one, far in ((int(a[link]), int(b[link])), (int(b[link]), int(a[link]))):
            near_far = [w for w in others[first[far] : first[far + 1]].tolist() if w != one]
            asked += [(one, witness, link) for witness in near_far[:_WITNESSES]]
    table = np.array(asked, np.int64).reshape(-1, 3)
    return table[:, 0], table[:, 1], table[:, 2]


def _with_direct(near: NearCopies, links: Links, n: int, rank: Ints, threshold: float) -> Links:
    """Lay every member over the preferred image of its component, and add what is found."""
    label = connected_components(n, links.findings.a, links.findings.b)
    kept = _preferred_of(label, rank)
    member = np.nonzero(kept != np.arange(n))[0]
    have = links.findings.a * n + links.findings.b
    low, high = np.minimum(member, kept[member]), np.maximum(member, kept[member])
    missing = ~np.isin(low * n + high, have)
    if not missing.any():
        return links
    found, probability = near.judged(low[missing], high[missing])
    good = probability >= threshold
    fresh = Links(findings=found.take(good), probability=probability[good])
    return _merged(links, fresh, n)


def _tied(links: Links, n: int, rank: Ints) -> NearGroups:
    """Form the groups; members that hang on weak paths form their own, round by round."""
    a, b = links.findings.a, links.findings.b
    group, kept = np.arange(n), np.arange(n)
    similarity = np.ones(n)
    direct = dict(zip((a * n + b).tolist(), links.probability.tolist(), strict=True))
    loose = np.ones(n, np.bool_)
    for _ in range(_MAX_ROUNDS):
        inner = loose[a] & loose[b]
        label = connected_components(n, a[inner], b[inner])
        heads = _preferred_of(label, rank)
        sources = np.unique(heads[loose])
        reach = strongest_paths(n, a[inner], b[inner], links.probability[inner], sources)
        straight = np.array(
            [
                direct.get(min(i, k) * n + max(i, k), 0.0) if i != k else 1.0
                for i, k in enumerate(heads.tolist())
            ]
        )
        tied = loose & ((straight > 0) | (reach >= _LEAST_PATH))
        group[tied], kept[tied] = heads[tied], heads[tied]
        similarity[tied] = np.maximum(straight, reach)[tied]
        loose &= ~tied
        if not loose.any():
            break
    return NearGroups(group=group, kept=kept, similarity=similarity, links=links)


def _preferred_of(label: Ints, rank: Ints) -> Ints:
    """Return for each image the best-ranked one of its component."""
    order = np.lexsort((rank, label))
    first = np.ones(len(order), np.bool_)
    first[1:] = label[order[1:]] != label[order[:-1]]
    best = np.zeros(len(label), np.int64)
    best[label[order[first]]] = order[first]
    return best[label]


def _merged(links: Links, fresh: Links, n: int) -> Links:
    """Return both, each pair once."""
    findings = joined([links.findings, fresh.findings])
    probability = np.concatenate([links.probability, fresh.probability])
    _, rows = np.unique(findings.a * n + findings.b, return_index=True)
    return Links(findings=findings.take(rows), probability=probability[rows])
