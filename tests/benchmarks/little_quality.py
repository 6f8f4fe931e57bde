"""How many copies of small pictures are found, and how many wrong pairs are accepted.

    python tests/benchmarks/little_quality.py FOLDER... --copybench ../shared/copybench/make.py
        [--images 500] [--originals 100] [--tracks]

Of each FOLDER images are taken at even steps (with ``--tracks`` in rows of twenty, so that frames
of one scene stay together), shrunk to 28 to 80 px where they are larger, and put among two altered
copies each of some of them, by the kinds of copybench. Told are planted pairs, those that are among
the candidates, and pairs accepted at the default precision: right and wrong ones. Without
``--originals`` nothing is planted, and all that is accepted is wrong, or was a copy before.
"""

import argparse
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
from fit_small_pictures import IN_A_ROW, pick_rows, shrink
from folder_evidence import collect, read_truth

from curate.copies.probability.classifier import find_threshold

ENDINGS = (".jpg", ".jpeg", ".png")


def write_small(folder, out, n_images, in_a_row):
    """Write images of a folder, shrunk."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in ENDINGS)
    rows = pick_rows(len(paths), n_images, in_a_row)
    rng = np.random.default_rng(0)
    out.mkdir()
    for number, row in enumerate(rows.tolist()):
        cv2.imwrite(str(out / f"{number:05d}.png"), shrink(cv2.imread(str(paths[row])), rng))
    return len(rows)


def plant(source, out, n, maker, n_originals):
    """Write images with altered copies of some, and return the names by which copies are known."""
    command = [sys.executable, str(maker), str(source), str(out), "--originals", str(n_originals)]
    command += ["--copies", "2", "--distractors", str(n - n_originals)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return read_truth(out / "truth.csv")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--copybench", type=Path, required=True)
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--originals", type=int, default=100)
    parser.add_argument("--tracks", action="store_true")
    options = parser.parse_args()
    print("| folder | images | planted pairs | candidates | right | wrong |")
    print("| --- | --- | --- | --- | --- | --- |")
    for folder in options.folders:
        with tempfile.TemporaryDirectory() as scratch:
            small, made = Path(scratch, "small"), Path(scratch, "made")
            n = write_small(folder, small, options.images, IN_A_ROW if options.tracks else 1)
            images, truth = small, {}
            if options.originals:
                n_originals = min(n, options.originals)
                truth = plant(small, made, n, options.copybench, n_originals)
                images = made / "images"
            found = collect(images, truth, Path(scratch, "workspace"))
        accepted = found.probability >= find_threshold(found.probability, 0.99)
        groups = Counter(truth.get(path, path) for path in found.paths)
        n_pairs = sum(size * (size - 1) // 2 for size in groups.values())
        right, wrong = (accepted & found.is_copy).sum(), (accepted & ~found.is_copy).sum()
        print(
            f"| {folder.name} | {len(found.paths):,} | {n_pairs} | {found.is_copy.sum()} | {right} "
            f"| {wrong} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
