"""How foreign an image is to its folder. Pure: arrays in, arrays out.

Nearness in the model's features alone does not do: the network learned from the foreign images
too, and twenty line drawings in a folder of photographs lie close to each other. So what an image
plainly is (light, colour, detail, size) counts too, and the neighbours asked for are more than any
small party of foreigners has.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_CAP = 4.0
_LEAST_SPREAD = 1e-3
_ROWS = 4096
_ROUNDING = 1e-5


def strangeness(features: Floats, facts: Floats, *, seed: int = 0) -> Floats:
    """Return how far each image is from a tenth of the folder, its nearest: 0 alike, 1 not at all.

    Mean distance to the nearest tenth (Ramaswamy et al. 2000, with the mean of all k) of some
    images drawn at random, so that the work grows with the images only. The distance is that of
    vectors in which features and facts weigh alike, halved and cut off at 1.

    Args:
        features: (N, D) float32, unit rows.
        facts: (N, F) float32, plain measures, each on a scale on which differences mean the same.
        seed: Of the draw; it matters where there are more than 4,096 images.

    Returns:
        (N,) float32 in [0, 1].
    """
    vectors = np.concatenate([features / 2, _standardised(facts) / facts.shape[1] ** 0.5], axis=1)
    n_images = len(vectors)
    drawn = np.random.default_rng(seed).permutation(n_images)[:_ROWS]
    some = vectors[np.sort(drawn)]
    k = max(1, len(some) // 10)
    squares = (some**2).sum(axis=1)
    distance = np.empty(n_images, np.float32)
    for start in range(0, n_images, _ROWS):
        block = vectors[start : start + _ROWS]
        total = (block**2).sum(axis=1)[:, None] + squares
        squared = total - 2 * block @ some.T
        squared[squared < _ROUNDING * total] = 0  # equal rows: the root would blow the error up
        nearest = np.partition(squared, min(k, len(some) - 1), axis=1)[:, : k + 1]
        distance[start : start + _ROWS] = np.sqrt(nearest).sum(axis=1) / k
    return np.asarray(np.minimum(distance / 2, 1), np.float32)


def _standardised(facts: Floats) -> Floats:
    """Return facts less their medians, over the spread of the middle four fifths, within +-4."""
    low, middle, high = np.quantile(facts, (0.1, 0.5, 0.9), axis=0)
    spread = np.maximum(high - low, _LEAST_SPREAD)
    return np.asarray(np.clip((facts - middle) / spread, -_CAP, _CAP), np.float32)
