"""Are collages told from frames, screenshots and crops?

    python tests/benchmarks/collages.py PHOTOS [--n 40] [--seed 0]

Each of n photos is laid into collages with other photos (rows, columns and grids, with and without
gutters), into a screenshot and a border, and cut into crops of 15 to 60 % of its area; then photo
and result are compared as `curate compare` does. Told by kind: how many pairs are copies, a part of
a collage, a scene, or nothing; and the seam, what lies outside and how varied that is, which decide
(`curate/copies/looks.py`), at the tenth, half and nine tenths.
"""

import argparse
import random
import tempfile
from collections import Counter, defaultdict
from pathlib import Path
from unittest.mock import patch

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from curate.copies.verification import surroundings
from curate.stages.compare import compare

SIDES = 320, 240
GRIDS = {
    "row of 2": (2, 1, 0),
    "column of 2": (1, 2, 0),
    "row of 5": (5, 1, 0),
    "grid of 4": (2, 2, 0),
    "grid of 9": (3, 3, 0),
    "grid of 4, gutters": (2, 2, 6),
    "row of 3, gutters": (3, 1, 8),
}


def fit(picture, rng):
    """Return a picture of the size of a place in a grid, squeezed or cut."""
    return picture.resize(SIDES) if rng.random() < 0.5 else ImageOps.fit(picture, SIDES)


def make_grid(one, others, columns, rows, gutter, rng):
    """Return a collage that shows a picture among others."""
    w, h = SIDES
    size = columns * w + (columns + 1) * gutter, rows * h + (rows + 1) * gutter
    whole = Image.new("RGB", size, rng.choice(["white", "black", "#808890"]))
    at = rng.randrange(columns * rows)
    for place in range(columns * rows):
        shown = one if place == at else others[place % len(others)]
        column, row = place % columns, place // columns
        corner = gutter + column * (w + gutter), gutter + row * (h + gutter)
        whole.paste(fit(shown, rng), corner)
    return whole


def make_screenshot(one, rng):
    """Return a picture in a made page: a bar, names, text, white."""
    width = 540
    shown = one.resize((width, round(width * one.height / one.width)))
    height = shown.height + rng.randrange(280, 620)
    page = Image.new("RGB", (width, height), rng.choice(["white", "#15202b", "#f0f2f5"]))
    ink = "black" if page.getpixel((0, 0))[0] > 128 else "white"
    draw, top = ImageDraw.Draw(page), rng.randrange(110, 180)
    draw.rectangle((0, 0, width, 50), fill=rng.choice(["black", "#1877f2", "#eeeeee"]))
    font = ImageFont.load_default(20)
    draw.text((20, 70), "some_account · 3 h", font=font, fill=ink)
    page.paste(shown, (0, top))
    words = "so this is what we found on the way home and nobody knows whose it is".split()
    for line in range(top + shown.height + 10, height - 30, 28):
        draw.text((20, line), " ".join(rng.sample(words, 6)), font=font, fill=ink)
    return page


def make_crop(one, share, rng):
    """Return a piece of a picture, one in two from an edge."""
    width, height = (int(side * share**0.5) for side in one.size)
    left, top = rng.randrange(one.width - width + 1), rng.randrange(one.height - height + 1)
    if rng.random() < 0.5:
        left = rng.choice([0, one.width - width])
    return one.crop((left, top, left + width, top + height))


def make_results(one, others, rng):
    """Yield a kind and what it makes of a picture."""
    for name, (columns, rows, gutter) in GRIDS.items():
        yield name, make_grid(one, others, columns, rows, gutter, rng)
    yield "screenshot", make_screenshot(one, rng)
    border = Image.new("RGB", [side + 80 for side in one.size], rng.choice(["white", "black"]))
    border.paste(one, (40, 40))
    yield "border", border
    for share in (0.15, 0.3, 0.45, 0.6):
        yield f"crop of {share:.0%}", make_crop(one, share, rng)


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("--n", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    rng = random.Random(asked.seed)
    paths = sorted(p for p in asked.photos.rglob("*") if p.suffix.lower() in (".jpg", ".jpeg"))
    rng.shuffle(paths)
    relations, measured = defaultdict(Counter), defaultdict(list)
    measure = surroundings.measure_outside

    def note(image, covered):
        values = measure(image, covered)
        seen.append(values)
        return values

    with tempfile.TemporaryDirectory() as scratch:
        for path in paths[: asked.n]:
            one = Image.open(path).convert("RGB")
            others = [Image.open(rng.choice(paths)).convert("RGB") for _ in range(8)]
            for kind, result in make_results(one, others, rng):
                made, seen = Path(scratch) / "made.jpg", []
                result.save(made, quality=88)
                with patch.object(surroundings, "measure_outside", note):
                    relations[kind][compare(path, made).relation or "nothing"] += 1
                measured[kind] += [max(seen)] if seen else []
    print("kind                 relations; outside, seam, varied at 10, 50, 90 %")
    for kind, counts in relations.items():
        told = ", ".join(f"{name} {n}" for name, n in counts.most_common())
        values = np.quantile(measured[kind], (0.1, 0.5, 0.9), axis=0).T if measured[kind] else []
        shown = "; ".join(" ".join(f"{value:.2f}" for value in row) for row in values)
        print(f"{kind:20} {told:44} {shown}")


if __name__ == "__main__":
    main()
