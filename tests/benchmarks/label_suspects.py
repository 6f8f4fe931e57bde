"""When suspects among labels are worth telling: what they are worth as features get weaker.

    python tests/benchmarks/label_suspects.py FOLDER ... [--images 600] [--side 128]

Each FOLDER has one folder a class. Of each, IMAGES are drawn, as many of every class, and 5 % of
the labels are made wrong, by lot, five times. Features: ``efficientnet_lite0`` untrained and with
its published weights, and these with noise, which makes them weaker step by step; centred and of
length 1. Each row tells how many labels the neighbours predict, what chance would, the agreement
beyond chance, how many are called suspicious, how many of the wrong labels are among them, how many
of them are wrong, and how often that is what a draw by lot would give.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from curate.algorithms.classifiers import SUSPECT_FROM, label_suspicion
from curate.algorithms.label_agreement import LabelAgreement, measure_agreement
from curate.algorithms.neighbors import nearest
from swav_train.method.multicrop import normalise
from swav_train.networks.backbone import build_backbone
from swav_train.networks.pretrained import WHEEL_BACKBONE, read_published_weights

Vectors = NDArray[np.float32]
Ints = NDArray[np.int64]
WRONG = 0.05
N_NEIGHBORS = 10
SEEDS = range(5)
NOISE = (0, 0.5, 1, 1.5, 2, 3)


def draw(folder: Path, n_images: int) -> tuple[list[Path], Ints]:
    """Return as many images of each class, about ``n_images`` in all, and their classes."""
    files, classes = [], []
    for number, one in enumerate(sorted(one for one in folder.iterdir() if one.is_dir())):
        own = sorted(path for path in one.rglob("*") if path.suffix in (".jpg", ".jpeg", ".png"))
        files.append([own[k] for k in np.random.default_rng(0).permutation(len(own)).tolist()])
        classes.append(number)
    n_each = -(-n_images // len(classes))
    chosen = [(path, k) for k, own in zip(classes, files, strict=True) for path in own[:n_each]]
    return [path for path, _ in chosen], np.array([k for _, k in chosen], np.int64)


def describe(files: list[Path], side: int, *, is_published: bool) -> Vectors:
    """Return the pooled features of images, (N, F)."""
    torch.manual_seed(0)
    network = build_backbone(WHEEL_BACKBONE)
    if is_published:
        network.load_state_dict(read_published_weights(WHEEL_BACKBONE)[0])
    network.eval()
    features = []
    for start in range(0, len(files), 16):
        batch = [
            np.asarray(Image.open(path).convert("RGB").resize((side, side)))
            for path in files[start : start + 16]
        ]
        images = torch.from_numpy(np.stack(batch)).permute(0, 3, 1, 2)
        with torch.no_grad():
            features.append(network(normalise(images)).numpy())
    return np.concatenate(features)


def make_features(files: list[Path], side: int) -> Iterator[tuple[str, Vectors]]:
    """Yield each kind of features, unit rows, by name."""
    yield "untrained", unit(describe(files, side, is_published=False))
    published = unit(describe(files, side, is_published=True))
    noise = unit(np.random.default_rng(0).normal(size=published.shape).astype(np.float32))
    for share in NOISE:
        yield f"noise {share:g}" if share else "published", unit(published + share * noise)


def unit(vectors: Vectors) -> Vectors:
    """Return rows of length 1 around their mean."""
    centred = vectors - vectors.mean(axis=0)
    return centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-9)


def beyond_chance(found: LabelAgreement) -> float:
    """Return the share of what is beyond chance that the neighbours agree with."""
    return (found.agreement - found.chance) / (1 - found.chance)


def row(embeddings: Vectors, classes: Ints) -> str:
    """Return the measures as cells, means over several choices of the wrong labels."""
    near, cells = nearest(embeddings, N_NEIGHBORS), []
    n_classes = int(classes.max()) + 1
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        is_wrong = rng.random(len(classes)) < WRONG
        shift = rng.integers(1, n_classes, len(classes))
        given = np.where(is_wrong, (classes + shift) % n_classes, classes)
        doubt = label_suspicion(near.similarity, given[near.index], given)
        found = measure_agreement(given, doubt)
        is_told = doubt > SUSPECT_FROM
        right = (is_told & is_wrong).sum() / max(1, is_told.sum())
        cells.append(
            (found.agreement, found.chance, beyond_chance(found), is_told.mean(),
             (is_told & is_wrong).sum() / max(1, is_wrong.sum()), right, right / is_wrong.mean())
        )  # fmt: skip
    return " | ".join(f"{mean:.2f}" for mean in np.mean(cells, axis=0))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--images", type=int, default=600)
    parser.add_argument("--side", type=int, default=128)
    options = parser.parse_args()
    print("| folder | features | agreement | chance | beyond chance | told | wrong ones found |"
          " of told, wrong | times chance |")  # fmt: skip
    print("|" + " --- |" * 9)
    for folder in options.folders:
        files, classes = draw(folder, options.images)
        for name, embeddings in make_features(files, options.side):
            print(f"| {folder.name} | {name} | {row(embeddings, classes)} |", flush=True)


if __name__ == "__main__":
    main()
