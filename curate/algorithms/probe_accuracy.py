"""Which test images the two classifiers of a probe get right. Pure: arrays in, arrays out."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curate.algorithms.classifiers import predict_linear, weighted_knn_vote
from curate.algorithms.neighbors import search

Vectors = NDArray[np.float32]
Labels = NDArray[np.str_]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, slots=True)
class CorrectPredictions:
    """Which of M test images are given their own label.

    Attributes:
        majority: (M,) bool, by always naming the largest training class.
        knn: (M,) bool, by the weighted k-NN classifier.
        linear: (M,) bool, by the linear classifier.
    """

    majority: Flags
    knn: Flags
    linear: Flags


def evaluate_classifiers(
    train: tuple[Vectors, Labels],
    test: tuple[Vectors, Labels],
    *,
    n_neighbors: int,
    seed: int,
    device: str = "auto",
) -> CorrectPredictions:
    """Fit both classifiers on some images and compare their predictions with labels of others.

    Args:
        train: (N, D) float32 unit rows and (N,) labels, two or more different ones.
        test: (M, D) float32 unit rows and (M,) labels; one that training lacks is never right.
        n_neighbors: k of the k-NN classifier, >= 1; no more than N are used.
        seed: Of the split that chooses the linear classifier's penalty.
        device: Where neighbours are searched: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
    """
    vectors, labels = train
    queries, truth = test
    names, classes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    similarity, rows = search(vectors, queries, min(n_neighbors, len(vectors)), device=device)
    knn = weighted_knn_vote(similarity, classes[rows], len(names))
    linear = predict_linear(vectors, classes, queries, seed=seed)
    return CorrectPredictions(
        majority=truth == names[counts.argmax()],
        knn=names[knn] == truth,
        linear=names[linear] == truth,
    )
