"""The rung ``semantic``: images alike in content, in the manner of SemDeDup (arXiv:2303.09540).

Within each prototype, an image is dropped when another that stays is close enough. Unlike in the
paper, there are no chains: each dropped image is alike to the very image that stays for it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curate.algorithms.neighbors import pairs_above
from curate.choices import Level
from curate.copies.grouping import choose_dropped
from curate.copies.placement import pair_whole_images
from curate.copies.records import Pairs, QueryImage, Vectors
from curate.copies.rungs.base import Grouping, Known, RungQuery, Searched

Ints = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, slots=True)
class SemanticParams:
    """How images of one prototype are compared; trades time and memory only, but for the last.

    No script measures it yet; time it on a folder with few prototypes.

    Attributes:
        n_dense: Images of a prototype that are compared all with all.
        n_tile: Images compared at a time: 16 MB of similarities.
        n_neighbors: Nearest images kept of each.
    """

    n_dense: int = 16_384
    n_tile: int = 2048
    n_neighbors: int = 16


SEMANTIC_PARAMS = SemanticParams()


class AlikeContent:
    """Calls images copies if a trained model sees nearly the same in them."""

    level = Level.SEMANTIC

    def group(self, known: Known) -> Grouping:
        """Return the images that belong to a kept one as they are alike.

        Raises:
            ValueError: There are no vectors.
        """
        if known.vectors is None:
            raise ValueError("the rung `semantic` needs vectors")
        config, n = known.config, len(known.images)
        kept, rank = known.kept, known.rank
        keepers = np.nonzero(kept == np.arange(n))[0]
        a, b, cosine = pair_alike(known.vectors, keepers, least=config.semantic_similarity)
        drops, keeps = np.where(rank[a] < rank[b], (b, a), (a, b))
        may_drop = ~known.is_protected[drops] & known.images.are_reported(drops, keeps)
        a, b, cosine = a[may_drop], b[may_drop], cosine[may_drop]
        target, n_gone = np.arange(n), 0
        most, n_going = int(config.max_removed * (~known.images.is_other).sum()), _count_new(known)
        for other, (keeper, _) in choose_dropped(a, b, cosine, rank).items():
            n_gone += int(n_going[other])
            if n_gone > most:
                break
            target[other] = keeper
        moved = target[kept] != kept
        embeddings = known.vectors.embeddings
        close = np.einsum("nd,nd->n", embeddings[moved], embeddings[target[kept[moved]]])
        similarity = np.ones(n)
        similarity[moved] = np.clip(close, 0, 1)
        return Grouping(
            level=self.level,
            label=target[kept],
            similarity=similarity,
            pairs=pair_whole_images(a, b, self.level, cosine),
        )

    def open_query(self, searched: Searched) -> RungQuery:
        """Return what finds nothing: an image that is merely alike is found by its features."""
        return _NothingAlike()


class _NothingAlike:
    threshold = 1.0

    def find_copies(self, queries: Sequence[QueryImage], known: Pairs) -> Pairs:
        """Return no pair."""
        return Pairs.none()


def pair_alike(
    vectors: Vectors, rows: Ints, *, least: float, params: SemanticParams = SEMANTIC_PARAMS
) -> tuple[Ints, Ints, NDArray[np.float32]]:
    """Return pairs of alike images: rows, rows and cosine, a < b, each pair once, ordered.

    Args:
        vectors: Of all images.
        rows: (R,) int64, rising: images to compare.
        least: Least cosine.
        params: How they are compared.
    """
    parts = [
        part
        for cell in _split_cells(vectors, rows)
        for part in _pair_in_cell(vectors, cell, least, params)
    ]
    if not parts:
        none = np.zeros(0, np.int64)
        return none, none, np.zeros(0, np.float32)
    a, b, cosine = (np.concatenate([part[k] for part in parts]) for k in range(3))
    _, once = np.unique(a * len(vectors.embeddings) + b, return_index=True)
    return a[once], b[once], cosine[once]


def _count_new(known: Known) -> Ints:
    """Return how many more images go if a kept one does, (N,) int64: itself, and what goes with it.

    Copies of ours among ours stay where they are compared with another source.
    """
    kept, rows = known.kept, np.arange(len(known.images))
    is_gone = (kept != rows) & known.images.are_reported(rows, kept)
    return np.bincount(kept[~is_gone & ~known.is_protected], minlength=len(rows))


def measure_centrality(vectors: Vectors) -> NDArray[np.float32]:
    """Return the cosine of each image to the mean of its prototype's images, (N,) float32."""
    points = vectors.embeddings
    prototype = np.zeros(len(points), np.int64) if vectors.prototype is None else vectors.prototype
    _, cell = np.unique(prototype, return_inverse=True)
    sums = np.zeros((int(cell.max(initial=0)) + 1, points.shape[1]), np.float32)
    np.add.at(sums, cell, points)
    middles = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)
    return np.asarray(np.einsum("nd,nd->n", points, middles[cell]), np.float32)


def _split_cells(vectors: Vectors, rows: Ints) -> Iterator[Ints]:
    """Yield the rows of each prototype; all rows if there are no prototypes."""
    if vectors.prototype is None:
        yield rows
        return
    prototype = vectors.prototype[rows]
    order = np.argsort(prototype, kind="stable")
    for cell in np.split(rows[order], np.nonzero(np.diff(prototype[order]))[0] + 1):
        if len(cell) > 1:
            yield cell


def _pair_in_cell(
    vectors: Vectors, cell: Ints, least: float, params: SemanticParams
) -> Iterator[tuple[Ints, Ints, NDArray[np.float32]]]:
    """Yield pairs of one cell that are alike, the nearest of each image, some of them twice."""
    points = vectors.embeddings[cell]
    if len(cell) > params.n_dense:
        for a, b, cosine in pairs_above(points, least):
            kept = _are_nearest(a, b, cosine, params.n_neighbors)
            yield cell[a[kept]], cell[b[kept]], cosine[kept]
        return
    for start in range(0, len(cell), params.n_tile):
        cosine, other = _find_nearest(points, start, least, params)
        near = cosine >= least
        query, slot = np.nonzero(near)
        a, b = cell[start + query], cell[other[query, slot]]
        yield np.minimum(a, b), np.maximum(a, b), cosine[near]


def _are_nearest(
    a: Ints, b: Ints, cosine: NDArray[np.float32], n_neighbors: int
) -> NDArray[np.bool_]:
    """Return which pairs are among the nearest of either image, (P,) bool."""
    kept = np.zeros(len(a), np.bool_)
    for side in (a, b):
        order = np.lexsort((-cosine, side))
        ranked = side[order]
        first = np.searchsorted(ranked, ranked)
        kept[order[np.arange(len(order)) - first < n_neighbors]] = True
    return kept


def _find_nearest(
    points: NDArray[np.float32], start: int, least: float, params: SemanticParams
) -> tuple[NDArray[np.float32], Ints]:
    """Return cosine and slot of the nearest others of some rows of a cell, tile by tile."""
    queries = points[start : start + params.n_tile]
    cosine = np.full((len(queries), 0), least, np.float32)
    slot = np.zeros((len(queries), 0), np.int64)
    for left in range(0, len(points), params.n_tile):
        tile = queries @ points[left : left + params.n_tile].T
        itself = np.arange(len(queries)) + start - left
        is_inside = (itself >= 0) & (itself < tile.shape[1])
        tile[np.nonzero(is_inside)[0], itself[is_inside]] = -1
        cosine = np.concatenate([cosine, tile], axis=1)
        names = np.broadcast_to(np.arange(left, left + tile.shape[1]), tile.shape)
        slot = np.concatenate([slot, names], axis=1)
        n_kept = min(params.n_neighbors, cosine.shape[1])
        top = np.argsort(-cosine, axis=1, kind="stable")[:, :n_kept]
        cosine, slot = np.take_along_axis(cosine, top, 1), np.take_along_axis(slot, top, 1)
    return cosine, slot
