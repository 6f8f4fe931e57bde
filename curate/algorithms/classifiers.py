"""Two plain classifiers on frozen features, to measure them. Pure: arrays in, arrays out."""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
Classes = NDArray[np.int64]

VOTE_TEMPERATURE = 0.07
"""Of the votes' softmax; the value of Wu et al. 2018, not tuned here."""

SUSPECT_FROM = 0.5
"""Share of the neighbours' votes for other labels; from here on most disagree."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LinearProbeParams:
    """How the linear classifier is fitted; `curate probe` on labelled images measures it.

    Attributes:
        penalties: Tried weights of the squared coefficients beside the mean loss. On the demo's 427
            photographs the best of five seeds was 0.01 four times and 0.001 once, well inside.
        inner_share: Share of the training rows that the penalty is chosen on.
        max_steps: Of L-BFGS. Only the weakest and the strongest penalties need more, which are
            not those chosen.
        least_scale: Keeps the division by the scale of constant features finite.
    """

    penalties: tuple[float, ...] = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)
    inner_share: float = 0.2
    max_steps: int = 100
    least_scale: float = 1e-6


_LINEAR = LinearProbeParams()


def stratified_split(
    classes: Classes, held_out: float, *, seed: int, unit_of: Classes | None = None
) -> NDArray[np.bool_]:
    """Return which rows are held out: the same share of every class, at least one where two exist.

    Args:
        classes: (N,) int64.
        held_out: Share, in (0, 1).
        seed: Of the choice.
        unit_of: (N,) int64 unit of each row, in [0, U), whose rows are not divided; such a unit
            counts in the class of its first row. None for units of one row.
    """
    if unit_of is None:
        unit_of = np.arange(len(classes))
    sizes = np.bincount(unit_of)
    _, first = np.unique(unit_of, return_index=True)
    class_of_unit = classes[first]
    rng = np.random.default_rng(seed)
    is_held_out = np.zeros(len(first), bool)
    for value in np.unique(class_of_unit):
        units = rng.permutation(np.flatnonzero(class_of_unit == value))
        n_rows = np.cumsum(sizes[units])
        n_wanted = round(held_out * int(n_rows[-1]))
        n_held_out = int(np.searchsorted(n_rows, n_wanted, side="right"))
        is_held_out[units[: min(max(1, n_held_out), len(units) - 1)]] = True
    return is_held_out[unit_of]


def weighted_knn_vote(similarity: Vectors, neighbor_classes: Classes, n_classes: int) -> Classes:
    """Return the class with most of the neighbours' votes, each of weight exp(cosine / 0.07).

    The weighted k-NN of Wu et al. 2018 (arXiv:1805.01978, section 3.4).

    Args:
        similarity: (N, k) float32, cosine.
        neighbor_classes: (N, k) int64.
        n_classes: C.

    Returns:
        (N,) int64; ties go to the lower class.
    """
    weights = _vote_weights(similarity)
    votes = np.zeros((len(similarity), n_classes))
    rows = np.repeat(np.arange(len(similarity)), similarity.shape[1])
    np.add.at(votes, (rows, neighbor_classes.ravel()), weights.ravel())
    return np.asarray(votes.argmax(axis=1), np.int64)


def label_suspicion(similarity: Vectors, neighbor_classes: Classes, classes: Classes) -> Vectors:
    """Return the share of the neighbours' votes that go to other classes than an image's own.

    Args:
        similarity: (N, k) float32, cosine, k >= 1.
        neighbor_classes: (N, k) int64.
        classes: (N,) int64.

    Returns:
        (N,) float32 in [0, 1]; 1 where no neighbour has the image's class.
    """
    is_other = neighbor_classes != classes[:, None]
    against = (_vote_weights(similarity) * is_other).sum(axis=1)
    return np.asarray(np.minimum(against, 1), np.float32)  # weights sum to 1 but for rounding


def classes_of_neighbors(
    neighbors: NDArray[np.int64], contents: NDArray[np.int64], classes: Classes
) -> Classes:
    """Return the classes of each image's neighbours, which are contents that images may share.

    Args:
        neighbors: (M, k) int64, contents nearest to each content.
        contents: (N,) int64, content of each image.
        classes: (N,) int64; a content has the class of its first image.

    Returns:
        (N, k) int64.
    """
    class_of_content = np.zeros(int(contents.max()) + 1, np.int64)
    class_of_content[contents[::-1]] = classes[::-1]
    return np.asarray(class_of_content[neighbors][contents], np.int64)


def predict_linear(
    train: Vectors,
    train_classes: Classes,
    test: Vectors,
    *,
    seed: int,
    params: LinearProbeParams = _LINEAR,
) -> Classes:
    """Return the classes (M,) that a linear classifier gives the test rows.

    Multinomial logistic regression on centred features of unit mean variance, fitted by L-BFGS; the
    L2 penalty is the one that does best on a part of the training rows. (To give each dimension
    unit variance would blow up the noise of those that hardly vary.)

    Args:
        train: (N, D) float32.
        train_classes: (N,) int64, two or more different ones.
        test: (M, D) float32, M >= 1.
        seed: Of the inner split.
        params: Penalties to choose from, and how to fit.

    Raises:
        ValueError: There are fewer than two classes, or no test rows.
    """
    mean = train.mean(axis=0)
    scale = np.float32(np.sqrt(train.var(axis=0).mean()) + params.least_scale)
    train, test = (train - mean) / scale, (test - mean) / scale
    penalty = _choose_penalty(train, train_classes, seed=seed, params=params)
    model = _fit(train, train_classes, penalty, params.max_steps)
    return np.asarray(model.predict(test), np.int64)


def _choose_penalty(
    train: Vectors, classes: Classes, *, seed: int, params: LinearProbeParams
) -> float:
    """Return the penalty that does best on a part of the rows, the weakest where several do."""
    is_inner = stratified_split(classes, params.inner_share, seed=seed)
    if not is_inner.any():
        return params.penalties[0]
    models = [
        _fit(train[~is_inner], classes[~is_inner], penalty, params.max_steps)
        for penalty in params.penalties
    ]
    accuracies = [model.score(train[is_inner], classes[is_inner]) for model in models]
    return params.penalties[int(np.argmax(accuracies))]


def _fit(train: Vectors, classes: Classes, penalty: float, max_steps: int) -> Any:  # noqa: ANN401
    """Return logistic regression fitted at one penalty.

    The loss is the mean cross-entropy plus ``penalty`` times the squared coefficients of all
    classes. scikit-learn minimises ``C`` times the sum of the cross-entropy plus half the squared
    coefficients, so ``C = 1 / (2 * penalty * N)``. For two classes it has one row of coefficients,
    the difference of our two, so the squares are half as much: ``C = 1 / (penalty * N)``.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    factor = 1 if len(np.unique(classes)) == 2 else 2
    model = LogisticRegression(C=1 / (factor * penalty * len(train)), max_iter=max_steps)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # see max_steps
        return model.fit(train, classes)


def _vote_weights(similarity: Vectors) -> Vectors:
    """Return the weight of each neighbour's vote, (N, k), rows sum to 1."""
    logits = (similarity - similarity.max(axis=1, keepdims=True)) / VOTE_TEMPERATURE
    weights = np.exp(logits)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), np.float32)
