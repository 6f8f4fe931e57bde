"""Show how the time and memory of the copy finder grow with the number of images.

    python tests/benchmarks/dedup_scale.py [--sizes 1000 4000 16000 64000] [--side 64]

Images are made from their number when they are asked for, so nothing but the finder takes memory.
One in fifty is a copy of another: mirrored, cut, darkened or shrunk.
"""

import argparse
import hashlib
import resource
import time

import cv2
import numpy as np

from curate.copies.config import DedupConfig
from curate.copies.find import find_copies
from curate.copies.records import UNKNOWN_TIME, Images
from curate.images.perceptual_hash import perceptual_hash

EVERY = 50


class MadeImages:
    """Pictures by number; the digest of the number is the content hash."""

    def __init__(self, side):
        self.side, self.numbers = side, {}

    def name_of(self, number):
        name = hashlib.sha256(str(number).encode()).hexdigest()
        self.numbers[name] = number
        return name

    def picture(self, number):
        if number % EVERY == EVERY - 1:
            return self.altered(self.original(number - EVERY // 2), number // EVERY % 4)
        return self.original(number)

    def original(self, number):
        rng = np.random.default_rng(number)
        size = (self.side * 4 // 3, self.side)
        pixels = np.zeros((size[1], size[0], 3), np.float32)
        for cells, strength in ((3, 60), (9, 30), (27, 20)):
            noise = rng.normal(0, strength, (cells, cells + 1, 3)).astype(np.float32)
            pixels += cv2.resize(noise, size, interpolation=cv2.INTER_CUBIC)
        pixels = np.clip(pixels + 128, 0, 255).astype(np.uint8)
        for _ in range(8):
            middle = rng.integers(0, size).tolist()
            axes = rng.integers(3, self.side // 4, 2).tolist()
            colour = rng.integers(0, 256, 3).tolist()
            cv2.ellipse(pixels, middle, axes, int(rng.integers(180)), 0, 360, colour, -1)
        return pixels

    def altered(self, pixels, kind):
        if kind == 0:
            return np.ascontiguousarray(pixels[:, ::-1])
        if kind == 1:
            return np.ascontiguousarray(pixels[self.side // 6 :, : self.side])
        if kind == 2:
            return (pixels * 0.6).astype(np.uint8)
        return cv2.resize(pixels, None, fx=0.7, fy=0.7, interpolation=cv2.INTER_AREA)

    def read(self, content_hashes):
        return [self.picture(self.numbers[name]) for name in content_hashes]

    def digest(self, rows):
        return [hashlib.sha256(self.picture(row).tobytes()).digest() for row in rows]

    def read_exact(self, rows):
        return [self.picture(row) for row in rows]

    def hash_frames(self, row):
        return []

    def images(self, n):
        shapes, hashes = [], []
        for number in range(n):
            pixels = self.picture(number)
            shapes.append(pixels.shape[:2])
            hashes.append(perceptual_hash(pixels))
        return Images(
            path=[f"{number:08d}" for number in range(n)],
            is_other=np.zeros(n, bool),
            content_hash=[self.name_of(number) for number in range(n)],
            bytes=np.full(n, 1000, np.int64),
            width=np.array([shape[1] for shape in shapes], np.int32),
            height=np.array([shape[0] for shape in shapes], np.int32),
            format=["PNG"] * n,
            frames=np.ones(n, np.int32),
            phash=np.array(hashes, np.uint64),
            sharpness=np.ones(n, np.float32),
            mtime_ns=np.zeros(n, np.int64),
            taken_ms=np.full(n, UNKNOWN_TIME, np.int64),
            has_camera=np.zeros(n, bool),
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 4000, 16_000, 64_000])
    parser.add_argument("--side", type=int, default=64, help="px, short side of the images")
    options = parser.parse_args()
    made = MadeImages(options.side)
    for n in options.sizes:
        images = made.images(n)
        wall, cpu = time.perf_counter(), time.process_time()
        copies = find_copies(images, made, DedupConfig())
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        planted = np.arange(EVERY - 1, n, EVERY)
        grouped = copies.group[planted]
        found = (grouped >= 0) & (grouped == copies.group[planted - EVERY // 2])
        wrong = int((copies.group >= 0).sum()) - 2 * int(found.sum())
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        print(
            f"{n:7d} images  {wall:7.1f} s  {cpu:7.1f} CPU s  {1e3 * cpu / n:.2f} CPU ms an image  "
            f"{peak:.2f} GB  {found.sum()} of {len(planted)} copies found, {wrong} others grouped",
            flush=True,
        )


if __name__ == "__main__":
    main()
