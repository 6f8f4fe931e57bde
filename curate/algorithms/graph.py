"""Groups from links: connected components, bridges, strongest paths."""

import heapq

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


def connected_components(n: int, a: Ints, b: Ints) -> Ints:
    """Return the component of each node, named by its smallest node.

    >>> connected_components(5, np.array([3, 4]), np.array([4, 1])).tolist()
    [0, 1, 2, 1, 1]

    Args:
        n: Number of nodes, >= 0.
        a: (E,) int64, one end of each link, in [0, n).
        b: (E,) int64, the other end.

    Returns:
        (n,) int64. The order of the links does not matter.

    Raises:
        ValueError: The ends differ in number or lie outside [0, n).
    """
    _check(n, a, b)
    label = np.arange(n, dtype=np.int64)
    while True:
        low = np.minimum(label[a], label[b])
        before = label.copy()
        np.minimum.at(label, a, low)
        np.minimum.at(label, b, low)
        np.minimum.at(label, before[a], low)
        np.minimum.at(label, before[b], low)
        while not np.array_equal(label, label[label]):
            label = label[label]
        if np.array_equal(label, before):
            return label


def bridges(n: int, a: Ints, b: Ints) -> tuple[NDArray[np.bool_], Ints]:
    """Return which links are the only way between two parts, and how small the smaller part is.

    Args:
        n: Number of nodes.
        a: (E,) int64, one end of each link; no link twice.
        b: (E,) int64, the other end.

    Returns:
        (E,) bool and (E,) int64: nodes on the smaller side of the bridge, 0 where it is none.

    Raises:
        ValueError: The ends differ in number or lie outside [0, n).
    """
    _check(n, a, b)
    walk = _DepthFirst(n, a, b)
    for root in np.unique(a).tolist():
        walk.visit(root)
    return walk.is_bridge, walk.smaller_side


class _DepthFirst:
    """Tarjan 1974: a tree link is a bridge if nothing below it reaches above it."""

    def __init__(self, n: int, a: Ints, b: Ints) -> None:
        self.is_bridge = np.zeros(len(a), np.bool_)
        self.smaller_side = np.zeros(len(a), np.int64)
        ends, others = np.concatenate([a, b]), np.concatenate([b, a])
        order = np.lexsort((others, ends))
        self._other: list[int] = others[order].tolist()
        self._link: list[int] = np.tile(np.arange(len(a)), 2)[order].tolist()
        self._first: list[int] = np.searchsorted(ends[order], np.arange(n + 1)).tolist()
        self._entered = [-1] * n
        self._lowest = [0] * n
        self._size = [1] * n
        self._clock = 0

    def visit(self, root: int) -> None:
        """Walk the component of ``root``, once."""
        if self._entered[root] >= 0:
            return
        found: list[tuple[int, int]] = []
        self._enter(root)
        stack = [(root, -1, self._first[root])]
        while stack:
            node, came_by, at = stack.pop()
            if at < self._first[node + 1]:
                stack.append((node, came_by, at + 1))
                self._step(node, came_by, at, stack)
            elif stack:
                parent = stack[-1][0]
                self._size[parent] += self._size[node]
                self._lowest[parent] = min(self._lowest[parent], self._lowest[node])
                if self._lowest[node] > self._entered[parent]:
                    found.append((came_by, self._size[node]))
        for link, below in found:
            self.is_bridge[link] = True
            self.smaller_side[link] = min(below, self._size[root] - below)

    def _enter(self, node: int) -> None:
        self._entered[node] = self._lowest[node] = self._clock
        self._clock += 1

    def _step(self, node: int, came_by: int, at: int, stack: list[tuple[int, int, int]]) -> None:
        other, link = self._other[at], self._link[at]
        if link == came_by:
            return
        if self._entered[other] >= 0:
            self._lowest[node] = min(self._lowest[node], self._entered[other])
            return
        self._enter(other)
        stack.append((other, link, self._first[other]))


def strongest_paths(
    n: int, a: Ints, b: Ints, strength: NDArray[np.float64], sources: Ints
) -> NDArray[np.float64]:
    """Return for each node the largest product of strengths on a path from its nearest source.

    Args:
        n: Number of nodes.
        a: (E,) int64, one end of each link.
        b: (E,) int64, the other end.
        strength: (E,) float64 in (0, 1].
        sources: (S,) int64 nodes where paths start.

    Returns:
        (n,) float64: 1 at sources, 0 where no path leads.

    Raises:
        ValueError: The ends differ in number or lie outside [0, n).
    """
    _check(n, a, b)
    ends, others = np.concatenate([a, b]), np.concatenate([b, a])
    order = np.lexsort((others, ends))
    other: list[int] = others[order].tolist()
    weight: list[float] = np.tile(strength, 2)[order].tolist()
    first: list[int] = np.searchsorted(ends[order], np.arange(n + 1)).tolist()
    best = [0.0] * n
    heap = [(-1.0, source) for source in sources.tolist()]
    for source in sources.tolist():
        best[source] = 1.0
    while heap:
        negative, node = heapq.heappop(heap)
        if -negative < best[node]:
            continue
        for at in range(first[node], first[node + 1]):
            reached = -negative * weight[at]
            if reached > best[other[at]]:
                best[other[at]] = reached
                heapq.heappush(heap, (-reached, other[at]))
    return np.array(best, np.float64)


def _check(n: int, a: Ints, b: Ints) -> None:
    if a.shape != b.shape or a.ndim != 1:
        raise ValueError(f"links need two ends each, got {a.shape} and {b.shape}")
    if len(a) and (min(a.min(), b.min()) < 0 or max(a.max(), b.max()) >= n):
        raise ValueError(f"ends of links must lie in [0, {n})")
