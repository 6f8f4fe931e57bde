"""Show what an image costs `curate dedup`, by folder.

    python tests/benchmarks/dedup_cost.py FOLDER... [--runs 1]

Each run is a process of its own in a workspace of its own, so nothing is remembered; CPU and wall
time are of the whole command, start and scan included, and the least of all runs is told. Nothing
else may run on the machine.
"""

import argparse
import tempfile
from pathlib import Path

import pyarrow.parquet as pq
from dedup_grow import run


def cost_of(folder, runs):
    """Return images, and wall and CPU seconds of the least costly of ``runs`` runs."""
    times, n_images = [], 0
    for _ in range(runs):
        with tempfile.TemporaryDirectory() as work:
            out = Path(work, "copies.parquet")
            times.append(run(folder, Path(work, "workspace"), out))
            n_images = pq.read_metadata(out).num_rows
    return n_images, min(wall for wall, _ in times), min(cpu for _, cpu in times)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--runs", type=int, default=1)
    options = parser.parse_args()
    print("| folder | images | CPU ms an image | wall ms an image |")
    print("| --- | --- | --- | --- |")
    for folder in options.folders:
        n_images, wall, cpu = cost_of(folder, options.runs)
        cells = f"{n_images:,} | {1000 * cpu / n_images:.1f} | {1000 * wall / n_images:.1f}"
        print(f"| {folder.name} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
