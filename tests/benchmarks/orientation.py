"""Do a folder's images have an up, and what does it bring to describe them both ways round?

    python tests/benchmarks/orientation.py FOLDER... [--known 300] [--asked 120] [--draws 4]

FOLDER holds one subfolder per class. Prints in how many of the images a classifier tells upright
from upside down, least and most of the draws, and the k-NN of the published features, and with
``--seconds`` of a training from scratch (CPU seconds of one thread), upright only and both ways.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from learning_curves import Part, knn_accuracy, trained_encoder, untrained_encoder
from swav_quality import encode_all

from swav_train import derive_config
from swav_train.__main__ import list_images, median_side
from swav_train.data.pixel_source import PixelSource
from swav_train.run.machine_speed import measure_images_per_second
from swav_train.run.orientation import ORIENTATION, tell_orientation


def accuracies(part, config, seconds):
    """Return k-NN with images described upright only, and both ways."""
    found = []
    for vertical_flip in (False, True):
        settings = replace(config, vertical_flip=vertical_flip)
        made = trained_encoder(part, settings, seconds)[0] if seconds else None
        encoder = made or untrained_encoder(part, settings)
        embeddings = encode_all(encoder, part.pixels)[0]
        found.append(knn_accuracy(embeddings, part.labels, part.n_known))
    return found


def main():
    """Print a row for each folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--known", type=int, default=300)
    parser.add_argument("--asked", type=int, default=120)
    parser.add_argument("--draws", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    speed = measure_images_per_second()
    print("| folder | upright is told in | published | both ways | scratch | both ways |")
    print("| --- | --- | --- | --- | --- | --- |")
    for folder in options.folders:
        paths = list_images(folder)
        told, published, scratch = [], [], []
        for draw in range(options.draws):
            part = Part(paths, options.known, draw, has_tracks=False, most_asked=options.asked)
            settings = {
                is_published: derive_config(
                    n_images=part.n_known,
                    side_px=min(256, median_side(paths)),
                    device="cpu",
                    n_cores=1,
                    budget_seconds=options.seconds or 60,
                    overrides={"pretrained": True} if is_published else {},
                    images_per_second=speed,
                )
                for is_published in (False, True)
            }
            few = part.squares(ORIENTATION.side)[: part.n_known]
            source = PixelSource(few.numpy(), size=ORIENTATION.side)
            told.append(tell_orientation(source, settings[True]).told_rightly)
            published.append(accuracies(part, settings[True], 0))
            if options.seconds:
                scratch.append(accuracies(part, settings[False], options.seconds))
        means = [*np.mean(published, axis=0), *(np.mean(scratch, axis=0) if scratch else ())]
        cells = " | ".join(f"{value:.3f}" for value in means)
        print(f"| {folder.name} | {min(told):.2f} to {max(told):.2f} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
