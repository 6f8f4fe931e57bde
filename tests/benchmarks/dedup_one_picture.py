"""Measure what a folder of encodings of one picture costs, and whether one of them stays.

    python tests/benchmarks/dedup_one_picture.py PICTURE [--copies 1000] [--seed 0]

The picture is saved as a JPEG at a quality of 40 to 95 and 0.5 to 1 times its size.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from curate.stages.dedup import dedup


def plant(picture, out, n_copies, seed):
    """Write the encodings of a picture."""
    rng = np.random.default_rng(seed)
    with Image.open(picture) as image:
        image = image.convert("RGB")
        for number in range(n_copies):
            scale, quality = rng.uniform(0.5, 1), int(rng.integers(40, 96))
            size = [round(side * scale) for side in image.size]
            smaller = image.resize(size, Image.Resampling.LANCZOS)
            smaller.save(out / f"{number:05d}.jpg", quality=quality)


def main():
    """Print one line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("picture", type=Path)
    parser.add_argument("--copies", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "images"
        folder.mkdir()
        plant(options.picture, folder, options.copies, options.seed)
        began = time.process_time()
        found = dedup(
            folder, out=Path(scratch) / "m.parquet", workspace=Path(scratch) / "workspace"
        )
        seconds = time.process_time() - began
    print(
        f"{options.copies} encodings: {found.n_duplicates} go, {found.n_groups} groups, "
        f"{1000 * seconds / options.copies:.0f} CPU ms an image"
    )


if __name__ == "__main__":
    main()
