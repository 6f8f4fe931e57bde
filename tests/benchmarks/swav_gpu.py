"""What a GPU makes of the trainer: speed of steps, what each choice is worth, and k-NN by minutes.

    python tests/benchmarks/swav_gpu.py [FOLDER ...] [--seconds 20,60] [--steps 20] [--compile]
        [--settings "batch_size=256;crops=2x64"] [--tracks signs]

Needs a CUDA device. Prints, as Markdown: images/s of whole steps (batch read, crops drawn and cut
on the GPU, forward, backward, optimiser) and of steps on constant crops, in bfloat16 and float32,
with and without the search for the fastest convolution, and with ``torch.compile`` where asked; the
largest share of the GPU's memory. Then, for each FOLDER of one subfolder per class, k-NN on a fifth
of the images after trainings of so many seconds at the derived settings.
"""

import argparse
import itertools
import tempfile
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from learning_curves import Part, knn_accuracy

from swav_train import derive_config, load_encoder, train
from swav_train.__main__ import list_images, median_side, parse_setting
from swav_train.config import TrainConfig, parse_crops
from swav_train.data.batch_reader import BatchReader
from swav_train.data.pixel_source import PixelSource
from swav_train.data.seeds import make_generator
from swav_train.device import resolve_device, resolve_precision
from swav_train.method.multicrop import MultiCrop
from swav_train.run.machine_speed import measure_images_per_second
from swav_train.run.state import new_state
from swav_train.run.step import train_step

CASES = (
    ("resnet10_w32", "small", "2x32", 32, 512),
    ("resnet18", "small", "2x32", 32, 512),
    ("resnet18", "small", "2x64", 96, 512),
    ("resnet50", "standard", "2x128+4x64", 160, 256),
    ("resnet50", "standard", "2x224+6x96", 256, 128),
)


def measure(case, n_steps, device, *, precision="bfloat16", searches=True, compiles=False):
    """Return images/s of whole steps and of steps on constant crops, and peak memory, bytes."""
    backbone, stem, crops, cache_size, batch_size = case
    config = TrainConfig(
        backbone=backbone,
        stem=stem,
        crops=parse_crops(crops),
        cache_size=cache_size,
        batch_size=batch_size,
        precision=precision,
    )
    state = new_state(config, device)
    if compiles:
        state.network = torch.compile(state.network)
    views = MultiCrop(config, precision=resolve_precision(config.precision, device))
    shape = (2 * batch_size, 3, cache_size, cache_size)
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    batches = BatchReader(
        PixelSource(pixels, size=cache_size),
        torch.arange(2 * batch_size),
        batch_size=batch_size,
        seed=0,
        device=device,
        draw=lambda aspects, step: views.draw(aspects, make_generator("crops", step)),
    )

    def cut(number):
        return views.cut(*batches.read(number // 2, number % 2))

    def timed(step):
        for number in range(4):
            step(number)
        torch.cuda.synchronize()
        began = time.perf_counter()
        for number in range(4, 4 + n_steps):
            step(number)
        torch.cuda.synchronize()
        return batch_size * n_steps / (time.perf_counter() - began)

    torch.cuda.reset_peak_memory_stats()
    flags = torch.backends.cudnn.flags(enabled=True, benchmark=searches, allow_tf32=True)
    with closing(batches), flags:
        constant = cut(0)
        alone = timed(lambda _: train_step(state, constant, learning_rate=1e-3))
        whole = timed(lambda number: train_step(state, cut(number), learning_rate=1e-3))
    return whole, alone, torch.cuda.max_memory_allocated()


def show_speed(arguments, device):
    """Print the table of steps."""
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}\n", flush=True)
    print("| backbone | crops | batch | | images/s | compute only | ratio | peak GB |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |", flush=True)
    kinds = {
        "bfloat16": {},
        "no search": {"searches": False},
        "float32": {"precision": "float32"},
    }
    kinds |= {"compiled": {"compiles": True}} if arguments.compile else {}
    for case in CASES:
        for kind, options in kinds.items():
            whole, alone, peak = measure(case, arguments.steps, device, **options)
            print(
                f"| {case[0]} | {case[2]} | {case[4]} | {kind} | {whole:,.0f} | {alone:,.0f} "
                f"| {whole / alone:.2f} | {peak / 1e9:.1f} |",
                flush=True,
            )


def show_quality(folder, seconds, device, *, has_tracks=False, settings=("",)):
    """Print k-NN after trainings of some lengths, each with each of some settings."""
    paths = list_images(folder)
    part = Part(paths, int(0.8 * len(paths)), 0, has_tracks=has_tracks, most_asked=len(paths))
    speed = measure_images_per_second(str(device))
    for budget, given in itertools.product(seconds, settings):
        overrides = dict(parse_setting(pair) for pair in given.split(",") if pair)
        config = derive_config(
            n_images=part.n_known,
            side_px=min(192, median_side(paths)),
            device="cuda",
            n_cores=1,
            budget_seconds=budget,
            overrides=overrides,
            images_per_second=speed,
        )
        with tempfile.TemporaryDirectory() as scratch:
            began = time.monotonic()
            result = train(
                part.known(config.cache_size),
                replace(config, device=str(device)),
                Path(scratch) / "model",
                budget_seconds=budget,
                aspects=part.aspects[: part.n_known],
            )
            wall = time.monotonic() - began
            encoder = load_encoder(Path(scratch) / "model", device=str(device))
            embeddings = torch.cat(
                [
                    encoder.encode(squares).embeddings
                    for squares in part.squares(encoder.image_size).split(512)
                ]
            )
        accuracy = knn_accuracy(embeddings, part.labels, part.n_known)
        print(
            f"| {folder.name} {given} | {part.n_known} | {budget:g} | {wall:.1f} "
            f"| {config.backbone} | {config.crops[0].size} | {config.batch_size} | {result.epochs} "
            f"| {result.metrics.images_per_second:,.0f} | {accuracy:.3f} |",
            flush=True,
        )


def main():
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="*")
    parser.add_argument("--seconds", default="20,60")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--settings", default="", help="NAME=VALUE,...;NAME=VALUE,...")
    parser.add_argument("--tracks", default="", help="Folders with tracks, see learning_curves.py.")
    arguments = parser.parse_args()
    device = resolve_device("cuda")
    show_speed(arguments, device)
    print(
        "\n| folder | images | budget, s | wall, s | backbone | crop | batch | epochs | images/s "
        "| k-NN |\n" + "| --- " * 10 + "|",
        flush=True,
    )
    for folder in arguments.folders:
        show_quality(
            folder,
            [float(value) for value in arguments.seconds.split(",")],
            device,
            has_tracks=folder.name in arguments.tracks.split(","),
            settings=arguments.settings.split(";"),
        )


if __name__ == "__main__":
    main()
