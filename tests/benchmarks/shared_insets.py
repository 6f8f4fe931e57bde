"""Pictures that hold the same cut-out in other scenes, and true copies among them: who is accused.

    python tests/benchmarks/shared_insets.py PHOTOS [--n 400] [--side 160] [--seed 0]

Of n photos, shrunk to --side px at most, each gets one of n / 4 cut-outs (other photos, rectangles
and ellipses, a sixth to a third of the area, a fifth of them mirrored) laid somewhere over it. One
picture in ten is written once more, saved anew, cut to a piece of 50 to 90 % or lettered. Told are
the images that `curate dedup` drops for a true copy, and those it drops for another scene.
"""

import argparse
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

import curate


def lay(photo, inset, rng):
    """Return a photo with a cut-out laid over it."""
    whole = photo.copy()
    share = rng.uniform(1 / 6, 1 / 3) ** 0.5
    size = [max(8, int(side * share)) for side in whole.size]
    piece = inset.resize(size)
    if rng.random() < 0.2:
        piece = piece.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    mask = Image.new("L", size, 0 if rng.random() < 0.3 else 255)
    ImageDraw.Draw(mask).ellipse((0, 0, *(side - 1 for side in size)), fill=255)
    place = [int(rng.integers(0, a - b + 1)) for a, b in zip(whole.size, size, strict=True)]
    whole.paste(piece, place, mask)
    return whole


def alter(image, rng):
    """Return a copy of an image and what was done to it."""
    match int(rng.integers(3)):
        case 0:
            return image.resize([int(side * 0.8) for side in image.size]), "smaller"
        case 1:
            share = rng.uniform(0.5, 0.9) ** 0.5
            size = [int(side * share) for side in image.size]
            left, top = (
                int(rng.integers(0, a - b + 1)) for a, b in zip(image.size, size, strict=True)
            )
            return image.crop((left, top, left + size[0], top + size[1])), "piece"
        case _:
            lettered = image.copy()
            font = ImageFont.load_default(image.height // 8)
            ImageDraw.Draw(lettered).text((5, 5), "FOR SALE", font=font, fill=(255, 255, 0))
            return lettered, "lettered"


def make_and_search(photos, n, rng):
    """Return how many copies of each kind were made, and the rows of the manifest."""
    made = Counter()
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        (root / "images").mkdir()
        for number, photo in enumerate(photos[:n]):
            image = lay(photo, photos[n + number % (n // 4)], rng)
            image.save(root / "images" / f"{number:05d}.jpg", quality=int(rng.integers(75, 95)))
            if number % 10 == 0:
                copy, what = alter(image, rng)
                made[what] += 1
                copy.save(root / "images" / f"{number:05d}_{what}.jpg", quality=80)
        curate.dedup(root / "images", out=root / "m.parquet", workspace=root / ".curate")
        return made, curate.read_manifest(root / "m.parquet").rows.read().to_pylist()


def main():
    """Make a folder, look for copies and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("--n", type=int, default=400)
    parser.add_argument("--side", type=int, default=160)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    rng = np.random.default_rng(asked.seed)
    paths = sorted(
        p for p in asked.photos.rglob("*") if p.suffix.lower() in (".jpg", ".jpeg", ".png")
    )
    order = rng.permutation(len(paths))
    n = min(asked.n, len(paths) * 4 // 5)
    photos = [Image.open(paths[k]).convert("RGB") for k in order[: n + n // 4]]
    for photo in photos:
        photo.thumbnail((asked.side, asked.side))
    made, rows = make_and_search(photos, n, rng)
    done = Counter()
    for row in rows:
        if row["duplicate_of"]:
            both = sorted([row["path"], row["duplicate_of"]], key=len)
            is_true = both[0][:5] == both[1][:5]
            done[both[1][6:-4] if is_true else "another scene"] += 1
    print(f"{n} pictures and {made.total()} copies; dropped, of those made:")
    for what, count in made.items():
        print(f"  {what:14}{done[what]:4} of {count}")
    print(f"  another scene {done['another scene']:4}")


if __name__ == "__main__":
    main()
