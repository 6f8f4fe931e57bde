"""Measure which stays of a picture and a copy of it in another size, or a worse JPEG.

    python tests/benchmarks/enlarged_or_shrunk.py FOLDER... [--images 60] [--seed 0]

Of each FOLDER images are drawn, saved as JPEG of a quality of 60 to 96, and copied: shrunk to 0.4
to 0.9 and saved at 20 to 59, as thumbnails and messengers do, or at 70 to 97; enlarged by 1.2 to
2.2, or by 2, 3 or 4, and saved at 70 to 97; saved at 20 to 59 in the same size. Told are, for each
kind of copy, how many originals go for it, and why.
"""

import argparse
import io
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
from keep_quality import judge
from PIL import Image

ENDINGS = {".jpg", ".jpeg", ".png"}
FILTERS = (Image.Resampling.LANCZOS, Image.Resampling.BILINEAR, Image.Resampling.BICUBIC)
GOOD, BAD = (70, 98), (20, 60)


def resized(image, scale, rng):
    """Return an image in another size, by a filter drawn at random."""
    size = [max(64, round(side * scale)) for side in image.size]
    return image.resize(size, FILTERS[rng.integers(len(FILTERS))])


KINDS = {
    "shrunk, bad": (lambda image, rng: resized(image, rng.uniform(0.4, 0.9), rng), BAD),
    "shrunk, good": (lambda image, rng: resized(image, rng.uniform(0.4, 0.9), rng), GOOD),
    "enlarged": (lambda image, rng: resized(image, rng.uniform(1.2, 2.2), rng), GOOD),
    "enlarged 2, 3, 4": (lambda image, rng: resized(image, rng.integers(2, 5), rng), GOOD),
    "worse JPEG": (lambda image, rng: image, BAD),
}


def plant(files, out, kind, rng):
    """Write each image as a JPEG, and a copy of this one."""
    change, quality = KINDS[kind]
    for number, file in enumerate(files):
        with Image.open(file) as image:
            original = io.BytesIO()
            image.convert("RGB").save(original, "JPEG", quality=int(rng.integers(60, 97)))
        (out / f"a_{number:04d}_orig.jpg").write_bytes(original.getvalue())
        with Image.open(original) as image:
            copy = change(image, rng)
            copy.save(out / f"a_{number:04d}_worse.jpg", quality=int(rng.integers(*quality)))


def main():
    """Print a line for each folder and kind."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--images", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    print("| folder | copies | originals go | left alone | why |\n| --- | --- | --- | --- | --- |")
    for folder in options.folders:
        files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in ENDINGS)
        for kind in KINDS:
            rng = np.random.default_rng([options.seed, len(kind)])
            drawn = [files[place] for place in rng.permutation(len(files))[: options.images]]
            with tempfile.TemporaryDirectory() as scratch:
                plant(drawn, Path(scratch), kind, rng)
                (outcomes,) = judge(Path(scratch)).values()
            count = Counter(outcome for outcome, _ in outcomes)
            why = Counter(reason for outcome, reason in outcomes if outcome == "goes")
            told = ", ".join(f"{reason} {n}" for reason, n in why.most_common())
            shown = f"{count['goes']} of {len(outcomes)} | {count['left alone']} | {told}"
            print(f"| {folder.name} | {kind} | {shown} |", flush=True)


if __name__ == "__main__":
    main()
