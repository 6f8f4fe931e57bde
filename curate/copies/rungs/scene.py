"""The rung ``scene``: the same scene, template, burst or camera, with other content.

What the rung ``near`` has aligned and then refused: the frame agrees, what fills it does not. Such
images are dropped only where that is asked for; each is then of the scene of the very image that
stays. Which images show one scene is told at every level from ``near`` on.
"""

from collections.abc import Mapping, Sequence

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
        dropped = choose_dropped(a, b, likely, rank)
        for row in _find_most_different(dropped, scenes, kept, rank, known.config.per_scene):
            del dropped[row]
        target, similarity = np.arange(n), np.ones(n)
        for other, (keeper, probability) in dropped.items():
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


def _find_most_different(
    dropped: Mapping[int, tuple[int, float]], scenes: Pairs, kept: Ints, rank: Ints, per_scene: int
) -> list[int]:
    """Return those of the images to drop that stay, so that some of each scene do.

    Beside the best image of a scene stays the one least alike to it, then the one least alike to
    both, and so on. Two that were not paired are least alike.

    Args:
        dropped: For each image the one that stays, and how alike they are.
        scenes: Pairs of one scene.
        kept: The image that stands for each row of ``scenes``.
        rank: 0 for the image most worth keeping.
        per_scene: How many images of each scene stay.
    """
    if per_scene == 1:
        return []
    alike: dict[tuple[int, int], float] = {}
    for one, other, likely in zip(
        kept[scenes.a].tolist(), kept[scenes.b].tolist(), scenes.similarity.tolist(), strict=True
    ):
        alike[one, other] = alike[other, one] = likely
    members: dict[int, list[int]] = {}
    for row, (keeper, _) in dropped.items():
        members.setdefault(keeper, []).append(row)
    stays: list[int] = []
    for keeper, rest in members.items():
        nearest = {row: alike.get((row, keeper), 0.0) for row in rest}
        for _ in range(min(per_scene - 1, len(rest))):
            chosen = min(nearest, key=lambda row: (nearest[row], int(rank[row])))
            del nearest[chosen]
            stays.append(chosen)
            for row in nearest:
                nearest[row] = max(nearest[row], alike.get((row, chosen), 0.0))
    return stays


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
