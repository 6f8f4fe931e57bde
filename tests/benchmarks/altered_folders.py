"""Count what `curate dedup` accuses where no image is a copy and every one is altered.

    python tests/benchmarks/altered_folders.py FOLDER... --copybench ../shared/copybench \\
        [--images 400] [--seed 0]

Of each FOLDER, in which next to nothing is a copy, images are altered once: each in a way of its
own, or all in one way (one of each family that takes detail away or lays something over). What
tells two frames of a camera or two receipts apart may be lost so; what is told of them must not
become surer. Told are images, and how many of them are dropped. Frames that were made of one
photo and cropped to what they have in common are copies, and are counted too.
"""

import argparse
import random
import tempfile
from pathlib import Path

from base_rates import ENDINGS, load_kinds
from PIL import Image

from curate.copies.config import DedupConfig
from curate.stages.dedup import dedup

FAMILIES = ("encode", "scale", "overlay")


def list_ways(copybench, rng):
    """Return by name the ways to alter a folder: a choice for each image, or one for all."""
    by_family = load_kinds(copybench)
    every = [make for family in by_family.values() for make in family.values()]
    ways = {"each": lambda: rng.choice(every)}
    for family in FAMILIES:
        name = rng.choice(sorted(by_family[family]))
        ways[name] = lambda make=by_family[family][name]: make
    return ways


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--copybench", type=Path, required=True)
    parser.add_argument("--images", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    for folder in options.folders:
        rng = random.Random(f"{folder.name}{options.seed}")
        files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in ENDINGS)
        files = rng.sample(files, min(options.images, len(files)))
        for name, choose in list_ways(options.copybench, rng).items():
            with tempfile.TemporaryDirectory() as scratch:
                out = Path(scratch) / "images"
                out.mkdir()
                for number, file in enumerate(files):
                    with Image.open(file) as image:
                        content, ending = choose()(image.convert("RGB"), random.Random(number))
                    (out / f"{number:05d}{ending}").write_bytes(content)
                workspace = Path(scratch) / "workspace"
                table = Path(scratch) / "manifest.parquet"
                result = dedup(out, DedupConfig(), out=table, workspace=workspace)
            print(f"{folder.name:14}{name:14} {len(files):5} {result.n_duplicates:4}", flush=True)


if __name__ == "__main__":
    main()
