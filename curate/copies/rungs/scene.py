"""The rung ``scene``: the same scene, template, burst or camera, with other content.

What the rung ``near`` has aligned and then refused: the frame agrees, what fills it does not. Such
images are dropped only where that is asked for; each is then of the scene of the very image that
stays. Which images show one scene is told at every level from ``near`` on.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from curate.algorithms.graph import connected_components
from curate.choices import Level
from curate.copies.grouping import choose_dropped
from curate.copies.pair_tables import take_pairs
from curate.copies.records import Pairs, QueryImage
from curate.copies.rungs.base import Grouping, Known, RungQuery, Searched

Ints = NDArray[np.int64]


class SameScene:
    """Calls images alike if their frame agrees, whatever fills it."""

    level = Level.SCENE

    def group(self, known: Known) -> Grouping:
        """Return the images that belong to a kept one as they show its scene."""
        n, scenes = len(known.images), known.scenes
        kept, rank = known.kept, known.rank
        a, b = kept[scenes.a], kept[scenes.b]
        may_drop = ~known.is_protected[np.where(rank[a] < rank[b], b, a)] & (a != b)
        a, b, likely = a[may_drop], b[may_drop], scenes.similarity[may_drop]
        target, similarity = np.arange(n), np.ones(n)
        for other, (keeper, probability) in choose_dropped(a, b, likely, rank).items():
            target[other], similarity[other] = keeper, probability
        return Grouping(
            level=self.level,
            label=target[kept],
            similarity=similarity[kept],
            pairs=take_pairs(scenes, np.argsort(scenes.a, kind="stable")),
        )

    def open_query(self, searched: Searched) -> RungQuery:
        """Return what finds nothing: a search for copies tells copies only."""
        return _NoScene()


class _NoScene:
    threshold = 1.0

    def find_copies(self, queries: Sequence[QueryImage], known: Pairs) -> Pairs:
        """Return no pair."""
        return Pairs.none()


def join_scenes(label: Ints, scenes: Pairs) -> Ints:
    """Return the scene of each image, (N,) int64: the same for copies and for pairs of one scene.

    Args:
        label: (N,) int64, the same for copies of each other.
        scenes: Pairs of one scene.
    """
    rows = np.arange(len(label))
    a, b = np.concatenate([rows, scenes.a]), np.concatenate([label, scenes.b])
    return connected_components(len(label), a, b)
