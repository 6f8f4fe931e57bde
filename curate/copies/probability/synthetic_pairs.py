"""Practice: copies made of the user's own images, and how their evidence looks."""

from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from curate.copies.cache.arrays import read_arrays, write_arrays
from curate.copies.cache.evidence_store import Memory
from curate.copies.probability.augment import made_copy
from curate.copies.probability.classifier import BUILT_IN
from curate.copies.verification.evidence import NAMES
from curate.copies.verification.keypoints import Features, working_copy
from curate.copies.verification.verifier import (
    BY_MIRRORED_POINTS,
    BY_POINTS,
    Verifier,
    best_per_pair,
)
from curate.parallel import ordered_map

Pixels = NDArray[np.uint8]
Marks = NDArray[np.uint64]

_CACHED_SIDE = 256  # px, short side of cached images: made copies get no better


def practised(
    memory: Memory, marks: Marks, read: Callable[[Sequence[int]], list[Pixels]], *, seed: int
) -> NDArray[np.float32]:
    """Return the evidence on one made copy of each image, (n, 20); what was made before is known.

    Copies that would never be candidates, as too few points agree, are left out.

    Args:
        memory: Where evidence is kept.
        marks: (n,) uint64, from the content hashes; an alteration may borrow from the next image.
        read: Gives the cached pixels of some of the n images.
        seed: Seed of the alterations.
    """
    path = memory.folder / "practice.npz"
    n = len(marks)
    pairs = np.stack([marks, np.roll(marks, -1), np.full(n, seed, np.uint64)], axis=1)
    evidence = np.full((n, len(NAMES)), np.nan, np.float32)
    is_known = np.zeros(n, np.bool_)
    table = read_arrays(path)
    if table is not None:
        known = {tuple(pair): row for row, pair in enumerate(table["pairs"].tolist())}
        places = np.array([known.get(tuple(pair), -1) for pair in pairs.tolist()])
        is_known = places >= 0
        evidence[is_known] = table["evidence"][places[is_known]]
    if not is_known.all():
        missing = np.nonzero(~is_known)[0]
        others = read(((missing + 1) % n).tolist())
        evidence[missing] = evidence_on_made_copies(
            read(missing.tolist()), others, seeds=pairs[missing][:, [2, 0]]
        )
        write_arrays(path, pairs=pairs, evidence=evidence)
    return evidence[np.isfinite(evidence).all(axis=1)]


def evidence_on_made_copies(
    originals: Sequence[Pixels], others: Sequence[Pixels], *, seeds: Marks
) -> NDArray[np.float32]:
    """Return the evidence on one made copy of each image, laid over its original.

    Args:
        originals: n images (h, w, 3) uint8, from the cache.
        others: n images that the alterations may borrow from.
        seeds: (n, k) uint64, seeds of the alterations.

    Returns:
        (n, 20) float32, NaN where too few points agree for a candidate.
    """
    n = len(originals)

    def altered(number: int) -> Pixels:
        rng = np.random.default_rng(seeds[number].tolist())
        return _as_cached(made_copy(originals[number], others[number], rng))

    images = [*originals, *ordered_map(altered, range(n))]
    features = Features.of(list(ordered_map(working_copy, images)))
    verifier = Verifier(features, lambda rows: [images[row] for row in rows])
    a = np.tile(np.arange(n, dtype=np.int64), 2)
    way = np.repeat([BY_POINTS, BY_MIRRORED_POINTS], n)
    best, _ = best_per_pair(verifier.examined(a, a + n, way).measured(), BUILT_IN)
    evidence = np.full((n, len(NAMES)), np.nan, np.float32)
    evidence[best.a] = best.evidence
    return evidence


def _as_cached(pixels: Pixels) -> Pixels:
    factor = _CACHED_SIDE / min(pixels.shape[:2])
    if factor >= 1:
        return pixels
    size = (max(1, round(pixels.shape[1] * factor)), max(1, round(pixels.shape[0] * factor)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
