"""How fast training runs, beside the same steps on a batch that is already there.

    python tests/benchmarks/swav_speed.py [--threads 1] [--steps 10] [--peer PEER/bin/python]

Prints one row per network, crops and batch: images/s of whole steps (batch read, crops drawn,
forward, backward, optimiser) and of steps on constant crops, and their ratio. PEER is the Python of
an environment with lightly, timm and safetensors: then lightly's loop runs with the same network,
crops and batch, and the last column is the ratio to it. With one thread and no peer, CPU time is
what counts, so that a busy machine does not matter.
"""

import argparse
import os
import subprocess
import time
from pathlib import Path

import numpy as np
import torch

from swav_train.config import TrainConfig, parse_crops
from swav_train.data.pixel_source import PixelSource
from swav_train.data.seeds import make_generator
from swav_train.device import resolve_device, resolve_precision
from swav_train.method.multicrop import MultiCrop
from swav_train.run.state import new_state
from swav_train.run.step import train_step

CASES = (
    ("resnet18", "small", "2x32", 32, 256),
    ("resnet10_w32", "small", "2x32", 32, 128),
    ("resnet10_w32", "small", "2x64", 96, 128),
    ("resnet10_w64", "small", "2x32", 32, 256),
    ("resnet18", "standard", "2x128+4x64", 160, 64),
)
GPU_CASES = (
    ("resnet18", "small", "2x32", 32, 256),
    ("resnet50", "standard", "2x224+6x96", 256, 128),
)


def seconds_per_step(step, n_steps, device, clock):
    """Return the mean seconds of ``step`` after one call to warm up."""
    step(0)
    if device.type == "cuda":
        torch.cuda.synchronize()
    began = clock()
    for number in range(1, n_steps + 1):
        step(number)
    if device.type == "cuda":
        torch.cuda.synchronize()
    return (clock() - began) / n_steps


def lightly_rate(case, n_steps, peer):
    """Return images/s of lightly's loop."""
    folder = Path(__file__).parent
    settings = [str(value) for value in (*case, n_steps, torch.get_num_threads())]
    done = subprocess.run(
        [peer, folder / "lightly_swav.py", "speed", *settings],
        check=True,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(folder.parents[1])},
    )
    return float(done.stdout.split()[-1])


def measure(case, n_steps, device, clock):
    """Return images/s of whole steps and of steps on constant crops."""
    backbone, stem, crops, cache_size, batch_size = case
    config = TrainConfig(
        backbone=backbone,
        stem=stem,
        crops=parse_crops(crops),
        cache_size=cache_size,
        batch_size=batch_size,
    )
    state = new_state(config, device)
    views = MultiCrop(config, precision=resolve_precision(config.precision, device))
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (2 * batch_size, 3, cache_size, cache_size), dtype=np.uint8)
    source = PixelSource(pixels, size=cache_size)

    def draw(number):
        indices = torch.randperm(len(source), generator=make_generator(number))[:batch_size]
        batch = source.read(indices).to(device)
        return views(batch, source.aspects[indices], make_generator("crops", number))

    constant = draw(0)
    alone = seconds_per_step(
        lambda _: train_step(state, constant, learning_rate=1e-3), n_steps, device, clock
    )
    whole = seconds_per_step(
        lambda number: train_step(state, draw(number), learning_rate=1e-3), n_steps, device, clock
    )
    return batch_size / whole, batch_size / alone


def main():
    """Measure every case and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--peer", help="Python of an environment with lightly.")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    device = resolve_device("auto")
    print(f"{device.type}, {arguments.threads} threads, torch {torch.__version__}")
    is_cpu_time = device.type == "cpu" and arguments.threads == 1 and not arguments.peer
    clock = time.process_time if is_cpu_time else time.perf_counter
    print("| backbone | stem | crops | batch | images/s | compute only | ratio | to lightly |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for case in (*CASES, *GPU_CASES) if device.type == "cuda" else CASES:
        whole, alone = measure(case, arguments.steps, device, clock)
        peer = lightly_rate(case, arguments.steps, arguments.peer) if arguments.peer else None
        backbone, stem, crops, _, batch_size = case
        print(
            f"| {backbone} | {stem} | {crops} | {batch_size} | {whole:.0f} | {alone:.0f} "
            f"| {whole / alone:.2f} | {f'{whole / peer:.1f}' if peer else ''} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
