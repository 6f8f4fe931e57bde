"""The rung ``semantic``: images alike in content, in the manner of SemDeDup (arXiv:2303.09540).

Within each prototype, an image goes when another that stays is close enough. Unlike in the paper,
there are no chains: each dropped image is alike to the very image that stays for it.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from curate.algorithms.neighbors import list_centroids, nearest, pairs_above
from curate.copies.records import Vectors

Ints = NDArray[np.int64]

_DENSE = 16_384  # rows of a prototype that are compared all with all
_TILE = 2048  # rows compared at a time: 16 MB of similarities
_NEIGHBORS = 16  # kept per image
_CANDIDATES = 8  # per image


def neighbors_of(
    vectors: Vectors, rows: Ints, *, least: float
) -> tuple[Ints, Ints, NDArray[np.float32]]:
    """Return pairs of alike images: rows, rows and cosine, a < b, each pair once, ordered.

    Args:
        vectors: Of all images.
        rows: (R,) int64, rising: images to compare.
        least: Least cosine.
    """
    found = [part for cell in _cells(vectors, rows) for part in _near_in(vectors, cell, least)]
    if not found:
        none = np.zeros(0, np.int64)
        return none, none, np.zeros(0, np.float32)
    a, b, cosine = (np.concatenate([part[k] for part in found]) for k in range(3))
    _, once = np.unique(a * len(vectors.embeddings) + b, return_index=True)
    return a[once], b[once], cosine[once]


def likely_pairs(vectors: Vectors, rows: Ints, *, least: float) -> tuple[Ints, Ints]:
    """Return pairs of rows that may be copies, as their embeddings are near, a < b.

    Args:
        vectors: Of all images; prototypes serve as inverted lists.
        rows: (R,) int64, rising: images to compare.
        least: Least cosine.
    """
    points = np.ascontiguousarray(vectors.embeddings[rows])
    centroids = None
    if vectors.prototype is not None:
        own = vectors.prototype[rows].astype(np.int32)
        centroids = list_centroids(points, own, int(own.max(initial=0)) + 1)
    found = nearest(points, _CANDIDATES, centroids=centroids)
    query, slot = np.nonzero((found.similarity >= least) & (found.index >= 0))
    other = found.index[query, slot]
    pair = np.unique(np.minimum(query, other) * len(rows) + np.maximum(query, other))
    return rows[pair // len(rows)], rows[pair % len(rows)]


def centrality(vectors: Vectors) -> NDArray[np.float32]:
    """Return the cosine of each image to the mean of its prototype's images, (N,) float32."""
    points = vectors.embeddings
    own = np.zeros(len(points), np.int64) if vectors.prototype is None else vectors.prototype
    _, cell = np.unique(own, return_inverse=True)
    sums = np.zeros((int(cell.max(initial=0)) + 1, points.shape[1]), np.float32)
    np.add.at(sums, cell, points)
    middles = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)
    return np.asarray(np.einsum("nd,nd->n", points, middles[cell]), np.float32)


def alike(
    a: Ints, b: Ints, cosine: NDArray[np.float32], rank: Ints, *, most: int
) -> dict[int, tuple[int, float]]:
    """Return which image stays for each one that goes, and their cosine.

    Images are visited from the most worth keeping; each takes its alike neighbours along, unless
    they went before.

    Args:
        a: (P,) one image of each alike pair.
        b: (P,) the other.
        cosine: (P,) float32.
        rank: (N,) int64, 0 for the image most worth keeping.
        most: How many may go; the most alike go first.
    """
    stays, goes = np.where(rank[a] < rank[b], a, b), np.where(rank[a] < rank[b], b, a)
    order = np.lexsort((rank[goes], -cosine, rank[stays]))
    went: dict[int, tuple[int, float]] = {}
    for row in order.tolist():
        keeper, other = int(stays[row]), int(goes[row])
        if keeper not in went and other not in went:
            went[other] = (keeper, float(cosine[row]))
    closest_first = sorted(went, key=lambda other: (-went[other][1], int(rank[other])))
    return {other: went[other] for other in closest_first[:most]}


def _cells(vectors: Vectors, rows: Ints) -> Iterator[Ints]:
    """Yield the rows of each prototype; all rows if there are no prototypes."""
    if vectors.prototype is None:
        yield rows
        return
    own = vectors.prototype[rows]
    order = np.argsort(own, kind="stable")
    for cell in np.split(rows[order], np.nonzero(np.diff(own[order]))[0] + 1):
        if len(cell) > 1:
            yield cell


def _near_in(
    vectors: Vectors, cell: Ints, least: float
) -> Iterator[tuple[Ints, Ints, NDArray[np.float32]]]:
    """Yield pairs of one cell that are alike, the nearest of each image, some of them twice."""
    points = vectors.embeddings[cell]
    if len(cell) > _DENSE:
        for a, b, cosine in pairs_above(points, least):
            kept = _among_nearest(a, b, cosine)
            yield cell[a[kept]], cell[b[kept]], cosine[kept]
        return
    for start in range(0, len(cell), _TILE):
        cosine, other = _nearest(points, start, least)
        near = cosine >= least
        query, slot = np.nonzero(near)
        a, b = cell[start + query], cell[other[query, slot]]
        yield np.minimum(a, b), np.maximum(a, b), cosine[near]


def _among_nearest(a: Ints, b: Ints, cosine: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return which pairs are among the nearest of either image, (P,) bool."""
    kept = np.zeros(len(a), np.bool_)
    for side in (a, b):
        order = np.lexsort((-cosine, side))
        ranked = side[order]
        first = np.searchsorted(ranked, ranked)
        kept[order[np.arange(len(order)) - first < _NEIGHBORS]] = True
    return kept


def _nearest(
    points: NDArray[np.float32], start: int, least: float
) -> tuple[NDArray[np.float32], Ints]:
    """Return cosine and slot of the nearest others of some rows of a cell, tile by tile."""
    queries = points[start : start + _TILE]
    cosine = np.full((len(queries), 0), least, np.float32)
    slot = np.zeros((len(queries), 0), np.int64)
    for left in range(0, len(points), _TILE):
        tile = queries @ points[left : left + _TILE].T
        own = np.arange(len(queries)) + start - left
        inside = (own >= 0) & (own < tile.shape[1])
        tile[np.nonzero(inside)[0], own[inside]] = -1
        cosine = np.concatenate([cosine, tile], axis=1)
        names = np.broadcast_to(np.arange(left, left + tile.shape[1]), tile.shape)
        slot = np.concatenate([slot, names], axis=1)
        n_kept = min(_NEIGHBORS, cosine.shape[1])
        top = np.argsort(-cosine, axis=1, kind="stable")[:, :n_kept]
        cosine, slot = np.take_along_axis(cosine, top, 1), np.take_along_axis(slot, top, 1)
    return cosine, slot
