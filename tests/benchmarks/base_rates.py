"""Measure whether the probability of a copy holds, however rare copies are.

    python tests/benchmarks/base_rates.py FOLDER... --copybench ../shared/copybench \\
        [--shares 0 0.005 0.02 0.1 0.5] [--images 600] [--seed 0]

Of each FOLDER, in which next to nothing is a copy, images are taken and altered copies put among
them, so that these are the share asked for. Told are, for each share: candidates looked at closely,
pairs accepted at an asked precision of 0.9 and 0.99 and how many of them are right, the expected
calibration error over all of them and over those told more than 0.02, and the share of planted
copies whose pair with the original is accepted. FOLDER.csv beside a folder, or in it, with the
columns path and group names copies that were there before.
"""

import argparse
import csv
import importlib.util
import random
import tempfile
from pathlib import Path

import numpy as np
from folder_evidence import collect
from PIL import Image

from curate.copies.probability.classifier import find_threshold

ENDINGS = {".jpg", ".jpeg", ".png"}


def load_kinds(copybench):
    """Return by family and name the ways to alter a picture of copybench's ``make.py``."""
    spec = importlib.util.spec_from_file_location("copybench_make", copybench / "make.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return {name: kinds for name, kinds in module.KINDS.items() if name != "pixels"}


def plant(folder, out, kinds, *, share, n, seed):
    """Write images and copies of some; return the names by which copies are known."""
    rng = random.Random(f"{folder}{share}{seed}")
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in ENDINGS)
    files = rng.sample(files, min(n, len(files)))
    n_copies = round(len(files) * share)
    files = files[: len(files) - n_copies]
    known = read_known(folder)
    truth = {}
    for number, file in enumerate(files):
        name = f"{number:05d}{file.suffix}"
        (out / name).write_bytes(file.read_bytes())
        truth[name] = known.get(file.name, str(number))
    for number in range(n_copies):
        at = number % len(files)
        with Image.open(files[at]) as image:
            content, ending = rng.choice(kinds)(image.convert("RGB"), rng)
        name = f"c{number:05d}{ending}"
        (out / name).write_bytes(content)
        truth[name] = truth[f"{at:05d}{files[at].suffix}"]
    return truth


def read_known(folder):
    """Return the group of each file that was a copy before, by name."""
    for path in (folder / "truth.csv", folder.parent / "truth.csv"):
        if path.is_file():
            with path.open(newline="") as source:
                return {row["path"]: row["group"] for row in csv.DictReader(source) if row["group"]}
    return {}


def measure_error(probability, is_copy, least):
    """Return the expected calibration error, in ten bins, over pairs told at least ``least``."""
    told = probability >= least
    probability, is_copy = probability[told], is_copy[told]
    if len(probability) == 0:
        return 0.0
    bins = np.minimum((probability * 10).astype(int), 9)
    gaps = [abs(probability[bins == k].sum() - is_copy[bins == k].sum()) for k in range(10)]
    return sum(gaps) / len(probability)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--copybench", type=Path, required=True)
    parser.add_argument("--shares", type=float, nargs="+", default=[0, 0.005, 0.02, 0.1, 0.5])
    parser.add_argument("--images", type=int, default=600)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    families = load_kinds(options.copybench)
    kinds = [make for family in families.values() for make in family.values()]
    print(
        "folder, share: images, close pairs | at 0.9: right/accepted | at 0.99 | "
        "ECE of all, of doubtful | recall"
    )
    for folder in options.folders:
        for share in options.shares:
            with tempfile.TemporaryDirectory() as scratch:
                out = Path(scratch) / "images"
                out.mkdir()
                truth = plant(folder, out, kinds, share=share, n=options.images, seed=options.seed)
                found = collect(out, truth, Path(scratch) / "workspace")
            p, y = found.probability, found.is_copy
            counts = []
            for precision in (0.9, 0.99):
                accepted = p >= find_threshold(p, precision)
                counts.append(f"{int(y[accepted].sum()):5}/{int(accepted.sum()):<5}")
            is_close = np.isfinite(found.evidence).all(axis=1)
            errors = [measure_error(p[is_close], y[is_close], least) for least in (0, 0.02)]
            is_planted = np.array([name.startswith("c") for name in found.paths])
            direct = y & (is_planted[found.a] != is_planted[found.b]) & accepted
            reached = np.unique(np.concatenate([found.a[direct], found.b[direct]]))
            recall = is_planted[reached].sum() / max(1, is_planted.sum())
            print(
                f"{folder.name:14}{share:6.3f}: {len(truth):5} {int(is_close.sum()):6} | "
                f"{counts[0]} | {counts[1]} | {errors[0]:.3f} {errors[1]:.3f} | {recall:.3f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
