"""The rung ``scene``: the same scene, template, burst or camera, with other content.

What the rung ``near`` has aligned and then refused: the frame agrees, what fills it does not. Such
images are dropped only where that is asked for; each is then of the scene of the very image that
stays, so of a scene that is a chain, such as a pan, several stay. Which images show one scene is
told at every level from ``near`` on.
"""

from collections import Counter
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
        if known.config.per_scene > 1:
            scene = join_scenes(known.label, scenes)
            for row in _find_most_different(
                dropped, scenes, kept, rank, scene, per_scene=known.config.per_scene
            ):
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
    dropped: Mapping[int, tuple[int, float]],
    scenes: Pairs,
    kept: Ints,
    rank: Ints,
    scene: Ints,
    *,
    per_scene: int,
) -> list[int]:
    """Return those of the images to drop that stay, so that enough of each scene do.

    Beside those of a scene that stay in any case, as the others match one of them, stays the one
    least alike to these, then the one least alike to all that stay, and so on. Two that were not
    paired are least alike.

    Args:
        dropped: For each image the one that stays, and how alike they are.
        scenes: Pairs of one scene.
        kept: The image that stands for each row of ``scenes``.
        rank: 0 for the image most worth keeping.
        scene: Of each image, from `join_scenes`.
        per_scene: How many images of each scene stay at least.
    """
    alike: dict[int, dict[int, float]] = {}
    a, b = kept[scenes.a].tolist(), kept[scenes.b].tolist()
    for one, other, likely in zip(a, b, scenes.similarity.tolist(), strict=True):
        alike.setdefault(one, {})[other] = alike.setdefault(other, {})[one] = likely
    n_stay = Counter(int(scene[row]) for row in alike if row not in dropped)
    members: dict[int, list[int]] = {}
    for row in dropped:
        members.setdefault(int(scene[row]), []).append(row)
    stays: list[int] = []
    for number, rest in members.items():
        nearest = {
            row: max(likely for other, likely in alike[row].items() if other not in dropped)
            for row in rest
        }
        for _ in range(min(per_scene - n_stay[number], len(rest))):
            chosen = min(nearest, key=lambda row: (nearest[row], int(rank[row])))
            del nearest[chosen]
            stays.append(chosen)
            for row, likely in alike[chosen].items():
                if row in nearest:
                    nearest[row] = max(nearest[row], likely)
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
