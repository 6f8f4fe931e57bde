"""Groups at any grain, each a union of finer ones. Pure: arrays in, arrays out.

The model's prototypes are merged bottom-up, then the images are moved to the group they fit best,
from the coarsest level down and within the group of the coarser level. N images, G groups.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curate.algorithms.ward import merge

Vectors = NDArray[np.float32]
Groups = NDArray[np.int32]

_CELLS = 1 << 24
_STEPS = 3
_ROUNDS = 15
_STILL = 1e-3  # share of images that may still move when the rounds end


@dataclass(frozen=True, slots=True)
class Grain:
    """The groups of one level.

    Attributes:
        group: (N,) int32, group of each image.
        means: (G, D) float32, unit rows, what the images were compared with; zero for a group that
            never had an image.
        parents: (G,) int32, the group of the next coarser level that each one is a part of.
    """

    group: Groups
    means: Vectors
    parents: Groups


def smoothed(vectors: Vectors, neighbors: NDArray[np.int64]) -> Vectors:
    """Return each vector plus the mean of its neighbours, at length 1, three times over.

    Steps of a walk on the neighbour graph: noise of single images averages out, groups draw
    together. On CIFAR-10 and on clothes a step is worth 2 to 5 % of the agreement with labels, and
    the two further ones as much again.

    Args:
        vectors: (N, D) float32, unit rows.
        neighbors: (N, k) int64, rows of the neighbours; -1 for none.
    """
    if neighbors.shape[1] == 0:
        return vectors
    for _ in range(_STEPS):
        vectors = _step(vectors, neighbors)
    return vectors


def _step(vectors: Vectors, neighbors: NDArray[np.int64]) -> Vectors:
    """Return each vector plus the mean of its neighbours, at length 1."""
    out = np.empty_like(vectors)
    step = max(1, _CELLS // (neighbors.shape[1] * vectors.shape[1]))
    for start in range(0, len(vectors), step):
        rows = np.arange(start, min(start + step, len(vectors)))
        near = np.where(neighbors[rows] < 0, rows[:, None], neighbors[rows])
        out[rows] = unit_rows(vectors[rows] + vectors[near].mean(axis=1))
    return out


def nested_groups(
    vectors: Vectors, start: Groups, n_start: int, numbers: Iterable[int]
) -> dict[int, Grain]:
    """Return groups of every number asked for; those of a coarser level are unions of a finer's.

    Spherical k-means (Dhillon and Modha 2001) begun at the start's groups. Then from the coarsest
    level down: the groups, cut where a coarser level divides them, are merged by Ward's criterion
    within it, and images move to the group they fit best, within it too.
    The work of a round grows with the images times the groups.

    Args:
        vectors: (N, D) float32, unit rows.
        start: (N,) int32, groups to begin with, in [0, n_start).
        n_start: Groups to begin with, empty ones included.
        numbers: Groups of each level, 1 to ``n_start``.
    """
    fine, means = _settled(vectors, _spread_out(vectors, start, n_start), n_start)
    own = np.zeros(len(vectors), np.int32)
    grains = {}
    for number in sorted(set(numbers)):
        pieces, piece = np.unique(own.astype(np.int64) * n_start + fine, return_inverse=True)
        coarser = (pieces // n_start).astype(np.int32)
        merged = merge(
            means[pieces % n_start], np.bincount(piece), min(number, len(pieces)), within=coarser
        )
        parents = np.zeros(number, np.int32)
        parents[merged] = coarser
        own, level_means = _settled(vectors, merged[piece], number, (own, parents))
        grains[number] = Grain(own, level_means, parents)
    return grains


def fit(
    vectors: Vectors, means: Vectors, group: Groups
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return each image's cosine to its group's mean, and what it leads the best other one by.

    Args:
        vectors: (N, D) float32, unit rows.
        means: (G, D) float32, unit rows; zero for a group that is not there.
        group: (N,) int32.
    """
    similarity = np.empty(len(vectors), np.float32)
    margin = np.empty(len(vectors), np.float32)
    for block in _blocks(len(vectors), len(means)):
        scores = vectors[block] @ means.T
        own = group[block][:, None]
        similarity[block] = np.take_along_axis(scores, own, axis=1)[:, 0]
        np.put_along_axis(scores, own, -1.0, axis=1)
        margin[block] = similarity[block] - scores.max(axis=1)
    return similarity, margin


def unit_rows(rows: Vectors) -> Vectors:
    """Return rows at length 1; rows of zeros stay so."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(lengths > 0, lengths, 1), np.float32)


def _settled(
    vectors: Vectors,
    group: Groups,
    n_groups: int,
    within: tuple[Groups, Groups] | None = None,
) -> tuple[Groups, Vectors]:
    """Run k-means from some groups, until few images move.

    Args:
        vectors: (N, D) float32, unit rows.
        group: (N,) int32, to begin with.
        n_groups: G.
        within: The coarser group of each image (N,), and of each group (G,); an image only goes
            to groups of its own.

    Returns:
        The group of each image, and the means (G, D) that it was chosen by.
    """
    means = np.zeros((n_groups, vectors.shape[1]), np.float32)
    for _ in range(_ROUNDS):
        found = _means(vectors, group, n_groups)
        means = np.where(found.any(axis=1, keepdims=True), found, means)
        before, group = group, _nearest(vectors, means, within)
        if (before != group).mean() <= _STILL:
            break
    return group, means


def _means(vectors: Vectors, group: Groups, n_groups: int) -> Vectors:
    """Return the unit mean (G, D) of each group; zero for an empty one."""
    sums = np.zeros((n_groups, vectors.shape[1]), np.float32)
    step = max(1, _CELLS // vectors.shape[1])
    for start in range(0, len(vectors), step):
        block = group[start : start + step]
        order = np.argsort(block, kind="stable")
        names, first = np.unique(block[order], return_index=True)
        sums[names] += np.add.reduceat(vectors[start : start + step][order], first, axis=0)
    return unit_rows(sums)


def _nearest(vectors: Vectors, means: Vectors, within: tuple[Groups, Groups] | None) -> Groups:
    group = np.empty(len(vectors), np.int32)
    is_missing = ~means.any(axis=1)
    for block in _blocks(len(vectors), len(means)):
        scores = vectors[block] @ means.T
        scores[:, is_missing] = -np.inf
        if within is not None:
            owner, parents = within
            scores[owner[block][:, None] != parents] = -np.inf
        group[block] = scores.argmax(axis=1)
    return group


def _spread_out(vectors: Vectors, group: Groups, n_groups: int) -> Groups:
    """Return groups of which none is empty, as far as there are images: large ones are halved.

    An empty group takes the half that fits a large one worst; the rounds that follow mend the cut.
    """
    group = group.copy()
    sizes = np.bincount(group, minlength=n_groups)
    for empty in np.flatnonzero(sizes == 0):
        members = np.flatnonzero(group == sizes.argmax())
        fitness = vectors[members] @ vectors[members].mean(axis=0)
        worst = members[np.argsort(fitness, kind="stable")[: len(members) // 2]]
        sizes[group[members[0]]] -= len(worst)
        sizes[empty] = len(worst)
        group[worst] = empty
    return group


def _blocks(n_rows: int, n_columns: int) -> Iterable[slice]:
    """Yield slices of rows, so small that a table of them has no more than 16 million cells."""
    step = max(1, _CELLS // n_columns)
    return (slice(start, start + step) for start in range(0, n_rows, step))
