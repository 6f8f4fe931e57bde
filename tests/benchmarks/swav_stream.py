"""Whether training from a memory-mapped file is as fast as from memory.

    python tests/benchmarks/swav_stream.py [--images 60000] [--side 96] [--steps 60] [--threads 1]

Trains the small default network on made pixels for some steps, three times: with the pixels in
memory, in a mapped file that the system has cached, and in one that it has just forgotten. Rounds
of the three are interleaved and the medians of five are compared.
"""

import argparse
import os
import statistics
import tempfile
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import torch

from swav_train.config import TrainConfig, parse_crops
from swav_train.data.batch_reader import BatchReader
from swav_train.data.pixel_source import PixelSource
from swav_train.data.seeds import make_generator
from swav_train.device import resolve_device
from swav_train.method.multicrop import MultiCrop
from swav_train.run.state import new_state
from swav_train.run.step import train_step

ROUNDS = 5


def forget(path):
    """Ask the system to drop a file from its cache."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


class Steps:
    """Some steps of a training, from any pixels."""

    def __init__(self, side, device):
        config = TrainConfig(crops=parse_crops(f"2x{8 * round(side / 12)}"), cache_size=side)
        self.config, self.device = config, device
        self.state = new_state(config, device)
        self.views = MultiCrop(config, precision=torch.bfloat16)

    def reader(self, pixels):
        source = PixelSource(pixels, size=self.config.cache_size)
        return BatchReader(
            source,
            torch.arange(len(source)),
            batch_size=self.config.batch_size,
            seed=0,
            device=self.device,
            draw=lambda aspects, step: self.views.draw(aspects, make_generator("crops", step)),
        )

    def seconds(self, pixels, first, n_steps):
        with closing(self.reader(pixels)) as batches:
            self.step(batches, first)
            began = time.perf_counter()
            for number in range(first + 1, first + 1 + n_steps):
                self.step(batches, number)
            return time.perf_counter() - began

    def step(self, batches, number):
        pixels, drawn = batches.read(0, number % batches.steps_per_epoch)
        train_step(self.state, self.views.cut(pixels, drawn), learning_rate=1e-3)


def make_file(path, shape):
    """Write random pixels to a file that can be mapped."""
    mapped = np.lib.format.open_memmap(path, "w+", np.uint8, shape)
    rng = np.random.default_rng(0)
    for start in range(0, len(mapped), 4096):
        part = mapped[start : start + 4096]
        part[:] = rng.integers(0, 256, part.shape, np.uint8)
    mapped.flush()


def measure(path, side, n_steps):
    """Return the seconds of each round, by where the pixels are, and the images of a step."""
    few = np.ascontiguousarray(np.load(path, mmap_mode="r")[:4096])
    steps = Steps(side, resolve_device("auto"))
    seconds = {"memory": [], "mapped, cached": [], "mapped, forgotten": []}
    for number in range(ROUNDS):
        first = number * n_steps
        seconds["memory"].append(steps.seconds(few, first, n_steps))
        forget(path)
        pixels = np.load(path, mmap_mode="r")
        seconds["mapped, forgotten"].append(steps.seconds(pixels, first, n_steps))
        seconds["mapped, cached"].append(steps.seconds(pixels, first, n_steps))
    return seconds, steps.config.batch_size


def main():
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=60_000)
    parser.add_argument("--side", type=int, default=96)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--folder", type=Path, help="Where the file is made.")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory(dir=options.folder) as scratch:
        path = Path(scratch) / "pixels.npy"
        make_file(path, (options.images, 3, options.side, options.side))
        seconds, batch_size = measure(path, options.side, options.steps)
        print(f"{path.stat().st_size / 1e9:.1f} GB, batches of {batch_size}")
        print("| pixels | images/s | ratio to memory |")
        print("| --- | --- | --- |")
        base = statistics.median(seconds["memory"])
        for name, times in seconds.items():
            middle = statistics.median(times)
            rate = options.steps * batch_size / middle
            print(f"| {name} | {rate:.0f} | {base / middle:.2f} |")


if __name__ == "__main__":
    main()
