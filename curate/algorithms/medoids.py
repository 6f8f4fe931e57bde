"""The image that stands for its cluster best. Pure: arrays in, arrays out."""

import numpy as np
from numpy.typing import NDArray


def find_medoids(
    vectors: NDArray[np.float32], contents: NDArray[np.int64], cluster_of: NDArray[np.int32]
) -> NDArray[np.bool_]:
    """Return which images are the medoids of their clusters, one of each; ties go to the first.

    The sum of the cosines to all members is the product with their sum, so no pair is compared.

    Args:
        vectors: (M, D) float32, unit rows.
        contents: (N,) int64, vector of each image.
        cluster_of: (N,) int32, cluster of each image.
    """
    sums = np.zeros((int(cluster_of.max()) + 1, vectors.shape[1]), np.float32)
    np.add.at(sums, cluster_of, vectors[contents])
    closeness = np.einsum("nd,nd->n", vectors[contents], sums[cluster_of])
    order = np.lexsort((np.arange(len(contents)), -closeness, cluster_of))
    first = order[np.unique(cluster_of[order], return_index=True)[1]]
    is_medoid = np.zeros(len(contents), bool)
    is_medoid[first] = True
    return is_medoid
