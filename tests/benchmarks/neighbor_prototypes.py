"""Prototypes by swapped prediction between neighbours, on the features of a published network.

    python tests/benchmarks/neighbor_prototypes.py FOLDER [--side 96] [--levels 10,30]

FOLDER holds one subfolder per class. Features are those of ``efficientnet_lite0`` as it came.
Prints the NMI with the classes of k-means, of the nearest prototype, and of nested clusters merged
from features that are averaged over neighbours, and from projections that are.
"""

import argparse
from pathlib import Path

import faiss
import numpy as np
import torch
from sklearn.metrics import normalized_mutual_info_score

from curate.algorithms.nested_kmeans import average_over_neighbors, nested_kmeans
from swav_train.__main__ import list_images, read_squares
from swav_train.default_params import PROTOTYPES
from swav_train.method.multicrop import normalise
from swav_train.method.neighbor_prediction import find_neighbors, learn_prototypes
from swav_train.networks.backbone import build_backbone
from swav_train.networks.encoder import describe_images
from swav_train.networks.pretrained import WHEEL_BACKBONE, read_published_weights
from swav_train.networks.whitening import fit_whitening

SEEDS = range(2)


def read_features(paths, side):
    """Return (N, D) float32 unit rows."""
    backbone = build_backbone(WHEEL_BACKBONE).eval()
    backbone.load_state_dict(read_published_weights(WHEEL_BACKBONE)[0])
    pixels, _ = read_squares(paths, side)
    with torch.no_grad():
        parts = [
            describe_images(backbone, normalise(torch.from_numpy(pixels[i : i + 64])), n_stages=2)
            for i in range(0, len(pixels), 64)
        ]
    stages = [torch.cat(stage) for stage in zip(*parts, strict=True)]
    return fit_whitening(stages, max_dim=256, power=0.3)(torch.cat(stages, dim=1))


def k_means(vectors, n_groups, seed):
    """Return FAISS's spherical k-means groups."""
    learner = faiss.Kmeans(
        vectors.shape[1], n_groups, niter=25, seed=seed, spherical=True, min_points_per_centroid=1
    )
    learner.train(vectors)
    return learner.index.search(vectors, 1)[1][:, 0].astype(np.int32)


def nested(vectors, start, near, sizes):
    """Return the groups of each size, merged as ``curate cluster`` does."""
    averages = average_over_neighbors(vectors, near)
    return {
        n: level.cluster for n, level in nested_kmeans(averages, start, max(sizes), sizes).items()
    }


def groups(features, sizes, seed):
    """Yield the groups of each way and size."""
    vectors, near = features.numpy(), find_neighbors(features, 10).numpy()
    generator = torch.Generator().manual_seed(seed)
    head = learn_prototypes(features, n_prototypes=max(sizes), dim=128, generator=generator)
    nearest = head.find_nearest(features).numpy().astype(np.int32)
    yield "k-means", {n: k_means(vectors, n, seed) for n in sizes}
    yield "nearest prototype", {max(sizes): nearest}
    finest = k_means(vectors, max(sizes), seed)
    yield "averaged features, merged", nested(vectors, finest, near, sizes)
    yield "averaged projections, merged", nested(head(features).numpy(), nearest, near, sizes)


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--side", type=int, default=96)
    parser.add_argument("--images", type=int, default=5000)
    parser.add_argument("--levels", default="10,30")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    paths = list_images(arguments.folder)
    order = np.random.default_rng(0).permutation(len(paths))
    paths = [paths[i] for i in sorted(order[: arguments.images])]
    classes = np.unique([path.parent.name for path in paths], return_inverse=True)[1]
    features = read_features(paths, arguments.side)
    most = min(round(PROTOTYPES.per_root_image * len(paths) ** 0.5), len(paths) // 10)
    sizes = sorted({*map(int, arguments.levels.split(",")), most})
    found = {}
    for seed in SEEDS:
        for name, by_size in groups(features, sizes, seed):
            for n, group in by_size.items():
                score = normalized_mutual_info_score(classes, group)
                found.setdefault((name, n), []).append(score)
    print("| groups | " + " | ".join(map(str, sizes)) + " |")
    print("| --- |" + " --- |" * len(sizes))
    for name in dict.fromkeys(name for name, _ in found):
        cells = [f"{np.mean(found[name, n]):.3f}" if (name, n) in found else "" for n in sizes]
        print(f"| {name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
