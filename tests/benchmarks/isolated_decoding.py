"""Measure what decoding in a process of its own costs, by format.

    python tests/benchmarks/isolated_decoding.py FOLDER [--images 100] [--rounds 7]

Pictures of FOLDER are written anew in each format and decoded here and apart, in turns. Told is,
for each format, the median of the ratios of the rounds: time apart to time here.
"""

import argparse
import io
import time
from pathlib import Path
from statistics import median

from PIL import Image

from curate.images.decode_here import decode_here
from curate.images.isolation import decode_apart
from curate.images.picture import Decoded, Wish

FORMATS = ("WEBP", "TIFF", "PNG", "BMP", "GIF", "JPEG2000")


def encode(path, name):
    """Return a picture's bytes in another format."""
    with Image.open(path) as image:
        target = io.BytesIO()
        image.convert("RGB").save(target, name)
    return target.getvalue()


def timed(decode, files, wish):
    """Return the seconds that all files take."""
    start = time.perf_counter()
    for raw in files:
        assert isinstance(decode(raw, wish), Decoded)
    return time.perf_counter() - start


def main():
    """Run the rounds and print a line for each format."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    paths = sorted(
        path for path in options.folder.rglob("*") if path.suffix.lower() in {".jpg", ".jpeg"}
    )
    for name in FORMATS:
        files = [encode(path, name) for path in paths[: options.images]]
        wish = Wish(is_apart=True)
        timed(decode_apart, files, wish), timed(decode_here, files, wish)
        rounds = [
            (timed(decode_apart, files, wish), timed(decode_here, files, wish))
            for _ in range(options.rounds)
        ]
        ratio = median(apart / here for apart, here in rounds)
        each = 1000 * median(here for _, here in rounds) / len(files)
        print(f"{name:10} {len(files)} files, {each:.2f} ms here, apart {ratio:.2f} times that")


if __name__ == "__main__":
    main()
