"""Judged: what a person said of pairs, and the duplicate groups that obey it.

A pair called different is never in one group; a pair called a copy always is, unless others that
were called different would meet by it. Images of equal content are one image to a person.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Pair = tuple[str, str]

REVIEWED = "reviewed"
"""Stands in the place of a level where a person's word alone ties two images."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """Decisions by content hash.

    Attributes:
        copies: Pairs that are copies, with no order within a pair.
        different: Pairs that are not.
        chosen: Contents that a person chose to stay.
    """

    copies: frozenset[Pair] = frozenset()
    different: frozenset[Pair] = frozenset()
    chosen: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self.copies or self.different or self.chosen)

    def tell(self, first: str, second: str) -> bool | None:
        """Return whether a person called two contents copies, or None if nobody judged them."""
        for pair in ((first, second), (second, first)):
            if pair in self.copies or pair in self.different:
                return pair not in self.different
        return None

    def count(self, content_hashes: Sequence[str]) -> int:
        """Return how many of the decisions are on these images."""
        known = set(content_hashes)
        pairs = self.copies | self.different
        return sum(a in known and b in known for a, b in pairs) + len(self.chosen & known)

    def find_chosen(self, content_hashes: Sequence[str]) -> NDArray[np.bool_]:
        """Return which images a person chose to stay, (N,) bool."""
        return np.array([one in self.chosen for one in content_hashes], np.bool_)


def obey(
    judged: Judged,
    content_hashes: Sequence[str],
    label: Ints,
    links: Iterable[tuple[int, int]],
    rank: Ints,
) -> tuple[Ints, list[tuple[int, int]]]:
    """Return labels that obey decisions, and the pairs of images that a person tied.

    Args:
        judged: The decisions.
        content_hashes: Of N images.
        label: (N,) int64, the same for all that belong together by the evidence.
        links: The evidence, pairs of rows: where a group is split its parts hold together by it.
        rank: (N,) int64, 0 for the image most worth keeping.
    """
    rows_of: dict[str, list[int]] = {}
    for row, content in enumerate(content_hashes):
        rows_of.setdefault(content, []).append(row)

    def find_rows(pairs: Iterable[Pair]) -> list[tuple[int, int]]:
        known = sorted((a, b) for a, b in pairs if a in rows_of and b in rows_of and a != b)
        return [(rows_of[a][0], rows_of[b][0]) for a, b in known]

    forbidden = _Forbidden(find_rows(judged.different))
    units = _Sets(len(content_hashes))
    for rows in rows_of.values():
        for row in rows[1:]:
            units.join(rows[0], row)
    forbidden.rename(units)
    tied = [pair for pair in find_rows(judged.copies) if units.join_unless(*pair, forbidden)]
    whole = _Sets(len(content_hashes))
    for row, name in enumerate(label.tolist()):
        whole.join(row, name)
    for row in range(len(content_hashes)):
        whole.join(row, units.find(row))
    merged = np.array([whole.find(row) for row in range(len(content_hashes))], np.int64)
    torn = {int(merged[a]) for a, b in forbidden.pairs if merged[a] == merged[b]}
    if torn:
        merged = _split(merged, torn, units, forbidden, [*links, *tied], rank)
    return merged, tied


class _Sets:
    """Disjoint sets of rows, each named by one of them."""

    def __init__(self, n: int) -> None:
        self._parent = list(range(n))

    def find(self, row: int) -> int:
        while self._parent[row] != row:
            self._parent[row] = self._parent[self._parent[row]]
            row = self._parent[row]
        return row

    def join(self, a: int, b: int) -> None:
        a, b = self.find(a), self.find(b)
        self._parent[max(a, b)] = min(a, b)

    def join_unless(self, a: int, b: int, forbidden: "_Forbidden") -> bool:
        """Join two sets and return True, unless images called different would meet."""
        a, b = self.find(a), self.find(b)
        if a != b and forbidden.holds_between(a, b):
            return False
        if a != b:
            self.join(a, b)
            forbidden.rename(self)
        return True


class _Forbidden:
    """Pairs of sets that must not meet."""

    def __init__(self, pairs: list[tuple[int, int]]) -> None:
        self.pairs = pairs
        self._keys = set(pairs)

    def rename(self, sets: _Sets) -> None:
        self._keys = {(sets.find(a), sets.find(b)) for a, b in self.pairs}
        self._keys |= {(b, a) for a, b in self._keys}

    def holds_between(self, a: int, b: int) -> bool:
        return (a, b) in self._keys


def _split(
    label: Ints,
    torn: set[int],
    units: _Sets,
    forbidden: _Forbidden,
    links: Iterable[tuple[int, int]],
    rank: Ints,
) -> Ints:
    """Split labels in which images called different meet.

    The best image begins; each other joins the first part that it is linked to and may join, and
    begins one of its own if there is none.
    """
    linked: dict[int, set[int]] = {}
    for a, b in links:
        if int(label[a]) in torn:
            first, second = units.find(a), units.find(b)
            linked.setdefault(first, set()).add(second)
            linked.setdefault(second, set()).add(first)
    label = label.copy()
    best_rank: dict[int, int] = {}
    for row in np.flatnonzero(np.isin(label, sorted(torn))).tolist():
        unit = units.find(row)
        best_rank[unit] = min(best_rank.get(unit, len(rank)), int(rank[row]))
    members: dict[int, list[int]] = {}
    for unit in sorted(best_rank, key=best_rank.__getitem__):
        members.setdefault(int(label[unit]), []).append(unit)
    part_of: dict[int, int] = {}
    for waiting in members.values():
        for part in _share_out(waiting, linked, forbidden):
            part_of |= dict.fromkeys(part, min(part))
    for row in np.flatnonzero(np.isin(label, sorted(torn))).tolist():
        label[row] = part_of[units.find(row)]
    return label


def _share_out(
    waiting: list[int], linked: dict[int, set[int]], forbidden: _Forbidden
) -> list[list[int]]:
    """Return the parts of one group, given its sets in the order of preference."""
    parts: list[list[int]] = []
    while waiting:
        for unit in waiting:
            near = linked.get(unit, set())
            fit = next(
                (
                    part
                    for part in parts
                    if near.intersection(part)
                    and not any(forbidden.holds_between(unit, other) for other in part)
                ),
                None,
            )
            if fit is not None:
                fit.append(unit)
                break
        else:
            unit = waiting[0]
            parts.append([unit])
        waiting = [one for one in waiting if one != unit]
    return parts
