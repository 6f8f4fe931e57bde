"""What the groups, the samples and the outlier measure are worth, on a folder with labels.

    python tests/benchmarks/groups_quality.py IMAGES [--budget 5m] [--workspace DIR]

IMAGES has one folder a class. Trains (or takes the workspace's model), clusters and prints, each
row from the same features:

* NMI, ARI and purity of the groups against FAISS k-means with as many groups, and against groups
  that are merged in the same way from embeddings averaged over neighbours, without the prototypes
  of swapped prediction between neighbours;
* AUROC of ``outlier``, ``isolation`` and a small ``cluster_margin`` for images whose neighbours
  disagree with their label, and of ``label_suspect`` for labels that were flipped.
"""

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score, roc_auc_score

import curate
from curate.algorithms.classifiers import label_suspicion
from curate.algorithms.neighbors import nearest
from curate.algorithms.nested_kmeans import average_over_neighbors, nested_kmeans
from curate.choices import Labels
from curate.workspace.embedding import open_store
from curate.workspace.models import find_model
from curate.workspace.workspace import find_workspace

SEEDS = range(5)
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
    sizes = {name: int(groups.max()) + 1 for name, groups in columns.items()}
    averaged = without_prototypes(features["embeddings"], sorted(set(sizes.values())))
    for name, groups in columns.items():
        n_groups = sizes[name]
        yield f"| curate, {name} | {n_groups} | {agreement(groups, classes)} |"
        before = agreement(averaged[n_groups], classes)
        yield f"| averages, merged | {n_groups} | {before} |"
        for kind, vectors in features.items():
            found = [
                tuple(
                    float(cell)
                    for cell in agreement(k_means(vectors, n_groups, s), classes).split(" | ")
                )
                for s in SEEDS
            ]
            yield f"| k-means on {kind} | {n_groups} | {spread_of(found)} |"


def without_prototypes(embeddings: Vectors, sizes: list[int]) -> dict[int, Ints]:
    """Return groups of each size merged from k-means on averaged embeddings."""
    near = nearest(embeddings, 10)
    averages = average_over_neighbors(embeddings, near.index)
    start = k_means(embeddings, max(sizes), seed=0).astype(np.int32)
    levels = nested_kmeans(averages, start, max(sizes), sizes)
    return {size: level.cluster.astype(np.int64) for size, level in levels.items()}


def signal_rows(
    table: dict[str, NDArray[np.float32]], vectors: Vectors, classes: Ints
) -> Iterator[str]:
    """Yield the table of warning signals."""
    near = nearest(vectors, 10)
    disagree = (classes[near.index] == classes[:, None]).mean(axis=1) < 0.5
    yield "| signal | predicts | AUROC |"
    yield "| --- | --- | --- |"
    for name, values in table.items():
        yield f"| {name} | neighbours of other labels | {roc_auc_score(disagree, values):.3f} |"
    rng = np.random.default_rng(0)
    flipped = rng.random(len(classes)) < 0.05
    n_classes = int(classes.max()) + 1
    noisy = np.where(
        flipped, (classes + rng.integers(1, n_classes, len(classes))) % n_classes, classes
    )
    doubt = label_suspicion(near.similarity, noisy[near.index], noisy)
    yield f"| label_suspect | labels flipped (5 %) | {roc_auc_score(flipped, doubt):.3f} |"


def clustered(images: Path, root: Path, **options: Any) -> pa.Table:
    """Return the readable rows of a fresh manifest."""
    config = curate.ClusterConfig(labels=Labels.FOLDER, **options)
    (root / "m.parquet").unlink(missing_ok=True)
    curate.cluster(images, config, out=root / "m.parquet", workspace=root)
    table = pq.read_table(root / "m.parquet")
    return table.filter(table["status"].to_numpy() == "ok")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("images", type=Path)
    parser.add_argument("--budget", type=float, default=300.0, help="seconds of training")
    parser.add_argument("--pretrained", action="store_true")
    parser.add_argument("--workspace", type=Path, default=None)
    options = parser.parse_args()
    root = options.workspace or Path(tempfile.mkdtemp())
    if not find_workspace(root).models():
        config = curate.TrainConfig(budget_seconds=options.budget, pretrained=options.pretrained)
        curate.train(options.images, config, workspace=root)
    table = clustered(options.images, root)
    n_labels = len(set(table["label"].to_pylist()))
    alone = clustered(options.images, root, clusters=n_labels)
    table = clustered(options.images, root, levels=(n_labels, 3 * n_labels))
    names, classes = np.unique(table["label"].to_pylist(), return_inverse=True)
    space = find_workspace(root)
    store = open_store(space, find_model(space, None))
    vectors = store.load(table["hash"].to_pylist())
    columns = {
        name: table[name].to_numpy().astype(np.int64)
        for name in ("cluster", f"cluster_{3 * n_labels}", f"cluster_{n_labels}")
    }
    columns[f"cluster, --clusters {n_labels}"] = alone["cluster"].to_numpy().astype(np.int64)
    signals = {name: table[name].to_numpy() for name in ("outlier", "isolation")}
    signals |= {
        f"-{name}": -table[name].to_numpy() for name in ("cluster_similarity", "cluster_margin")
    }
    features = {"projections": vectors.projections, "embeddings": vectors.embeddings}
    print(f"{len(table)} images, {len(names)} labels, {options.images}\n")
    for rows in (
        group_rows(columns, features, classes),
        signal_rows(signals, vectors.embeddings, classes),
    ):
        print("\n".join(rows), end="\n\n")


if __name__ == "__main__":
    main()
