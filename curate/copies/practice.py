"""Practice: copies made of the user's own images, and how their evidence looks."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from curate.copies.alter import made_copy
from curate.copies.features import Features, working_copy
from curate.copies.verify import Findings, Verifier
from curate.threads import ordered_map

Pixels = NDArray[np.uint8]

_CACHED_SIDE = 256  # px, short side of cached images: made copies get no better


def findings_on_made_copies(originals: Sequence[Pixels], *, seed: int) -> Findings:
    """Return the findings on one made copy of each image, laid over its original.

    Copies that would never be candidates, as too few points agree, are left out.

    Args:
        originals: (h, w, 3) uint8 each, from the cache; at least one.
        seed: Seed of the alterations.
    """
    n = len(originals)

    def altered(number: int) -> Pixels:
        rng = np.random.default_rng([seed, number])
        other = originals[(number + 1 + int(rng.integers(0, max(1, n - 1)))) % n]
        return _as_cached(made_copy(originals[number], other, rng))

    images = [*originals, *ordered_map(altered, range(n))]
    features = Features.empty(2 * n, max_bytes=1 << 40)

    def fill(row: int) -> None:
        features.fill(row, working_copy(images[row]))

    for _ in ordered_map(fill, range(2 * n)):
        pass
    verifier = Verifier(features, lambda rows: [images[row] for row in rows])
    a = np.tile(np.arange(n, dtype=np.int64), 2)
    return verifier.by_points(a, a + n, np.repeat([False, True], n))


def _as_cached(pixels: Pixels) -> Pixels:
    factor = _CACHED_SIDE / min(pixels.shape[:2])
    if factor >= 1:
        return pixels
    size = (max(1, round(pixels.shape[1] * factor)), max(1, round(pixels.shape[0] * factor)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
