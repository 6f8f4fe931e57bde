"""Does training published features on a folder make them better, and which figure would know?

    python tests/benchmarks/pretrained_harm.py FOLDER [--seconds 120] [--images 1200]

FOLDER holds one subfolder per class. Prints, for the network as it came and as it was after the
training, both embedded as ours: leave-one-out k-NN (20 nearest, weighted), and figures that need no
labels: view agreement, the share of an image's neighbours that a view has too, mutual neighbours,
and the effective rank (RankMe, arXiv:2210.02885). Images whose names begin alike up to the first
``_`` within a class are one track: they are not each other's neighbours, with ``--tracks``.
"""

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from swav_quality import encode_all

from swav_train import derive_config, load_encoder, train
from swav_train.__main__ import list_images, median_side, read_squares
from swav_train.data.pixel_source import PixelSource
from swav_train.data.seeds import make_generator
from swav_train.method.exposure import MEAN, STD
from swav_train.method.multicrop import MultiCrop
from swav_train.method.neighbor_prediction import find_neighbors
from swav_train.networks.encoder import Encoder
from swav_train.networks.pretrained import read_published_weights
from swav_train.run.finalize import FinishPlan, finalize
from swav_train.run.keep_better import measure_features
from swav_train.run.state import load_backbone_weights, new_state

CPU = torch.device("cpu")
N_VIEWS = 200


def leave_one_out(embeddings, labels, tracks):
    """Return the k-NN accuracy, images of one track not asked about each other."""
    scores = embeddings @ embeddings.t()
    scores[tracks[:, None] == tracks[None]] = -2
    similarity, near = scores.topk(20)
    votes = torch.zeros(len(labels), int(labels.max()) + 1)
    votes.scatter_add_(1, labels[near], (similarity / 0.1).exp())
    return (votes.argmax(dim=1) == labels).float().mean().item()


def view_pixels(pixels, aspects, config, side):
    """Return two random views of some images, as uint8 squares of the encoder's side."""
    crop = replace(config.crops[0], count=2, size=side)
    views = MultiCrop(replace(config, crops=(crop,)))(
        torch.from_numpy(pixels), torch.from_numpy(aspects), make_generator(0, "benchmark views")
    )
    mean, std = (torch.tensor(values).view(3, 1, 1) * 255 for values in (MEAN, STD))
    return [(view * std + mean).round().clamp(0, 255).byte().numpy() for view in views]


def figures(encoder, pixels, views, few):
    """Return embeddings and the figures that need no labels."""
    embeddings, _ = encode_all(encoder, pixels)
    first, second = (encode_all(encoder, view)[0] for view in views)
    near = find_neighbors(embeddings, 10)
    seen = (first @ embeddings.t()).scatter(1, few[:, None], -2).topk(10).indices
    shared = (near[few][:, :, None] == seen[:, None, :]).any(dim=2).float().mean().item()
    mutual = (near[near] == torch.arange(len(near))[:, None, None]).any(dim=2).float().mean().item()
    variance = torch.linalg.eigvalsh(torch.cov(embeddings.t())).clamp_min(1e-12)
    shares = variance / variance.sum()
    rank = (-(shares * shares.log()).sum()).exp().item()
    return embeddings, (measure_features(first, second), shared, mutual, rank)


def read_folder(arguments):
    """Return paths, labels and tracks of the images."""
    paths = list_images(arguments.folder)
    order = np.random.default_rng(0).permutation(len(paths))
    paths = [paths[i] for i in sorted(order[: arguments.images])]
    labels = torch.tensor(np.unique([p.parent.name for p in paths], return_inverse=True)[1])
    if not arguments.tracks:
        return paths, labels, torch.arange(len(paths))
    names = [f"{p.parent.name}/{p.name.split('_')[0]}" for p in paths]
    return paths, labels, torch.tensor(np.unique(names, return_inverse=True)[1])


def encoders(pixels, aspects, config, seconds):
    """Yield the encoder of the network as it came and as it was trained, whichever is better."""
    weights, origin = read_published_weights(config.backbone)
    state = new_state(config, CPU)
    load_backbone_weights(state, weights, origin=origin)
    source = PixelSource(pixels, size=config.cache_size, aspects=aspects)
    made = finalize(state, source, FinishPlan(n_sample=len(pixels)))
    yield "as they came", Encoder(made.encoder, config=config, device=CPU)
    with tempfile.TemporaryDirectory() as scratch:
        init, out = Path(scratch) / "published.safetensors", Path(scratch) / "model"
        save_file({name: tensor.contiguous() for name, tensor in weights.items()}, init)
        # A start from a file is compared with nothing: its training is kept in any case.
        result = train(pixels, config, out, budget_seconds=seconds, aspects=aspects, init=init)
        yield f"trained, {result.epochs} epochs", load_encoder(out, device="cpu")


def main():
    """Print two rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--images", type=int, default=1200)
    parser.add_argument("--tracks", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    paths, labels, tracks = read_folder(arguments)
    config = derive_config(
        n_images=len(paths),
        side_px=median_side(paths),
        device="cpu",
        n_cores=1,
        budget_seconds=arguments.seconds,
        overrides={"pretrained": True, "crops": "2x96@0.2-1", "image_size": 128, "cache_size": 128},
    )
    pixels, aspects = read_squares(paths, config.cache_size)
    few = np.random.default_rng(1).permutation(len(pixels))[:N_VIEWS]
    views = view_pixels(pixels[few], aspects[few], config, config.image_size)
    print("| features | k-NN | views | shared neighbours | mutual neighbours | rank |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, encoder in encoders(pixels, aspects, config, arguments.seconds):
        embeddings, found = figures(encoder, pixels, views, torch.from_numpy(few))
        cells = " | ".join(f"{value:.3f}" for value in found)
        accuracy = leave_one_out(embeddings, labels, tracks)
        print(f"| {name} | {accuracy:.3f} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
