"""Folders that share a frame, of kinds that no constant was set on: how many images are accused.

    python tests/benchmarks/unseen_kinds.py PHOTOS [--n 36] [--kinds memes,maps] [--keep FOLDER]

Makes so many images of each kind, none a copy of another, looks for copies at the defaults, and
prints how many would go, how many scenes are told, and the likeliest pair. PHOTOS are photographs
for those kinds that show one. Letters are the hard kind: b and d, p and q, n and u, l and I are
mirrored or turned copies of each other.
"""

import argparse
import string
import tempfile
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from PIL import Image, ImageDraw, ImageFont

import curate

WHITE, BLACK = (255, 255, 255), (0, 0, 0)


def font(size):
    """Return the font that Pillow carries."""
    return ImageFont.load_default(size)


def words(rng, n, letters=string.ascii_lowercase):
    """Return n made words."""
    return " ".join("".join(rng.choice(list(letters), rng.integers(3, 9))) for _ in range(n))


def blank(width, height, colour=WHITE):
    """Return an image of one colour, and what draws on it."""
    image = Image.new("RGB", (width, height), colour)
    return image, ImageDraw.Draw(image)


def memes(n, rng, photos):
    """Yield one picture under other words each time."""
    picture = photos[0].resize((480, 360))
    for _ in range(n):
        image = picture.copy()
        draw = ImageDraw.Draw(image)
        style = {"font": font(30), "fill": WHITE, "stroke_width": 2, "stroke_fill": BLACK}
        draw.text((240, 10), words(rng, 3, string.ascii_uppercase), anchor="ma", **style)
        draw.text((240, 350), words(rng, 3, string.ascii_uppercase), anchor="md", **style)
        yield image


def stand(n, rng, photos):
    """Yield one place with another thing in its middle each time."""
    place = photos[1].resize((400, 400))
    mask = Image.new("L", (160, 160), 0)
    ImageDraw.Draw(mask).ellipse((5, 5, 155, 155), fill=255)
    for photo in photos[2 : 2 + n]:
        image = place.copy()
        image.paste(photo.resize((160, 160)), (120, 150), mask)
        yield image


def watermarks(n, rng, photos):
    """Yield plain pictures under one watermark."""
    for _ in range(n):
        image, draw = blank(400, 400, tuple(int(x) for x in rng.integers(150, 256, 3)))
        for _ in range(3):
            (left, right), (top, bottom) = np.sort(rng.integers(0, 400, (2, 2))).tolist()
            colour = tuple(int(x) for x in rng.integers(100, 256, 3))
            draw.ellipse((left, top, right + 4, bottom + 4), fill=colour)
        mark = ImageDraw.Draw(image, "RGBA")
        for y in range(0, 400, 66):
            for x in range(-400, 400, 133):
                mark.text((x + y // 2, y), "STOCKPHOTO", font=font(25), fill=(90, 90, 90, 160))
        yield image


def slides(n, rng, photos):
    """Yield pages of one presentation."""
    for number in range(n):
        image, draw = blank(960, 540)
        draw.rectangle((0, 0, 960, 70), fill=(20, 60, 120))
        draw.text((30, 18), "Quarterly review", font=font(30), fill=WHITE)
        draw.text((900, 500), str(number + 1), font=font(20), fill=(120, 120, 120))
        for line in range(5):
            draw.text((60, 110 + 70 * line), words(rng, 6), font=font(24), fill=BLACK)
        yield image


def chats(n, rng, photos):
    """Yield screens of one program with other messages."""
    for _ in range(n):
        image, draw = blank(414, 736, (236, 229, 221))
        draw.rectangle((0, 0, 414, 64), fill=(7, 94, 84))
        draw.text((70, 20), words(rng, 1), font=font(20), fill=WHITE)
        for y in range(80, 640, 50):
            text = words(rng, int(rng.integers(2, 5)))
            width = draw.textlength(text, font=font(15)) + 24
            x = 14 if rng.random() < 0.5 else 400 - width
            draw.rounded_rectangle((x, y, x + width, y + 38), 10, fill=WHITE)
            draw.text((x + 12, y + 10), text, font=font(15), fill=BLACK)
        yield image


def plates(n, rng, photos):
    """Yield licence plates."""
    for _ in range(n):
        image, draw = blank(520, 110)
        draw.rectangle((2, 2, 517, 107), outline=BLACK, width=4)
        draw.rectangle((4, 4, 50, 106), fill=(0, 50, 160))
        text = f"{words(rng, 1, string.ascii_uppercase)[:3]} {rng.integers(10, 9999)}"
        draw.text((285, 55), text, font=font(70), fill=BLACK, anchor="mm")
        yield image


def captchas(n, rng, photos):
    """Yield six letters under lines."""
    for _ in range(n):
        image, draw = blank(200, 70)
        text = "".join(rng.choice(list(string.ascii_uppercase), 6))
        draw.text((100, 35), text, font=font(36), fill=(40, 40, 40), anchor="mm")
        for _ in range(6):
            colour = tuple(rng.integers(80, 200, 3).tolist())
            draw.line((rng.random(4) * [200, 70, 200, 70]).tolist(), fill=colour, width=2)
        yield image


def sudokus(n, rng, photos):
    """Yield one grid with other digits."""
    for _ in range(n):
        image, draw = blank(460, 460)
        for line in range(10):
            at, width = 5 + 50 * line, 4 if line % 3 == 0 else 1
            draw.line((at, 5, at, 455), fill=BLACK, width=width)
            draw.line((5, at, 455, at), fill=BLACK, width=width)
        for row, column in np.argwhere(rng.random((9, 9)) < 0.35).tolist():
            place, digit = (30 + 50 * column, 30 + 50 * row), str(rng.integers(1, 10))
            draw.text(place, digit, font=font(30), fill=BLACK, anchor="mm")
        yield image


def maps(n, rng, photos):
    """Yield one map with other routes."""
    town, draw = blank(400, 400, (235, 240, 225))
    for _ in range(40):
        line = (400 * rng.random(6)).tolist()
        draw.line(line, fill=(200, 190, 160), width=int(rng.integers(1, 7)))
    for _ in range(n):
        image = town.copy()
        draw = ImageDraw.Draw(image)
        points = [tuple(point) for point in rng.uniform(20, 380, (6, 2)).tolist()]
        draw.line(points, fill=(30, 90, 220), width=5)
        for x, y in (points[0], points[-1]):
            draw.ellipse((x - 9, y - 9, x + 9, y + 9), fill=(220, 30, 30))
        yield image


def bars(n, rng, photos):
    """Yield one chart of other numbers."""
    for _ in range(n):
        image, draw = blank(450, 315)
        draw.text((225, 8), "Sales by region", font=font(18), fill=BLACK, anchor="ma")
        for number, height in enumerate(rng.uniform(20, 230, 6).tolist()):
            x = 60 + 62 * number
            draw.rectangle((x, 280 - height, x + 44, 280), fill=(31, 119, 180))
            draw.text((x + 22, 285), "ABCDEF"[number], font=font(14), fill=BLACK, anchor="ma")
        draw.line((50, 40, 50, 280, 440, 280), fill=BLACK, width=2)
        yield image


def traces(n, rng, photos):
    """Yield electrocardiograms on ruled paper."""
    x = np.arange(800)
    for _ in range(n):
        image, draw = blank(800, 300, (255, 245, 245))
        for at in range(0, 800, 10):
            draw.line((at, 0, at, 300), fill=(250, 200, 200))
            draw.line((0, at, 800, at), fill=(250, 200, 200))
        phase, height = (x % rng.uniform(60, 110)) / 85, rng.uniform(60, 110)
        y = 150 - height * np.exp(-(((phase - 0.4) / 0.02) ** 2)) + rng.normal(0, 1.5, 800)
        draw.line(list(zip(x.tolist(), y.tolist(), strict=True)), fill=BLACK, width=2)
        yield image


def letters(n, rng, photos):
    """Yield one letter each."""
    for letter in (string.ascii_letters + string.digits)[:n]:
        image, draw = blank(128, 128)
        draw.text((64, 64), letter, font=font(90), fill=BLACK, anchor="mm")
        yield image


KINDS = {
    make.__name__: make
    for make in (
        memes,
        stand,
        watermarks,
        slides,
        chats,
        plates,
        captchas,
        sudokus,
        maps,
        bars,
        traces,
        letters,
    )
}


def measure(kind, images, folder):
    """Print what is found among images of one kind."""
    (folder / "images").mkdir(parents=True)
    for number, image in enumerate(images):
        image.save(folder / "images" / f"{number:03}.png")
    curate.dedup(
        folder / "images",
        out=folder / "m.parquet",
        pairs=folder / "p.parquet",
        workspace=folder / ".curate",
    )
    table, pairs = pq.read_table(folder / "m.parquet"), pq.read_table(folder / "p.parquet")
    n_dropped = table["keep"].to_pylist().count(False)
    n_scenes = len(set(table["scene"].drop_null().to_pylist()))
    likeliest = max(pairs["similarity"].to_pylist(), default=None)
    shown = "" if likeliest is None else f"{likeliest:.4f}"
    print(f"| {kind} | {len(table)} | {n_dropped} | {n_scenes} | {shown} |", flush=True)


def main():
    """Make and measure each kind."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("--n", type=int, default=36)
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--keep", type=Path)
    arguments = parser.parse_args()
    files = sorted(path for path in arguments.photos.iterdir() if path.is_file())
    photos = [Image.open(path).convert("RGB") for path in files[: arguments.n + 2]]
    print("| kind | images | dropped | scenes | likeliest pair |\n| --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as scratch:
        for kind in arguments.kinds.split(","):
            images = KINDS[kind](arguments.n, np.random.default_rng(5), photos)
            measure(kind, images, (arguments.keep or Path(scratch)) / kind)


if __name__ == "__main__":
    main()
