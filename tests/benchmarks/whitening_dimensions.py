"""Measure how many dimensions few images allow the published features.

    python tests/benchmarks/whitening_dimensions.py FOLDER... [--known 1200] [--asked 400]
        [--tracks]

FOLDER holds one subfolder per class. The published network describes its images; whitening is
fitted to 64, 120 and 240 of those that are known, drawn four times, and to all. Printed is the k-NN
of those asked about, by all that are known, for some numbers of images that a dimension needs.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import torch
from learning_curves import CPU, Part, knn_accuracy

from swav_train import derive_config
from swav_train.__main__ import list_images, median_side
from swav_train.method.multicrop import normalise
from swav_train.networks.encoder import describe_images
from swav_train.networks.pretrained import read_published_weights
from swav_train.networks.whitening import WHITENING, fit_whitening
from swav_train.run.state import load_backbone_weights, new_state

IMAGES_EACH = (2.88, 1.44, 0.72, 0.36)
N_FITTED = (64, 120, 240)
N_DRAWS = 4


def describe(part, config):
    """Return the published features of all images of a part, by stage."""
    state = new_state(config, CPU)
    weights, origin = read_published_weights(config.backbone)
    load_backbone_weights(state, weights, origin=origin)
    backbone = state.model.backbone.eval()
    with torch.no_grad():
        described = [
            describe_images(backbone, normalise(some), n_stages=config.embedding_stages)
            for some in part.squares(config.image_size).split(64)
        ]
    return [torch.cat(stage) for stage in zip(*described, strict=True)]


def measure(stages, part, config, n_fitted, images_each):
    """Return the mean k-NN over draws of the images that whitening is fitted to."""
    params = replace(WHITENING, images_each=images_each, steepness=0.0)
    generator = torch.Generator().manual_seed(0)
    found = []
    for _ in range(N_DRAWS if n_fitted < part.n_known else 1):
        rows = torch.randperm(part.n_known, generator=generator)[:n_fitted]
        whitening = fit_whitening(
            [stage[rows] for stage in stages],
            max_dim=config.embedding_dim,
            power=config.whitening_power,
            params=params,
        )
        embeddings = whitening(torch.cat(stages, dim=1))
        found.append(knn_accuracy(embeddings, part.labels, part.n_known))
    return sum(found) / len(found)


def main():
    """Print a row for each folder and number of images."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--known", type=int, default=1200)
    parser.add_argument("--asked", type=int, default=400)
    parser.add_argument("--tracks", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    print("| folder | images | " + " | ".join(f"{each} a dimension" for each in IMAGES_EACH) + " |")
    print("| --- |" + " --- |" * (1 + len(IMAGES_EACH)))
    for folder in options.folders:
        paths = list_images(folder)
        part = Part(paths, options.known, 0, has_tracks=options.tracks, most_asked=options.asked)
        config = derive_config(
            n_images=part.n_known,
            side_px=min(256, median_side(paths)),
            device="cpu",
            n_cores=1,
            budget_seconds=300,
            overrides={"pretrained": True},
            images_per_second=500,
        )
        stages = describe(part, config)
        for n in (*N_FITTED, part.n_known):
            cells = [f"{measure(stages, part, config, n, each):.3f}" for each in IMAGES_EACH]
            print(f"| {folder.name} | {n} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
