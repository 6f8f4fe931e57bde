"""Show what `curate dedup` costs a second time, and once a folder has grown by one per cent.

    python tests/benchmarks/dedup_grow.py FOLDER [--images 16000] [--side 96] [--share 0.01]
        [--copies 0.5]

Images are made (see ``dedup_scale.py``), one in fifty a copy of another, and written to
FOLDER/images. Of those that come later ``--copies`` are copies of ones that were there. Each run is
a process of its own; its CPU time is told, start and scan included. At the end the grown folder is
searched from scratch, in a workspace of its own, and the groups are compared.
"""

import argparse
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import cv2
import pyarrow.parquet as pq
from dedup_scale import EVERY, MadeImages


def write(path, pixels):
    if not path.is_file():
        cv2.imwrite(str(path), pixels, [cv2.IMWRITE_JPEG_QUALITY, 92])


def run(folder, workspace, out):
    """Return wall and CPU seconds of one run."""
    wall, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [Path(sys.executable).with_name("curate"), "dedup", folder, "--out", out, "-q"],
        env=os.environ | {"CURATE_WORKSPACE": str(workspace)},
        check=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - wall, cpu


def groups(manifest):
    table = pq.read_table(manifest, columns=["path", "group"])
    found = {}
    for path, group in zip(table["path"].to_pylist(), table["group"].to_pylist(), strict=True):
        if group is not None:
            found.setdefault(group, set()).add(path)
    return set(map(frozenset, found.values()))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", type=int, default=16_000)
    parser.add_argument("--side", type=int, default=96, help="px, short side of the images")
    parser.add_argument("--share", type=float, default=0.01, help="by how much the folder grows")
    parser.add_argument("--copies", type=float, default=0.5, help="share of those that come later")
    options = parser.parse_args()
    made, images = MadeImages(options.side), options.folder / "images"
    images.mkdir(parents=True)
    for number in range(options.images):
        write(images / f"{number:08d}.jpg", made.picture(number))
    workspace, out = options.folder / "workspace", options.folder / "grown.parquet"

    def tell(name, seconds):
        print(f"{name:28}{seconds[0]:8.1f} s  {seconds[1]:8.1f} CPU s", flush=True)

    tell("from scratch", run(images, workspace, out))
    tell("again", run(images, workspace, out))
    for step in range(round(options.share * options.images)):
        number = options.images + step
        original = made.original(step * EVERY)
        n_before, n_after = (int(options.copies * n) for n in (step, step + 1))
        is_copy = n_after > n_before
        pixels = made.altered(original, n_before % 4) if is_copy else made.original(number)
        write(images / f"{number:08d}.jpg", pixels)
    tell(f"grown by {options.share:.1%}", run(images, workspace, out))
    whole = options.folder / "whole.parquet"
    tell("grown, from scratch", run(images, options.folder / "other", whole))
    one, two = groups(out), groups(whole)
    print(f"groups: {len(one)} and {len(two)}, {len(one & two)} of them equal")


if __name__ == "__main__":
    main()
