"""Whether a balanced sample of a long-tailed folder is worth more than a random one.

    python tests/benchmarks/sample_quality.py MANIFEST --workspace DIR [--clusters 50]

MANIFEST has labels and names a model of the workspace. A third of each class is set aside for
testing. Of the rest a folder is made whose classes fall from the largest to a hundredth of it, in
another order for each of five seeds. It is grouped as ``curate cluster`` does, and a tenth is
drawn, four times each. Printed are entropy of the labels over its maximum, the share of the rarer
half of the classes that is present, and the accuracy of a linear classifier that learned from the
sample, on the balanced test: mean and standard deviation over the folders, and in how many of them
it is better than with a uniform draw.
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
from curate.algorithms.prototype_clusters import ContentVectors, cluster_by_prototypes
from curate.choices import Within
from curate.manifest.manifest import Manifest, read_manifest, write_manifest
from curate.manifest.rows import HeldRows, TakenRows
from curate.stages.sample import SampleConfig, sample
from curate.workspace.embedding import open_store
from curate.workspace.embedding_store import Embedded
from curate.workspace.models import find_model, prototypes_of
from curate.workspace.workspace import Workspace, find_workspace

SEEDS = range(5)
DRAWS = 4
IMBALANCE = 100.0
Ints = NDArray[np.int64]
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
    learner = faiss.Kmeans(
        own.embeddings.shape[1],
        n_clusters,
        niter=25,
        seed=seed,
        spherical=True,
        min_points_per_centroid=1,
    )
    learner.train(own.embeddings)
    columns = pa.table(
        {
            "cluster": clusters.cluster,
            "cluster_similarity": clusters.similarity,
            "coarse": clusters.levels[coarse],
            "kmeans": learner.index.search(own.embeddings, 1)[1][:, 0],
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


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--workspace", type=Path, required=True)
    parser.add_argument("--clusters", type=int, default=50)
    options = parser.parse_args()
    space = find_workspace(options.workspace)
    read = read_manifest(options.manifest)
    table = read.rows.read()
    known = table.filter(pa.compute.is_valid(table["cluster"]))
    read = Manifest(rows=HeldRows(known), source=read.source, model=read.model)
    classes = np.unique(known["label"].to_pylist(), return_inverse=True)[1]
    store = open_store(space, find_model(space, None))
    vectors = store.load(known["hash"].to_pylist())
    is_test = balanced_test(classes)
    pool, test = np.flatnonzero(~is_test), np.flatnonzero(is_test)
    found: dict[str, list[NDArray[np.float64]]] = {}
    for seed in SEEDS:
        rows = pool[long_tail(classes[pool], np.random.default_rng(seed))]
        size = len(rows) // 10
        part = grouped(read, rows, vectors, space, options.clusters, seed)
        draws: dict[str, list[Scores]] = {}
        for draw in range(DRAWS):
            for name, config in ways(size, DRAWS * seed + draw):
                taken = rows[drawn(part, config, space)]
                shown = scores(taken, rows, test, classes, vectors.embeddings, seed)
                draws.setdefault(name, []).append(shown)
        for name, shown_each in draws.items():
            found.setdefault(name, []).append(np.mean(shown_each, axis=0))
    print(f"{len(rows)} images, {size} drawn, {len(test)} tested, {options.clusters} clusters\n")
    print_table(found)


if __name__ == "__main__":
    main()
