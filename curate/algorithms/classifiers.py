"""Two plain classifiers on frozen features, to measure them. Pure: arrays in, arrays out."""

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
Classes = NDArray[np.int64]

TEMPERATURE = 0.07
_PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)
_INNER_SHARE = 0.2
_STEPS = 100


def stratified_split(classes: Classes, held_out: float, *, seed: int) -> NDArray[np.bool_]:
    """Return which rows are held out: the same share of every class, at least one where two exist.

    Args:
        classes: (N,) int64.
        held_out: Share, in (0, 1).
        seed: Of the choice.
    """
    rng = np.random.default_rng(seed)
    is_held = np.zeros(len(classes), bool)
    for value in np.unique(classes):
        own = np.flatnonzero(classes == value)
        n_held = min(max(1, round(held_out * len(own))), len(own) - 1)
        is_held[rng.permutation(own)[:n_held]] = True
    return is_held


def vote(similarity: Vectors, neighbor_classes: Classes, n_classes: int) -> Classes:
    """Return the class for which the neighbours speak, each with weight exp(cosine / 0.07).

    The weighted k-NN of Wu et al. 2018 (arXiv:1805.01978, section 3.4).

    Args:
        similarity: (N, k) float32, cosine.
        neighbor_classes: (N, k) int64.
        n_classes: C.

    Returns:
        (N,) int64; ties go to the lower class.
    """
    weights = vote_weights(similarity)
    votes = np.zeros((len(similarity), n_classes))
    rows = np.repeat(np.arange(len(similarity)), similarity.shape[1])
    np.add.at(votes, (rows, neighbor_classes.ravel()), weights.ravel())
    return np.asarray(votes.argmax(axis=1), np.int64)


def vote_weights(similarity: Vectors) -> Vectors:
    """Return the weight of each neighbour's vote, (N, k), rows sum to 1."""
    weights = np.exp((similarity - similarity.max(axis=1, keepdims=True)) / TEMPERATURE)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), np.float32)


def suspicion(similarity: Vectors, neighbor_classes: Classes, classes: Classes) -> Vectors:
    """Return the share of the neighbours' votes that go to other classes than an image's own.

    Args:
        similarity: (N, k) float32, cosine, k >= 1.
        neighbor_classes: (N, k) int64.
        classes: (N,) int64.

    Returns:
        (N,) float32 in [0, 1]; 1 where no neighbour has the image's class.
    """
    is_other = neighbor_classes != classes[:, None]
    return np.asarray((vote_weights(similarity) * is_other).sum(axis=1), np.float32)


def linear_classes(train: Vectors, train_classes: Classes, test: Vectors, *, seed: int) -> Classes:
    """Return the classes (M,) that a linear classifier gives the test rows.

    Multinomial logistic regression on centred features of unit mean variance, fitted by L-BFGS; the
    L2 penalty is the best of six on a fifth of the training rows. (To give each dimension unit
    variance would blow up the noise of those that hardly vary.)

    Args:
        train: (N, D) float32.
        train_classes: (N,) int64, in [0, C).
        test: (M, D) float32.
        seed: Of the inner split.
    """
    mean = train.mean(axis=0)
    spread = np.float32(np.sqrt(train.var(axis=0).mean()) + 1e-6)
    train, test = (train - mean) / spread, (test - mean) / spread
    is_inner = stratified_split(train_classes, _INNER_SHARE, seed=seed)
    inner = [
        (_fitted(train[~is_inner], train_classes[~is_inner], train[is_inner], penalty), penalty)
        for penalty in _PENALTIES
    ]
    hits = [float((found == train_classes[is_inner]).mean()) for found, _ in inner]
    return _fitted(train, train_classes, test, inner[int(np.argmax(hits))][1])


def _fitted(train: Vectors, classes: Classes, test: Vectors, penalty: float) -> Classes:
    import torch
    from torch.nn import functional

    inputs, targets = torch.from_numpy(train), torch.from_numpy(classes)
    weight = torch.zeros(int(classes.max()) + 1, train.shape[1] + 1, requires_grad=True)
    optimizer = torch.optim.LBFGS([weight], max_iter=_STEPS, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        logits = inputs @ weight[:, :-1].t() + weight[:, -1]
        value = functional.cross_entropy(logits, targets) + penalty * weight[:, :-1].square().sum()
        value.backward()
        return value

    optimizer.step(loss)
    with torch.no_grad():
        logits = torch.from_numpy(test) @ weight[:, :-1].t() + weight[:, -1]
    return np.asarray(logits.argmax(dim=1).numpy(), np.int64)
