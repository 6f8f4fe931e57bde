"""Whether a balanced sample of a long-tailed folder is worth more than a random one.

    python tests/benchmarks/sample_quality.py MANIFEST --workspace DIR [--clusters 50] [--draws 4]
        [--share 0.1]

MANIFEST has labels and names a model of the workspace. A third of each class is set aside for
testing. Of the rest a folder is made whose classes fall from the largest to a hundredth of it, in
another order for each of five seeds. It is grouped as ``curate cluster`` does, and a share is
drawn, some times each. Beside our ways stand SemDeDup (arXiv:2303.09540: within k-means clusters,
those least like what is kept already, from the rim inwards) and hierarchical k-means (Vo et al.
2024, arXiv:2405.15613, two levels, the coarser with ten rounds of resampling). Printed are entropy
of the labels over its maximum, the share of the rarer half of the classes that is present, and the
accuracy of a linear classifier that learned from the sample, on the balanced test: mean and
standard deviation over the folders, and in how many of them it is better than with a uniform draw.
"""

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path

import faiss
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.algorithms.classifiers import predict_linear, stratified_split
from curate.algorithms.group_ranks import rank_in_groups
from curate.algorithms.prototype_clusters import ContentVectors, cluster_by_prototypes
from curate.choices import Quota, Within
from curate.manifest.manifest import Manifest, read_manifest, write_manifest
from curate.manifest.rows import HeldRows, TakenRows
from curate.stages.sample import SampleConfig, sample
from curate.workspace.embedding import open_store
from curate.workspace.embedding_store import Embedded
from curate.workspace.models import find_model, prototypes_of
from curate.workspace.workspace import Workspace, find_workspace

SEEDS = range(5)
ROUNDS, RESAMPLED = 10, 5
IMBALANCE = 100.0
Ints = NDArray[np.int64]
Vectors = NDArray[np.float32]
Scores = tuple[float, float, float]


def long_tail(classes: Ints, rng: np.random.Generator) -> Ints:
    """Return rows of a folder whose classes fall from the largest to a hundredth of it."""
    names, counts = np.unique(classes, return_counts=True)
    order = rng.permutation(len(names))
    wanted = counts[order[0]] * IMBALANCE ** (-np.arange(len(names)) / (len(names) - 1))
    rows = [
        rng.permutation(np.flatnonzero(classes == names[place]))[: max(2, round(n))]
        for place, n in zip(order, wanted, strict=True)
    ]
    return np.sort(np.concatenate(rows))


def balanced_test(classes: Ints) -> NDArray[np.bool_]:
    """Return which rows are tested: a third of the smallest class, as many of every other."""
    is_held = stratified_split(classes, 0.33, seed=0)
    n_each = np.bincount(classes[is_held]).min()
    is_test = np.zeros(len(classes), bool)
    for name in np.unique(classes):
        is_test[np.flatnonzero(is_held & (classes == name))[:n_each]] = True
    return is_test


def k_means(vectors: Vectors, n_groups: int, seed: int) -> tuple[Vectors, Ints]:
    """Return the unit means of spherical k-means, and the nearest of each vector."""
    learner = faiss.Kmeans(
        vectors.shape[1], n_groups, niter=25, seed=seed, spherical=True, min_points_per_centroid=1
    )
    learner.train(vectors)
    return learner.centroids, learner.index.search(vectors, 1)[1][:, 0]


def resampled_k_means(vectors: Vectors, n_groups: int, seed: int) -> Ints:
    """Return the group of each vector where means are fitted again to those nearest to each."""
    means, group = k_means(vectors, n_groups, seed)
    for _ in range(ROUNDS):
        similarity = (vectors * means[group]).sum(axis=1)
        rank = rank_in_groups(-similarity, group)
        means, _ = k_means(np.ascontiguousarray(vectors[rank < RESAMPLED]), n_groups, seed)
        group = (vectors @ means.T).argmax(axis=1)
    return group


def semdedup(vectors: Vectors, group: Ints, size: int) -> NDArray[np.bool_]:
    """Return which rows stay where the most redundant of each group go until ``size`` are left."""
    redundancy = np.empty(len(vectors), np.float32)
    for number in np.unique(group):
        rows = np.flatnonzero(group == number)
        centre = vectors[rows].mean(axis=0)
        rows = rows[np.argsort(vectors[rows] @ centre, kind="stable")]
        similarity = np.tril(vectors[rows] @ vectors[rows].T, k=-1)
        similarity[np.triu_indices(len(rows))] = -1
        redundancy[rows] = similarity.max(axis=1)
    stays = np.zeros(len(vectors), bool)
    stays[np.argsort(redundancy, kind="stable")[:size]] = True
    return stays


def grouped(
    manifest: Manifest, rows: Ints, vectors: Embedded, space: Workspace, n_clusters: int, seed: int
) -> Manifest:
    """Return the rows as a manifest of their own, with our groups and those of k-means."""
    own = ContentVectors(
        embeddings=vectors.embeddings[rows],
        projections=vectors.projections[rows],
        content_of=np.arange(len(rows)),
    )
    prototypes = prototypes_of(find_model(space, None))
    coarse = max(2, n_clusters // 5)
    clusters = cluster_by_prototypes(own, prototypes, n_clusters=n_clusters, levels=(coarse,))
    means, kmeans = k_means(own.embeddings, n_clusters, seed)
    columns = pa.table(
        {
            "cluster": clusters.cluster,
            "cluster_similarity": clusters.similarity,
            "coarse": clusters.levels[coarse],
            "kmeans": kmeans,
            "kmeans_coarse": resampled_k_means(means, coarse, seed)[kmeans],
            "all": np.zeros(len(rows), np.int32),
        }
    )
    own_rows = TakenRows(manifest.rows, list(manifest.rows.schema), rows)
    part = Manifest(rows=own_rows, source=manifest.source, model=manifest.model)
    return part.with_columns(HeldRows(columns), stage="cluster", config={})


def ways(size: int, seed: int) -> Iterator[tuple[str, SampleConfig]]:
    """Yield the ways to draw a sample."""
    yield "uniform random", SampleConfig(size=size, by=("all",), seed=seed)
    yield "k-means strata, random", SampleConfig(size=size, by=("kmeans",), seed=seed)
    for within in Within:
        config = SampleConfig(size=size, by=("cluster",), within=within, seed=seed)
        yield f"curate, {within.value}", config
    yield "curate, two levels, random", SampleConfig(size=size, by=("coarse", "cluster"), seed=seed)
    for quota in (Quota.PROPORTIONAL, Quota.COMPLEXITY):
        for within in (Within.RANDOM, Within.DIVERSE):
            config = SampleConfig(size=size, quota=quota, within=within, seed=seed)
            yield f"curate, {quota.value}, {within.value}", config
    levels = ("kmeans_coarse", "kmeans")
    yield "hierarchical k-means, random", SampleConfig(size=size, by=levels, seed=seed)


def drawn(manifest: Manifest, config: SampleConfig, space: Workspace) -> NDArray[np.bool_]:
    """Return which rows ``curate sample`` takes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.parquet"
        write_manifest(manifest, path)
        sample(path, config, out=path, workspace=space.root)
        return np.asarray(read_manifest(path).rows.read(["selected"])["selected"].to_numpy())


def scores(
    taken: Ints,
    rows: Ints,
    test: Ints,
    classes: Ints,
    vectors: NDArray[np.float32],
    seed: int,
) -> Scores:
    """Return entropy, tail classes present and accuracy of a sample."""
    n_classes = int(classes.max()) + 1
    tail = np.argsort(np.bincount(classes[rows], minlength=n_classes))[: n_classes // 2]
    shares = np.bincount(classes[taken], minlength=n_classes) / len(taken)
    entropy = -(shares[shares > 0] * np.log(shares[shares > 0])).sum() / np.log(n_classes)
    guess = np.full(len(test), classes[taken[0]])
    if len(np.unique(classes[taken])) > 1:
        guess = predict_linear(vectors[taken], classes[taken], vectors[test], seed=seed)
    return entropy, (shares[tail] > 0).mean(), (guess == classes[test]).mean()


def print_table(found: dict[str, list[NDArray[np.float64]]]) -> None:
    """Print means, spreads and wins over a uniform draw."""
    print("| sample | label entropy | tail classes present | linear accuracy |")
    print("| --- | --- | --- | --- |")
    base = np.array(found["uniform random"])
    for name, results in found.items():
        values = np.array(results)
        n_better = (values > base).sum(axis=0)
        cells = [
            f"{mean:.3f} ± {spread:.3f}" + (f" ({better})" if name != "uniform random" else "")
            for mean, spread, better in zip(
                values.mean(axis=0), values.std(axis=0), n_better, strict=True
            )
        ]
        print(f"| {name} | {' | '.join(cells)} |")


def read_labelled(path: Path) -> tuple[Manifest, Ints]:
    """Return the rows of a manifest that have a cluster, and the class of each."""
    read = read_manifest(path)
    table = read.rows.read()
    known = table.filter(pa.compute.is_valid(table["cluster"]))
    classes = np.unique(known["label"].to_pylist(), return_inverse=True)[1]
    return Manifest(rows=HeldRows(known), source=read.source, model=read.model), classes


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--workspace", type=Path, required=True)
    parser.add_argument("--clusters", type=int, default=50)
    parser.add_argument("--draws", type=int, default=4)
    parser.add_argument("--share", type=float, default=0.1)
    options = parser.parse_args()
    space = find_workspace(options.workspace)
    read, classes = read_labelled(options.manifest)
    store = open_store(space, find_model(space, None))
    vectors = store.load(read.rows.read(["hash"])["hash"].to_pylist())
    is_test = balanced_test(classes)
    pool, test = np.flatnonzero(~is_test), np.flatnonzero(is_test)
    found: dict[str, list[NDArray[np.float64]]] = {}
    for seed in SEEDS:
        rows = pool[long_tail(classes[pool], np.random.default_rng(seed))]
        size = round(options.share * len(rows))
        part = grouped(read, rows, vectors, space, options.clusters, seed)

        def score(is_taken: NDArray[np.bool_], rows: Ints = rows, seed: int = seed) -> Scores:
            return scores(rows[is_taken], rows, test, classes, vectors.embeddings, seed)

        kmeans = np.asarray(part.column("kmeans", hint="").to_numpy())
        draws = {"SemDeDup": [score(semdedup(vectors.embeddings[rows], kmeans, size))]}
        for draw in range(options.draws):
            for name, config in ways(size, options.draws * seed + draw):
                draws.setdefault(name, []).append(score(drawn(part, config, space)))
        for name, shown_each in draws.items():
            found.setdefault(name, []).append(np.mean(shown_each, axis=0))
    print(f"{len(rows)} images, {size} drawn, {len(test)} tested, {options.clusters} clusters\n")
    print_table(found)


if __name__ == "__main__":
    main()
