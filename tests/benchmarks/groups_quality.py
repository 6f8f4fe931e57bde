"""What the groups, the samples and the outlier measure are worth, on a folder with labels.

    python tests/benchmarks/groups_quality.py IMAGES [--budget 5m] [--workspace DIR]

IMAGES has one folder a class. Trains (or takes the workspace's model), clusters and prints, each
row from the same features:

* NMI, ARI and purity of the groups against FAISS k-means with as many groups;
* AUROC of ``outlier`` and of a small ``cluster_margin`` for images whose neighbours disagree with
  their label, and of ``label_suspect`` for labels that were flipped;
* long tails: label entropy, tail classes present and accuracy of a linear classifier trained on a
  sample of a tenth, for a uniform draw, k-means strata and ``curate sample``, over five seeds.
"""

import argparse
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import faiss
import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score, roc_auc_score

import curate
from curate.balance import water_fill
from curate.classify import linear_classes, stratified_split, suspicion
from curate.embeddings import EmbeddingStore
from curate.features import find_model
from curate.neighbors import nearest
from curate.records import Labels
from curate.spread import farthest_first
from curate.workspace import find_workspace

SEEDS = range(5)
IMBALANCE = 100.0
Ints = NDArray[np.int64]
Vectors = NDArray[np.float32]


def k_means(vectors: Vectors, n_groups: int, seed: int) -> Ints:
    """Return FAISS's spherical k-means groups."""
    learner = faiss.Kmeans(
        vectors.shape[1], n_groups, niter=25, seed=seed, spherical=True, min_points_per_centroid=1
    )
    learner.train(vectors)
    return np.asarray(learner.index.search(vectors, 1)[1][:, 0], np.int64)


def purity(groups: Ints, classes: Ints) -> float:
    """Return the share of images that are of their group's largest class."""
    table = np.zeros((groups.max() + 1, classes.max() + 1))
    np.add.at(table, (groups, classes), 1)
    return float(table.max(axis=1).sum() / len(groups))


def agreement(groups: Ints, classes: Ints) -> str:
    """Return NMI, ARI and purity as cells."""
    nmi = normalized_mutual_info_score(classes, groups)
    return f"{nmi:.3f} | {adjusted_rand_score(classes, groups):.3f} | {purity(groups, classes):.3f}"


def spread_of(rows: list[tuple[float, ...]]) -> str:
    """Return mean and standard deviation of each column as cells."""
    values = np.array(rows)
    return " | ".join(
        f"{mean:.3f} ± {std:.3f}"
        for mean, std in zip(values.mean(axis=0), values.std(axis=0), strict=True)
    )


def group_rows(
    columns: dict[str, Ints], features: dict[str, Vectors], classes: Ints
) -> Iterator[str]:
    """Yield the table of groups."""
    yield "| groups | N | NMI | ARI | purity |"
    yield "| --- | --- | --- | --- | --- |"
    for name, groups in columns.items():
        n_groups = int(groups.max()) + 1
        yield f"| curate, {name} | {n_groups} | {agreement(groups, classes)} |"
        for kind, vectors in features.items():
            found = [
                tuple(
                    float(cell)
                    for cell in agreement(k_means(vectors, n_groups, s), classes).split(" | ")
                )
                for s in SEEDS
            ]
            yield f"| k-means on {kind} | {n_groups} | {spread_of(found)} |"


def signal_rows(
    table: dict[str, NDArray[np.float32]], vectors: Vectors, classes: Ints
) -> Iterator[str]:
    """Yield the table of warning signals."""
    near = nearest(vectors, 10)
    disagree = (classes[near.index] == classes[:, None]).mean(axis=1) < 0.5
    yield "| signal | predicts | AUROC |"
    yield "| --- | --- | --- |"
    for name, values in (("outlier", table["outlier"]), ("-cluster_margin", -table["margin"])):
        yield f"| {name} | neighbours of other labels | {roc_auc_score(disagree, values):.3f} |"
    rng = np.random.default_rng(0)
    flipped = rng.random(len(classes)) < 0.05
    n_classes = int(classes.max()) + 1
    noisy = np.where(
        flipped, (classes + rng.integers(1, n_classes, len(classes))) % n_classes, classes
    )
    doubt = suspicion(near.similarity, noisy[near.index], noisy)
    yield f"| label_suspect | labels flipped (5 %) | {roc_auc_score(flipped, doubt):.3f} |"


def long_tail(classes: Ints, rng: np.random.Generator) -> Ints:
    """Return rows of a folder whose classes fall from the largest to a hundredth of it."""
    names, counts = np.unique(classes, return_counts=True)
    order = rng.permutation(len(names))
    wanted = counts.min() * IMBALANCE ** (-np.arange(len(names)) / (len(names) - 1))
    rows = [
        rng.permutation(np.flatnonzero(classes == names[place]))[: max(2, round(n))]
        for place, n in zip(order, wanted, strict=True)
    ]
    return np.concatenate(rows)


def drawn_from(groups: Ints, size: int, ranks: NDArray[np.float64]) -> Ints:
    """Return rows drawn evenly from groups, the smallest ranks of each first."""
    quotas = water_fill(np.bincount(groups), size)
    order = np.lexsort((ranks, groups))
    sorted_groups = groups[order]
    place = np.arange(len(order)) - np.searchsorted(sorted_groups, sorted_groups)
    return order[place < quotas[sorted_groups]]


def spread_ranks(groups: Ints, vectors: Vectors) -> NDArray[np.float64]:
    """Return the place of each row in the order that covers its group early."""
    ranks = np.empty(len(groups))
    for group in np.unique(groups):
        own = np.flatnonzero(groups == group)
        ranks[own[farthest_first(vectors[own], len(own))]] = np.arange(len(own))
    return ranks


def sample_rows(
    groups: Ints, similarity: Vectors, vectors: Vectors, classes: Ints
) -> Iterator[str]:
    """Yield the table of samples of a tenth."""
    is_test = stratified_split(classes, 0.3, seed=0)
    pool, test = np.flatnonzero(~is_test), np.flatnonzero(is_test)
    found: dict[str, list[tuple[float, ...]]] = {}
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        rows = pool[long_tail(classes[pool], rng)]
        size = max(2 * len(np.unique(classes)), len(rows) // 10)
        own = np.unique(groups[rows], return_inverse=True)[1]
        means = k_means(vectors[rows], len(np.unique(own)), seed)
        chance = rng.random(len(rows))
        ways: dict[str, Callable[[], Ints]] = {
            "uniform": lambda chance=chance, size=size: np.argsort(chance)[:size],
            "k-means strata": lambda m=means, c=chance, size=size: drawn_from(m, size, c),
            "curate, random": lambda o=own, c=chance, size=size: drawn_from(o, size, c),
            "curate, central": lambda o=own, r=rows, size=size: drawn_from(o, size, -similarity[r]),
            "curate, diverse": lambda o=own, r=rows, size=size: drawn_from(
                o, size, spread_ranks(o, vectors[r])
            ),
        }
        counts = np.bincount(classes[rows], minlength=int(classes.max()) + 1)
        tail = np.argsort(counts)[: len(counts) // 2]
        for name, draw in ways.items():
            taken = rows[draw()]
            shares = np.bincount(classes[taken], minlength=len(counts)) / len(taken)
            entropy = -(shares[shares > 0] * np.log(shares[shares > 0])).sum() / np.log(len(counts))
            present = float((shares[tail] > 0).mean())
            guess = linear_classes(vectors[taken], classes[taken], vectors[test], seed=seed)
            found.setdefault(name, []).append(
                (entropy, present, float((guess == classes[test]).mean()))
            )
    yield "| sample of a tenth | label entropy | tail classes present | linear accuracy |"
    yield "| --- | --- | --- | --- |"
    for name, results in found.items():
        yield f"| {name} | {spread_of(results)} |"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("images", type=Path)
    parser.add_argument("--budget", type=float, default=300.0, help="seconds of training")
    parser.add_argument("--workspace", type=Path, default=None)
    options = parser.parse_args()
    root = options.workspace or Path(tempfile.mkdtemp())
    if not find_workspace(root).models():
        curate.train(
            options.images, curate.TrainConfig(budget_seconds=options.budget), workspace=root
        )
    config = curate.ClusterConfig(labels=Labels.FOLDER)
    curate.cluster(options.images, config, out=root / "m.parquet", workspace=root)
    n_labels = len(set(pq.read_table(root / "m.parquet")["label"].drop_null().to_pylist()))
    curate.cluster(
        options.images,
        curate.ClusterConfig(labels=Labels.FOLDER, levels=(n_labels, 3 * n_labels)),
        out=root / "m.parquet",
        workspace=root,
    )
    table = pq.read_table(root / "m.parquet")
    table = table.filter(table["status"].to_numpy() == "ok")
    names, classes = np.unique(table["label"].to_pylist(), return_inverse=True)
    space = find_workspace(root)
    store = EmbeddingStore(space.embeddings(find_model(space, None).name))
    vectors = store.load(table["hash"].to_pylist())
    columns = {
        name: table[name].to_numpy().astype(np.int64)
        for name in ("cluster", f"cluster_{3 * n_labels}", f"cluster_{n_labels}")
    }
    signals = {"outlier": table["outlier"].to_numpy(), "margin": table["cluster_margin"].to_numpy()}
    features = {"projections": vectors.projections, "embeddings": vectors.embeddings}
    similarity = table["cluster_similarity"].to_numpy()
    print(f"{len(table)} images, {len(names)} labels, {options.images}\n")
    for rows in (
        group_rows(columns, features, classes),
        signal_rows(signals, vectors.embeddings, classes),
        sample_rows(columns["cluster"], similarity, vectors.embeddings, classes),
    ):
        print("\n".join(rows), end="\n\n")


if __name__ == "__main__":
    main()
