"""How many marked copies are found, by what lies over them.

    python tests/benchmarks/marked_copies.py FOLDER... [--each 20] [--others 140] [--seed 3]
        [--keep DIR]

Marks as the web and a workplace lay them over pictures: watermarks in rows, straight and turned,
one large word, a grid, subtitles, the words of a meme, a date, boxes of a detector, a part blurred
or in blocks, black bars, an arrow with a ring, a button to play, the sign of a channel. Of a folder
so many images get each, others stand beside them; then copies are looked for at the defaults. Told
are the pairs found by kind and the groups that hold more than one picture.
"""

import argparse
import random
import tempfile
from collections import Counter, defaultdict
from pathlib import Path

import pyarrow.parquet as pq
from PIL import Image, ImageDraw, ImageFilter, ImageFont

import curate

MARKS = ("STOCKPHOTO", "SAMPLE", "PREVIEW", "www.site.com", "© Jane Doe", "photolib")
LINES = ("I never said that to you", "Where are we going now?", "- Hello? - Who is there?")
TOP, BOTTOM = ("WHEN THE CODE", "ME ON MONDAY", "THAT MOMENT"), ("JUST WORKS", "AGAIN", "IS OVER")
INKS = ((255, 255, 255), (255, 255, 255), (0, 0, 0), (160, 160, 160))
VIVID = ((0, 255, 0), (255, 0, 0), (255, 255, 0), (0, 80, 255))


def font(size):
    return ImageFont.load_default(max(6, round(size)))


def lay_over(image, draw, angle=0):
    """Return an image under a layer that a function draws on, turned by an angle."""
    width, height = image.size
    side = round((width**2 + height**2) ** 0.5) + 2 if angle else 0
    layer = Image.new("RGBA", (side or width, side or height), (0, 0, 0, 0))
    draw(ImageDraw.Draw(layer), *layer.size)
    if angle:
        left, top = (side - width) // 2, (side - height) // 2
        layer = layer.rotate(angle, Image.Resampling.BICUBIC)
        layer = layer.crop((left, top, left + width, top + height))
    return Image.alpha_composite(image.convert("RGBA"), layer).convert("RGB")


def choose_ink(rng, least, most):
    return (*rng.choice(INKS), round(255 * rng.uniform(least, most)))


def put_rows(image, rng, angle=0):
    ink, word = choose_ink(rng, 0.25, 0.6), rng.choice(MARKS)
    size = image.height * rng.uniform(0.04, 0.1)
    apart, gap = size * rng.uniform(2, 4), size * rng.uniform(0.5, 2)

    def draw(layer, width, height):
        step = layer.textlength(word, font(size)) + gap
        for row in range(round(height / apart) + 1):
            for column in range(-1, round(width / step) + 1):
                place = (column * step + row * 37 % step, row * apart)
                layer.text(place, word, font=font(size), fill=ink)

    return lay_over(image, draw, angle)


def put_turned_rows(image, rng):
    return put_rows(image, rng, rng.choice([30, 45, -30]))


def put_one_word(image, rng):
    ink, word, share = choose_ink(rng, 0.3, 0.7), rng.choice(MARKS), rng.uniform(0.6, 0.95)

    def draw(layer, width, height):
        size = 20 * image.width * share / layer.textlength(word, font(20))
        place = (width / 2, height / 2)
        layer.text(place, word, font=font(size), fill=ink, anchor="mm")

    return lay_over(image, draw, rng.choice([0, 30, -30]))


def put_grid(image, rng):
    ink, word, n = choose_ink(rng, 0.3, 0.6), rng.choice(MARKS), rng.randint(3, 6)

    def draw(layer, width, height):
        for number in range(-n, 2 * n):
            left = number * width / n
            for line in ((left, 0, left + height, height), (left, height, left + height, 0)):
                layer.line(line, fill=ink, width=max(1, width // 200))
        layer.text((width / 2, height / 2), word, font=font(height * 0.07), fill=ink, anchor="mm")

    return lay_over(image, draw)


def put_outlined(layer, word, place, size, fill):
    layer.text(
        place, word, font=font(size), fill=fill, anchor="mm",
        stroke_width=max(1, round(size / 12)), stroke_fill=(0, 0, 0, 255),
    )  # fmt: skip


def put_subtitle(image, rng):
    line, fill = rng.choice(LINES), (255, 255, rng.choice([255, 90]), 255)
    size = image.height * rng.uniform(0.05, 0.08)
    return lay_over(
        image, lambda layer, w, h: put_outlined(layer, line, (w / 2, h * 0.9), size, fill)
    )


def put_meme(image, rng):
    size, words = image.height * rng.uniform(0.09, 0.14), (rng.choice(TOP), rng.choice(BOTTOM))

    def draw(layer, width, height):
        for word, at in zip(words, (0.1, 0.9), strict=True):
            put_outlined(layer, word, (width / 2, height * at), size, (255, 255, 255, 255))

    return lay_over(image, draw)


def put_date(image, rng):
    day = f"{rng.randint(1, 12)}/{rng.randint(1, 28)}/200{rng.randint(0, 9)}"
    return lay_over(
        image,
        lambda layer, w, h: layer.text(
            (w * 0.66, h * 0.9), day, font=font(h * 0.06), fill=(255, 140, 0, 255)
        ),
    )


def put_boxes(image, rng):
    def draw(layer, width, height):
        for _ in range(rng.randint(1, 4)):
            x, y = rng.uniform(0, 0.6) * width, rng.uniform(0.1, 0.6) * height
            ends = x + rng.uniform(0.2, 0.4) * width, y + rng.uniform(0.2, 0.4) * height
            fill, name = (*rng.choice(VIVID), 255), rng.choice(["dog 0.98", "person 0.87"])
            layer.rectangle((x, y, *ends), outline=fill, width=max(2, width // 150))
            letters = font(height * 0.045)
            tab = (x, y - height * 0.06, x + layer.textlength(name, letters) + 4, y)
            layer.rectangle(tab, fill=fill)
            layer.text((x + 2, y - height * 0.06), name, font=letters, fill=(0, 0, 0, 255))

    return lay_over(image, draw)


def hide_part(image, rng):
    size = [round(side * rng.uniform(0.15, 0.35)) for side in image.size]
    left, top = (round(side * rng.uniform(0.2, 0.6)) for side in image.size)
    part = image.crop((left, top, left + size[0], top + size[1]))
    if rng.random() < 0.5:
        part = part.resize((6, 6)).resize(size, Image.Resampling.NEAREST)
    else:
        part = part.filter(ImageFilter.GaussianBlur(image.width / 25))
    hidden = image.copy()
    hidden.paste(part, (left, top))
    return hidden


def put_bars(image, rng):
    def draw(layer, width, height):
        for _ in range(rng.randint(1, 3)):
            x, y = rng.uniform(0.1, 0.6) * width, rng.uniform(0.1, 0.8) * height
            ends = x + width * rng.uniform(0.15, 0.35), y + height * rng.uniform(0.04, 0.1)
            layer.rectangle((x, y, *ends), fill=(0, 0, 0, 255))

    return lay_over(image, draw)


def put_arrow(image, rng):
    red, share = (255, 0, 0, 255), rng.uniform(0.1, 0.2)
    at = rng.uniform(0.3, 0.7), rng.uniform(0.3, 0.7)

    def draw(layer, width, height):
        x, y, reach = at[0] * width, at[1] * height, share * width
        ring = (x - reach, y - reach, x + reach, y + reach)
        layer.ellipse(ring, outline=red, width=max(3, width // 80))
        line = (0.05 * width, 0.05 * height, x - reach * 0.7, y - reach * 0.7)
        layer.line(line, fill=red, width=max(3, width // 60))

    return lay_over(image, draw)


def put_button(image, rng):
    share, played = rng.uniform(0.08, 0.16), rng.uniform(0.2, 0.8)

    def draw(layer, width, height):
        x, y, reach = width / 2, height / 2, share * width
        layer.ellipse((x - reach, y - reach, x + reach, y + reach), fill=(0, 0, 0, 150))
        tip, back = (x + reach * 0.55, y), x - reach * 0.35
        wings = [(back, y - reach * 0.5), (back, y + reach * 0.5), tip]
        layer.polygon(wings, fill=(255, 255, 255, 230))
        layer.rectangle((0, height * 0.96, width * played, height), fill=(255, 0, 0, 255))

    return lay_over(image, draw)


def put_sign(image, rng):
    reach, strength = rng.uniform(0.05, 0.09) * image.width, round(255 * rng.uniform(0.4, 1))
    colour = tuple(rng.randint(0, 255) for _ in range(3))
    corner = rng.choice([(0, 0), (1, 0), (1, 1)])

    def draw(layer, *size):
        x, y = (reach * 1.4 if low == 0 else side - reach * 1.4
                for low, side in zip(corner, size, strict=True))  # fmt: skip
        layer.ellipse((x - reach, y - reach, x + reach, y + reach), fill=(*colour, strength))
        layer.text((x, y), "TV", font=font(reach), fill=(255, 255, 255, strength), anchor="mm")

    return lay_over(image, draw)


KINDS = {
    "rows of a word": put_rows,
    "rows, turned": put_turned_rows,
    "one large word": put_one_word,
    "a grid": put_grid,
    "subtitle": put_subtitle,
    "meme": put_meme,
    "date": put_date,
    "boxes": put_boxes,
    "part hidden": hide_part,
    "bars": put_bars,
    "arrow": put_arrow,
    "button": put_button,
    "sign": put_sign,
}


def make(paths, out, each, others, rng):
    """Write originals, a marked copy of each, and others; return the picture of each path."""
    out.mkdir(parents=True)
    left, picture_of = iter(paths), {}
    for kind, mark in KINDS.items():
        for number in range(each):
            image = Image.open(next(left)).convert("RGB")
            name = f"{kind.replace(' ', '_')}-{number}"
            image.save(out / f"{name}-original.jpg", quality=92)
            mark(image, rng).save(out / f"{name}-marked.jpg", quality=rng.choice([75, 85, 92]))
            picture_of |= {f"{name}-{which}.jpg": name for which in ("original", "marked")}
    for number, path in enumerate(list(left)[:others]):
        Image.open(path).convert("RGB").save(out / f"other-{number}.jpg", quality=92)
        picture_of[f"other-{number}.jpg"] = f"other-{number}"
    return picture_of


def measure(folder, place, scratch, asked):
    """Print how many marked copies of a folder's images are found; return the number."""
    rng = random.Random(asked.seed)
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in (".jpg", ".jpeg", ".png"))
    rng.shuffle(paths)
    picture_of = make(paths, place, asked.each, asked.others, rng)
    table = scratch / "manifest.parquet"
    curate.dedup(place, out=table, workspace=scratch / "workspace")
    pictures = defaultdict(list)
    for row in pq.read_table(table, columns=["path", "group"]).to_pylist():
        if row["group"] is not None:
            pictures[row["group"]].append(picture_of[row["path"]])
    found = Counter()
    for group in pictures.values():
        found.update(name.split("-")[0] for name, n in Counter(group).items() if n == 2)
    mixed = [sorted(set(group)) for group in pictures.values() if len(set(group)) > 1]
    told = ", ".join(f"{kind} {found[kind.replace(' ', '_')]}" for kind in KINDS)
    print(f"{folder.name}: {found.total()} of {asked.each * len(KINDS)}; mixed {mixed}; {told}")
    return found.total()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--each", type=int, default=20)
    parser.add_argument("--others", type=int, default=140)
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--keep", type=Path)
    asked = parser.parse_args()
    total = 0
    for folder in asked.folders:
        with tempfile.TemporaryDirectory() as scratch:
            place = (asked.keep or Path(scratch)) / folder.name
            total += measure(folder, place, Path(scratch), asked)
    print(f"all: {total} of {asked.each * len(KINDS) * len(asked.folders)} found")


if __name__ == "__main__":
    main()
