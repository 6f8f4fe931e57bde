"""What training is worth: k-NN over the number of images and over seconds, weights or none.

    python tests/benchmarks/learning_curves.py FOLDER [--sizes 100,300,1000] [--seeds 1]
        [--seconds 30,60,120] [--asked 400] [--tracks] --out runs.jsonl
    python tests/benchmarks/learning_curves.py --table --out runs.jsonl

FOLDER holds one subfolder per class. For each size and seed some images are set aside to ask about,
``--asked`` at most, and so many of the others are the folder: training sees nothing else. Rows:
pixels (32 px squares), the small network untrained, trained from scratch, the published network as
it came and after training, all embedded as ours; exposure is evened out where `curate train` does
it, but not for the network as it came. k-NN: weighted votes of the nearest by cosine, a twentieth
of the folder, 5 to 20. Seconds are CPU seconds of one thread, so a busy machine does not count.
With ``--tracks`` images whose names begin alike up to the first ``_`` within a class are on one
side.

Each line of the output holds, too, figures that need no labels, of images that training saw and of
those asked about: view agreement, that of disjoint halves, the share of mutual neighbours and the
effective rank (RankMe, arXiv:2210.02885). ``--table`` prints k-NN, and how often a figure ranks two
features as k-NN does.
"""

import argparse
import itertools
import json
import tempfile
import time
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from pretrained_harm import view_pixels
from swav_quality import encode_all
from torch.nn.functional import normalize

from swav_train import derive_config, load_encoder, train
from swav_train.__main__ import list_images, median_side, read_squares
from swav_train.data.pixel_source import PixelSource
from swav_train.errors import TrainingDiverged
from swav_train.method.exposure import EXPOSURE, measure_exposure
from swav_train.method.multicrop import squash
from swav_train.method.neighbor_prediction import find_neighbors
from swav_train.networks.encoder import Encoder
from swav_train.networks.pretrained import read_published_weights
from swav_train.run.attempt import RunParts
from swav_train.run.finalize import FinishPlan, finalize
from swav_train.run.keep_better import measure_features
from swav_train.run.machine_speed import measure_images_per_second
from swav_train.run.state import load_backbone_weights, new_state

CPU = torch.device("cpu")
SIDE = 192
MOST_ASKED = 400
N_VIEWS = 150
ROWS = ("pixels", "untrained", "scratch", "as it came", "pretrained")
TRAINED = ("scratch", "pretrained")


class Part:
    """Some images of a folder to learn from, and others to ask about."""

    def __init__(self, paths, n_images, seed, *, has_tracks, most_asked=MOST_ASKED):
        """Draw them and read them."""
        rng = np.random.default_rng([seed, n_images])
        names = [f"{p.parent.name}/{p.name.split('_')[0] if has_tracks else p.name}" for p in paths]
        units = np.unique(names, return_inverse=True)[1]
        order = np.argsort(rng.permutation(units.max() + 1)[units], kind="stable")
        n_asked = min(most_asked, len(paths) - n_images)
        asked, rest = order[:n_asked], order[n_asked:]
        rest = rest[~np.isin(units[rest], units[asked])]
        chosen = np.concatenate([rng.permutation(rest)[:n_images], asked])
        self.n_known = len(chosen) - n_asked
        self.pixels, self.aspects = read_squares([paths[i] for i in chosen], SIDE)
        classes = np.unique([p.parent.name for p in paths], return_inverse=True)[1]
        self.labels = torch.from_numpy(classes[chosen])

    def known(self, side):
        """Return the squares to learn from."""
        return self.squares(side)[: self.n_known].numpy()

    def squares(self, side):
        """Return all squares, those to learn from first."""
        return squash(torch.from_numpy(self.pixels), side)


def knn_accuracy(embeddings, labels, n_known):
    """Return how many of the images asked about are given their label by those that are known."""
    n_neighbors = min(20, max(5, n_known // 20))
    similarity, near = (embeddings[n_known:] @ embeddings[:n_known].t()).topk(n_neighbors)
    votes = torch.zeros(len(near), int(labels.max()) + 1)
    votes.scatter_add_(1, labels[near], (similarity / 0.1).exp())
    return (votes.argmax(dim=1) == labels[n_known:]).float().mean().item()


def figures(embed, part, rows, config):
    """Return the figures that need no labels of some images."""
    pixels, aspects = part.pixels[rows], part.aspects[rows]
    embeddings = embed(pixels)
    views = [embed(view) for view in view_pixels(pixels, aspects, config, 128)]
    halves = [embed(np.ascontiguousarray(half)) for half in np.split(pixels, 2, axis=3)]
    near = find_neighbors(embeddings, 10)
    mutual = (near[near] == torch.arange(len(near))[:, None, None]).any(dim=2).float().mean().item()
    variance = torch.linalg.eigvalsh(torch.cov(embeddings.t())).clamp_min(1e-12)
    shares = variance / variance.sum()
    return {
        "views": measure_features(*views),
        "halves": measure_features(*halves),
        "mutual": mutual,
        "rank": (-(shares * shares.log()).sum()).exp().item(),
    }


def embed_pixels(part):
    """Return a function from squares to unit rows of their pixels."""

    def flatten(pixels):
        return squash(torch.from_numpy(pixels), 32).flatten(1).float()

    mean = flatten(part.pixels[: part.n_known]).mean(dim=0)
    return lambda pixels: normalize(flatten(pixels) - mean, dim=1)


def untrained_encoder(part, config):
    """Return an encoder of the network before its first step."""
    state = new_state(config, CPU)
    if config.pretrained:
        weights, origin = read_published_weights(config.backbone)
        load_backbone_weights(state, weights, origin=origin)
    source = PixelSource(
        part.known(config.cache_size), size=config.cache_size, aspects=part.aspects[: part.n_known]
    )
    made = finalize(state, source, FinishPlan(n_sample=min(part.n_known, 4096)))
    return Encoder(made.encoder, config=config, device=CPU)


def trained_encoder(part, config, seconds):
    """Return an encoder of the network after its last step, and what is known of the training."""
    with tempfile.TemporaryDirectory() as scratch:
        result = train(
            part.known(config.cache_size),
            config,
            Path(scratch) / "model",
            budget_seconds=seconds,
            aspects=part.aspects[: part.n_known],
            parts=RunParts(read_clock=time.process_time),
        )
        facts = {
            "epochs": result.epochs,
            "loss_ratio": result.metrics.loss_ratio,
            "usage": result.usage_entropy,
            "kept": result.kept,
        }
        return load_encoder(Path(scratch) / "model", device="cpu"), facts


def measure(part, row, side_px, seconds, images_per_second, *, has_figures):
    """Return what is known of the features of one row after some CPU seconds of training."""
    is_published = row in {"as it came", "pretrained"}
    config = derive_config(
        n_images=part.n_known,
        side_px=min(256, side_px),
        device="cpu",
        n_cores=1,
        budget_seconds=seconds,
        overrides={"pretrained": is_published} if is_published else {},
        images_per_second=images_per_second,
    )
    if row != "as it came":
        few = part.squares(EXPOSURE.side)[: part.n_known][: EXPOSURE.most_images]
        config = replace(config, standardise=measure_exposure(few).differs)
    facts = {}
    if row == "pixels":
        embed = embed_pixels(part)
    else:
        if row in {"untrained", "as it came"}:
            encoder = untrained_encoder(part, config)
        else:
            encoder, facts = trained_encoder(part, config, seconds)

        def embed(pixels):
            return encode_all(encoder, pixels)[0]

    accuracy = knn_accuracy(embed(part.pixels), part.labels, part.n_known)
    if not has_figures:
        return {"knn": accuracy, **facts}
    seen = np.arange(min(N_VIEWS, part.n_known))
    asked = part.n_known + np.arange(min(N_VIEWS, len(part.labels) - part.n_known))
    return {
        "knn": accuracy,
        "seen": figures(embed, part, seen, config),
        "asked": figures(embed, part, asked, config),
        **facts,
    }


def run(arguments):
    """Append one line for each row, size and seed that the output lacks."""
    paths = list_images(arguments.folder)
    side_px, speed = median_side(paths), measure_images_per_second()
    name = arguments.name or arguments.folder.name
    lines = read_lines(arguments.out)
    done = {(r["folder"], r["n"], r["seed"], r["row"], r["seconds"]) for r in lines}
    for seed, n_images in itertools.product(range(arguments.seeds), arguments.sizes):
        part = Part(paths, n_images, seed, has_tracks=arguments.tracks, most_asked=arguments.asked)
        for row, seconds in itertools.product(arguments.rows, arguments.seconds):
            spent = seconds if row in TRAINED else 0
            if (name, n_images, seed, row, spent) in done:
                continue
            done.add((name, n_images, seed, row, spent))
            try:
                found = measure(part, row, side_px, seconds, speed, has_figures=arguments.figures)
            except TrainingDiverged as failure:
                found = {"failed": failure.reason}
            line = {"folder": name, "n": n_images, "seed": seed, "row": row, "seconds": spent}
            print(*line.values(), found.get("knn"), flush=True)
            with arguments.out.open("a") as file:
                file.write(json.dumps(line | found) + "\n")


def read_lines(path):
    """Return what was measured so far."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def describe_mean(values):
    """Return a mean, with its standard error where there are several values."""
    if not values:
        return ""
    error = f" ± {np.std(values, ddof=1) / len(values) ** 0.5:.3f}" if len(values) > 1 else ""
    return f"{np.mean(values):.3f}{error}"


def print_accuracy(lines):
    """Print k-NN for each folder, size, seconds and row, means over seeds."""
    found = defaultdict(list)
    for line in lines:
        if "knn" in line:
            found[line["folder"], line["n"], line["seconds"], line["row"]].append(line["knn"])
    print("| folder | images | seconds | seeds | " + " | ".join(ROWS) + " |")
    print("| --- | --- | --- | --- |" + " --- |" * len(ROWS))
    for folder, n, seconds in sorted({key[:3] for key in found}):
        values = [found.get((folder, n, seconds, row), []) for row in ROWS]
        cells = " | ".join(map(describe_mean, values))
        print(f"| {folder} | {n:,} | {seconds:g} | {max(map(len, values))} | {cells} |")


def print_agreement(lines):
    """Print how often a figure ranks two features of one folder as k-NN does."""
    groups = defaultdict(dict)
    for line in lines:
        if "seen" in line:
            groups[line["folder"], line["n"], line["seed"]][line["row"], line["seconds"]] = line
    pairs = [
        ("scratch", "pixels"),
        ("scratch", "as it came"),
        ("as it came", "untrained"),
        ("pretrained", "as it came"),
        ("scratch", "untrained"),
    ]
    names = [
        (of, figure) for of in ("seen", "asked") for figure in ("views", "halves", "mutual", "rank")
    ]
    print("\n| features compared | " + " | ".join(f"{f}, {of}" for of, f in names) + " | runs |")
    print("| --- |" + " --- |" * (len(names) + 1))
    for one, two in pairs:
        both = [
            (g[a], g[b])
            for g in groups.values()
            for a, b in itertools.product(g, g)
            if (a[0], b[0]) == (one, two) and (a[1] == b[1] or not a[1] * b[1])
        ]
        both = [(a, b) for a, b in both if a["knn"] != b["knn"]]
        cells = []
        for of, figure in names:
            agree = [(a["knn"] > b["knn"]) == (a[of][figure] > b[of][figure]) for a, b in both]
            cells.append(f"{np.mean(agree):.2f}" if agree else "")
        print(f"| {one}, {two} | {' | '.join(cells)} | {len(both)} |")


def main():
    """Measure, or print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--name", help="Of the folder, in the table.")
    parser.add_argument("--sizes", default="100,300,1000")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--seconds", default="75", help="CPU seconds of training, some.")
    parser.add_argument("--asked", type=int, default=MOST_ASKED)
    parser.add_argument("--rows", default=",".join(ROWS))
    parser.add_argument("--tracks", action="store_true")
    parser.add_argument(
        "--no-figures", dest="figures", action="store_false", help="Measure k-NN and nothing else."
    )
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    arguments.sizes = [int(size) for size in arguments.sizes.split(",")]
    arguments.seconds = [float(seconds) for seconds in arguments.seconds.split(",")]
    arguments.rows = arguments.rows.split(",")
    torch.set_num_threads(1)
    if not arguments.table:
        run(arguments)
    lines = read_lines(arguments.out)
    print_accuracy(lines)
    print_agreement(lines)


if __name__ == "__main__":
    main()
