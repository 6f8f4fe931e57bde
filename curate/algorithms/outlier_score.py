"""How foreign an image is to its folder. Pure: arrays in, arrays out.

Nearness in the model's features alone does not do: the network learned from the foreign images
too, and twenty line drawings in a folder of photographs lie close to each other. So what an image
plainly is (light, colour, detail, size) counts too, and the number of neighbours is larger than any
small set of foreign images.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

MEASURES = ("sharpness", "brightness", "contrast", "entropy", "shade", "light", "chroma", "detail")
SIZES = ("width", "height", "bytes")


@dataclass(frozen=True, kw_only=True, slots=True)
class OutlierParams:
    """How foreign images are ranked; `tests/benchmarks/outlier_quality.py` measures it.

    Attributes:
        neighbor_divisor: An image is compared with one in so many, its nearest. More neighbours
            find larger sets of foreign images, fewer spare the folder's rarer kinds.
        sample_rows: Images to compare with; more are slower and more exact.
        low_quantile: Of a measure, where its scale begins; the rest may be foreign.
        high_quantile: Where it ends.
        least_scale: Keeps measures that hardly vary from being blown up.
        max_deviation: Bound of a scaled measure, lest a single one decides.
        detail_offset: Keeps the logarithm of images without detail finite.
        rounding: Squared distances below so much of the lengths count as 0.
    """

    neighbor_divisor: int = 10
    sample_rows: int = 4096
    low_quantile: float = 0.1
    high_quantile: float = 0.9
    least_scale: float = 1e-3
    max_deviation: float = 4.0
    detail_offset: float = 0.05
    rounding: float = 1e-5


PARAMS = OutlierParams()


def outlier_score(features: Floats, measures: Floats, *, seed: int = 0) -> Floats:
    """Return how far each image is from a tenth of the folder, its nearest: 0 alike, 1 not at all.

    Mean distance to the nearest tenth (Ramaswamy et al. 2000, with the mean of all k) of some
    images drawn at random, so that the work grows with the images only. The distance is that of
    vectors in which features and measures weigh alike, halved and cut off at 1.

    Args:
        features: (N, D) float32, unit rows.
        measures: (N, F) float32, plain measures, each on a scale on which differences mean the
            same, as `scale_measures` returns.
        seed: Of the draw; it matters where there are more than 4,096 images.

    Returns:
        (N,) float32 in [0, 1].
    """
    deviations = _standardize(measures) / measures.shape[1] ** 0.5
    vectors = np.concatenate([features / 2, deviations], axis=1)
    n_images = len(vectors)
    drawn = np.random.default_rng(seed).permutation(n_images)[: PARAMS.sample_rows]
    sample = vectors[np.sort(drawn)]
    k = max(1, len(sample) // PARAMS.neighbor_divisor)
    squares = (sample**2).sum(axis=1)
    distance = np.empty(n_images, np.float32)
    for start in range(0, n_images, PARAMS.sample_rows):
        block = vectors[start : start + PARAMS.sample_rows]
        total = (block**2).sum(axis=1)[:, None] + squares
        squared = total - 2 * block @ sample.T
        squared[squared < PARAMS.rounding * total] = 0  # the root would magnify the error
        nearest = np.partition(squared, min(k, len(sample) - 1), axis=1)[:, : k + 1]
        distance[start : start + PARAMS.sample_rows] = np.sqrt(nearest).sum(axis=1) / k
    return np.asarray(np.minimum(distance / 2, 1), np.float32)


def scale_measures(columns: Mapping[str, NDArray[np.generic]]) -> Floats:
    """Return plain measures of images (N, 11), on scales on which differences mean the same.

    Args:
        columns: (N,) numbers under each name of ``MEASURES`` and ``SIZES``, as `curate.images`
            measures them.
    """
    measured = {name: np.asarray(columns[name], np.float32) for name in MEASURES}
    width, height, size = (np.maximum(np.asarray(columns[name], np.float32), 1) for name in SIZES)
    scaled = measured | {
        "sharpness": np.log1p(measured["sharpness"]),
        "detail": np.log(measured["detail"] + PARAMS.detail_offset),
        "area": np.log(width * height),
        "aspect": np.log(width / height),
        "bytes a pixel": np.log(size / (width * height)),
    }
    return np.stack(list(scaled.values()), axis=1)


def _standardize(measures: Floats) -> Floats:
    """Return measures less their medians, over the range of the middle four fifths, within +-4."""
    quantiles = (PARAMS.low_quantile, 0.5, PARAMS.high_quantile)
    low, median, high = np.quantile(measures, quantiles, axis=0)
    scale = np.maximum(high - low, PARAMS.least_scale)
    bound = PARAMS.max_deviation
    return np.asarray(np.clip((measures - median) / scale, -bound, bound), np.float32)
