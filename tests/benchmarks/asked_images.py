"""What `curate train` asks a folder's images, what they say, and what it brings to obey.

    python tests/benchmarks/asked_images.py vertical_flip FOLDER... [--known 300] [--asked 120]
        [--draws 4] [--seconds 60] [--tracks]
    python tests/benchmarks/asked_images.py standardise FOLDER...

FOLDER holds one subfolder per class. Prints, least and most of the draws, in how many of the images
a classifier tells upright from upside down (``vertical_flip``) or by how many stops their exposure
differs (``standardise``), and the k-NN of the published features, and with ``--seconds`` of a
training from scratch (CPU seconds of one thread), without the setting and with it. With
``--tracks`` images whose names begin alike up to the first ``_`` within a class are on one side.
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
from swav_train.method.exposure import EXPOSURE, measure_exposure
from swav_train.run.machine_speed import measure_images_per_second
from swav_train.run.orientation import ORIENTATION, tell_orientation


def ask_orientation(part, published):
    """Return how often upright is told from upside down."""
    few = part.squares(ORIENTATION.side)[: part.n_known]
    source = PixelSource(few.numpy(), size=ORIENTATION.side)
    return tell_orientation(source, published).told_rightly


def ask_exposure(part, _published):
    """Return by how many stops exposure differs."""
    n_asked = min(part.n_known, EXPOSURE.most_images)
    return measure_exposure(part.squares(EXPOSURE.side)[:n_asked]).stops


QUESTIONS = {"vertical_flip": ask_orientation, "standardise": ask_exposure}


def accuracies(part, config, setting, seconds):
    """Return k-NN without the setting and with it."""
    found = []
    for value in (False, True):
        settings = replace(config, **{setting: value})
        made = trained_encoder(part, settings, seconds)[0] if seconds else None
        encoder = made or untrained_encoder(part, settings)
        embeddings = encode_all(encoder, part.pixels)[0]
        found.append(knn_accuracy(embeddings, part.labels, part.n_known))
    return found


def main():
    """Print a row for each folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("setting", choices=QUESTIONS)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--known", type=int, default=300)
    parser.add_argument("--asked", type=int, default=120)
    parser.add_argument("--draws", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=0)
    parser.add_argument("--tracks", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    speed = measure_images_per_second()
    print("| folder | images say | published | with it | scratch | with it |")
    print("| --- | --- | --- | --- | --- | --- |")
    for folder in options.folders:
        paths = list_images(folder)
        said, published, scratch = [], [], []
        for draw in range(options.draws):
            part = Part(
                paths, options.known, draw, has_tracks=options.tracks, most_asked=options.asked
            )
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
            said.append(QUESTIONS[options.setting](part, settings[True]))
            published.append(accuracies(part, settings[True], options.setting, 0))
            if options.seconds:
                found = accuracies(part, settings[False], options.setting, options.seconds)
                scratch.append(found)
            print(f"  draw {draw}: {said[-1]:.2f} {published[-1]} {scratch[-1:]}", flush=True)
        means = [*np.mean(published, axis=0), *(np.mean(scratch, axis=0) if scratch else ())]
        cells = " | ".join(f"{value:.3f}" for value in means)
        print(f"| {folder.name} | {min(said):.2f} to {max(said):.2f} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
