"""Plant foreign images in a folder and measure how well `outlier` ranks them.

    python tests/benchmarks/outlier_quality.py FOLDER FOREIGN [--share 0.03] [--budget 120]

Copies up to 1,000 images of FOLDER and, from FOREIGN, a share of as many into a new folder, trains
on all of them, clusters, and prints the area under the ROC curve of the columns `outlier` and
`isolation`. FOREIGN may be `drawings`: line drawings made here.
"""

import argparse
import shutil
import tempfile
from pathlib import Path

import cv2
import numpy as np
import pyarrow.parquet as pq

from curate.stages.cluster import cluster
from curate.stages.train import TrainConfig, train

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp"}
MOST = 1000


def drawing(rng):
    """Return a line drawing on white paper, (H, W, 3) uint8."""
    height, width = rng.integers(240, 480, 2).tolist()
    paper = np.full((height, width, 3), 255, np.uint8)
    for _ in range(rng.integers(5, 30)):
        points = rng.integers(0, (width, height), (rng.integers(2, 6), 2)).astype(np.int32)
        cv2.polylines(paper, [points], bool(rng.integers(2)), (0, 0, 0), int(rng.integers(1, 4)))
    return paper


def images_of(folder, n, rng):
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    return [paths[i] for i in rng.permutation(len(paths))[:n]]


def auroc(scores, is_positive):
    """Return how often a positive scores above a negative, ties half."""
    order = np.argsort(scores, kind="stable")
    ranks = np.empty(len(scores))
    ranks[order] = np.arange(1, len(scores) + 1)
    for value in np.unique(scores):
        ranks[scores == value] = ranks[scores == value].mean()
    n = is_positive.sum()
    return (ranks[is_positive].sum() - n * (n + 1) / 2) / (n * (len(scores) - n))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("foreign")
    parser.add_argument("--share", type=float, default=0.03)
    parser.add_argument("--budget", type=float, default=120.0)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    rng = np.random.default_rng(arguments.seed)
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        (work / "images").mkdir()
        own = images_of(arguments.folder, MOST, rng)
        for number, path in enumerate(own):
            shutil.copy(path, work / "images" / f"own-{number:05}{path.suffix}")
        n_foreign = max(10, round(arguments.share * len(own)))
        if arguments.foreign == "drawings":
            for number in range(n_foreign):
                cv2.imwrite(str(work / "images" / f"foreign-{number:05}.jpg"), drawing(rng))
        else:
            for number, path in enumerate(images_of(Path(arguments.foreign), n_foreign, rng)):
                shutil.copy(path, work / "images" / f"foreign-{number:05}{path.suffix}")
        space = work / "workspace"
        train(work / "images", TrainConfig(budget_seconds=arguments.budget), workspace=space)
        cluster(out=work / "m.parquet", workspace=space)
        table = pq.read_table(work / "m.parquet")
        is_foreign = np.array([p.startswith("foreign-") for p in table["path"].to_pylist()])
        for name in ("outlier", "isolation"):
            area = auroc(table[name].to_numpy(), is_foreign)
            print(f"{name:10} AUROC {area:.3f}  ({is_foreign.sum()} of {len(is_foreign)} foreign)")


if __name__ == "__main__":
    main()
