"""Make a folder of real photographs without a download: pieces of those in two packages.

    python examples/demo_photos.py OUT

scikit-image and scikit-learn carry more than a dozen photographs. Each is cut into pieces that do
not overlap, so no two pieces are copies of each other; then known copies of some are planted.
OUT/images gets the files, OUT/planted.csv one row for each copy: its path, the original's path and
what was done to it.
"""

import argparse
import csv
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import skimage
import sklearn
from PIL import Image, ImageEnhance, ImageOps

PHOTOS = (
    "astronaut camera chelsea china clock_motion coffee coins flower hubble_deep_field ihc moon "
    "motorcycle_left retina rocket"
).split()
"""Not brick, grass and gravel: textures made seamless by cloning, so their pieces are copies."""
SIDE = 100
LEAST_CONTRAST = 12.0
N_COPIED = 70

Alteration = Callable[[Image.Image, random.Random], Image.Image]


def cropped(image: Image.Image, chance: random.Random) -> Image.Image:
    """Cut off a tenth to a quarter of each direction."""
    share = chance.uniform(0.75, 0.9)
    width, height = round(image.width * share), round(image.height * share)
    left, top = chance.randint(0, image.width - width), chance.randint(0, image.height - height)
    return image.crop((left, top, left + width, top + height))


ALTERATIONS: dict[str, Alteration] = {
    "saved again": lambda image, _: image,
    "mirrored": lambda image, _: ImageOps.mirror(image),
    "turned": lambda image, _: image.transpose(Image.Transpose.ROTATE_90),
    "smaller": lambda image, _: image.resize((image.width * 2 // 3, image.height * 2 // 3)),
    "brighter": lambda image, _: ImageEnhance.Brightness(image).enhance(1.3),
    "grey": lambda image, _: ImageOps.grayscale(image),
    "cropped": cropped,
}


def photo_files() -> Iterator[Path]:
    """Yield the photographs in the wheels, by name."""
    folders = [
        Path(skimage.__file__).parent / "data",
        Path(sklearn.__file__).parent / "datasets" / "images",
    ]
    files = {file.stem: file for folder in folders for file in sorted(folder.iterdir())}
    yield from (files[name] for name in PHOTOS if name in files)


def pieces(photo: Image.Image) -> Iterator[Image.Image]:
    """Yield pieces that do not overlap, those with too little to see left out."""
    for top in range(0, photo.height - SIDE + 1, SIDE):
        for left in range(0, photo.width - SIDE + 1, SIDE):
            piece = photo.crop((left, top, left + SIDE, top + SIDE))
            if np.asarray(piece.convert("L"), float).std() >= LEAST_CONTRAST:
                yield piece


def main() -> None:
    """Write the folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, help="The folder to make.")
    out = parser.parse_args().out
    images = out / "images"
    originals: list[Path] = []
    for file in photo_files():
        folder = images / file.stem
        folder.mkdir(parents=True)
        with Image.open(file) as photo:
            for number, piece in enumerate(pieces(photo.convert("RGB"))):
                originals.append(folder / f"{number:03d}.jpg")
                piece.save(originals[-1], quality=92)
    chance = random.Random(0)
    (images / "scraped").mkdir()
    with (out / "planted.csv").open("w", newline="") as target:
        table = csv.writer(target)
        table.writerow(("copy", "original", "alteration"))
        for number, original in enumerate(chance.sample(originals, N_COPIED)):
            name = list(ALTERATIONS)[number % len(ALTERATIONS)]
            copy = images / "scraped" / f"{number:03d}.jpg"
            with Image.open(original) as image:
                ALTERATIONS[name](image, chance).save(copy, quality=chance.randint(60, 85))
            paths = (path.relative_to(images).as_posix() for path in (copy, original))
            table.writerow((*paths, name))
    print(f"{len(originals)} pieces of {len(PHOTOS)} photographs and {N_COPIED} copies in {images}")


if __name__ == "__main__":
    main()
