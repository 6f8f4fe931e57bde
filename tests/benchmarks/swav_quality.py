"""How good the features are: k-NN on labels that training never sees.

    python tests/benchmarks/swav_quality.py FOLDER [--minutes 20] [--rows ours,K 30] [--threads 2]
        [--peer PEER/bin/python]

FOLDER holds one subfolder per class, or ``train`` and ``test`` folders of such. Without a ``test``
folder, 30 % of each class are held out; training sees all pixels, but no labels. k-NN: weighted
votes of the 20 nearest by cosine, weights exp(cosine / 0.1). NMI: of the classes with the
prototypes nearest to the projections, and with k-means (FAISS) on the same projections and as many
groups. Every row gets the same wall time. PEER is the Python of an environment with lightly;
without it that row is left out. Prints one line per row as it ends.
"""

import argparse
import subprocess
import tempfile
import time
from functools import partial
from pathlib import Path

import faiss
import numpy as np
import torch
from offline_clustering import train_offline, whole_features
from torch.nn.functional import normalize

from swav_train import load_encoder, train
from swav_train.__main__ import list_images, median_side, read_squares
from swav_train.data.pixel_source import PixelSource
from swav_train.defaults import derive_config
from swav_train.errors import TrainingDiverged
from swav_train.method.multicrop import squash
from swav_train.method.sinkhorn import sinkhorn
from swav_train.networks.encoder import Encoder
from swav_train.networks.whitening import fit_whitening
from swav_train.run.attempt import RunParts
from swav_train.run.finalize import FinishPlan, finalize
from swav_train.run.metrics import compute_usage_entropy
from swav_train.run.state import new_state
from swav_train.run.step import train_step

CPU = torch.device("cpu")
ROWS = {
    "ours": {},
    "pretrained": {"pretrained": True},
    "with two small crops": {"crops": "2x{full}@0.2-1+2x{small}@0.1-0.4"},
    "no equipartition": {},
    "hard codes": {},
    "epsilon 0.02": {"epsilon": 0.02},
    "epsilon 0.1": {"epsilon": 0.1},
    "epsilon 0.5": {"epsilon": 0.5},
    "K 30": {"n_prototypes": 30},
    "K 1000": {"n_prototypes": 1000},
    "K 3000": {"n_prototypes": 3000},
    "batch 64": {"batch_size": 64, "queue_size": 0},
    "batch 64 with queue": {"batch_size": 64, "queue_size": 1024, "queue_start_epoch": 3},
    "LARS": {"optimizer": "lars", "learning_rate": 0.6, "weight_decay": 1e-6},
}
OFFLINE = "k-means between epochs"
LIGHTLY = "lightly with its defaults"


def softmax_codes(scores, epsilon, iterations):
    """Return codes without the balance over prototypes."""
    del iterations
    return (scores / epsilon).softmax(dim=1)


def hard_codes(scores, epsilon, iterations):
    """Return balanced codes rounded to one prototype each."""
    codes = sinkhorn(scores, epsilon=epsilon, iterations=iterations)
    return torch.nn.functional.one_hot(codes.argmax(dim=1), codes.shape[1]).to(codes.dtype)


CODES = {"no equipartition": softmax_codes, "hard codes": hard_codes}


def labels_of(paths):
    names = sorted({path.parent.name for path in paths})
    return torch.tensor([names.index(path.parent.name) for path in paths])


def held_out(labels, share=0.3):
    """Return a mask of the held-out images: a share of each class, chosen by a fixed seed."""
    rng = np.random.default_rng(0)
    mask = torch.zeros(len(labels), dtype=torch.bool)
    for label in labels.unique():
        members = torch.nonzero(labels == label).flatten().numpy()
        mask[rng.permutation(members)[: round(share * len(members))]] = True
    return mask


def knn_accuracy(embeddings, labels, is_test, k=20, temperature=0.1):
    known, asked = embeddings[~is_test], embeddings[is_test]
    similarity, neighbours = (asked @ known.t()).topk(k)
    votes = torch.zeros(len(asked), int(labels.max()) + 1)
    votes.scatter_add_(1, labels[~is_test][neighbours], (similarity / temperature).exp())
    return (votes.argmax(dim=1) == labels[is_test]).float().mean().item()


def nmi(one, two):
    """Return the mutual information of two labelings over the mean of their entropies."""
    joint = torch.zeros(int(one.max()) + 1, int(two.max()) + 1, dtype=torch.float64)
    joint.index_put_((one, two), torch.ones(len(one), dtype=torch.float64), accumulate=True)
    joint /= len(one)
    rows, columns = joint.sum(dim=1), joint.sum(dim=0)

    def entropy(shares):
        return -(shares[shares > 0] * shares[shares > 0].log()).sum()

    together = entropy(rows) + entropy(columns)
    return ((together - entropy(joint.flatten())) * 2 / together).item()


def kmeans_groups(vectors, n_groups):
    kmeans = faiss.Kmeans(vectors.shape[1], n_groups, niter=25, seed=0, min_points_per_centroid=1)
    kmeans.train(vectors.numpy())
    return torch.from_numpy(kmeans.index.search(vectors.numpy(), 1)[1][:, 0])


def encode_all(encoder, pixels):
    parts = [
        encoder.encode(squash(torch.from_numpy(pixels[i : i + 256]), encoder.image_size))
        for i in range(0, len(pixels), 256)
    ]
    return torch.cat([p.embeddings for p in parts]), torch.cat([p.projections for p in parts])


class Folder:
    """Images, labels and which of them are for testing."""

    def __init__(self, folder):
        self.paths = list_images(folder)
        self.labels = labels_of(self.paths)
        self.side = median_side(self.paths)
        if (folder / "test").is_dir():
            tops = [path.relative_to(folder).parts[0] for path in self.paths]
            self.is_test = torch.tensor([top == "test" for top in tops])
            self.learns_from = ~self.is_test
        else:
            self.is_test = held_out(self.labels)
            self.learns_from = torch.ones(len(self.paths), dtype=torch.bool)

    def config(self, overrides, minutes, threads):
        return derive_config(
            n_images=int(self.learns_from.sum()),
            side_px=self.side,
            device="cpu",
            n_cores=threads,
            budget_seconds=60 * minutes,
            overrides=overrides,
        )


def overrides_of(row, folder):
    """Return the settings of a row, sizes filled in."""
    settings = dict(ROWS[row])
    if "crops" in settings:
        full = folder.config({}, 1, 1).crops[0].size
        small = max(16, 8 * round(0.6 * full / 8))
        settings["crops"] = settings["crops"].format(full=full, small=small)
    return settings


def measure(row, folder, arguments):
    config = folder.config(overrides_of(row, folder), arguments.minutes, arguments.threads)
    pixels, aspects = read_squares(folder.paths, config.cache_size)
    learned = folder.learns_from.numpy()
    began = time.perf_counter()
    take_step = partial(train_step, find_codes=CODES.get(row, sinkhorn))
    with tempfile.TemporaryDirectory() as out:
        try:
            result = train(
                pixels[learned],
                config,
                Path(out),
                budget_seconds=60 * arguments.minutes,
                aspects=aspects[learned],
                parts=RunParts(take_step=take_step),
            )
        except TrainingDiverged as error:
            return f"| {row} | refused: {error.reason} | | | | | | | | |"
        seconds = time.perf_counter() - began
        encoder = load_encoder(Path(out), device="cpu")
    embeddings, projections = encode_all(encoder, pixels)
    assigned = (projections @ encoder.prototypes.t()).argmax(dim=1)
    n_prototypes = len(encoder.prototypes)
    usage = compute_usage_entropy(torch.bincount(assigned[folder.is_test], minlength=n_prototypes))
    grouped = kmeans_groups(projections, n_prototypes)
    return (
        f"| {row} | {knn_accuracy(embeddings, folder.labels, folder.is_test):.3f} | "
        f"{nmi(assigned, folder.labels):.3f} | {nmi(grouped, folder.labels):.3f} | "
        f"{result.metrics.loss_ratio:.3f} | {result.usage_entropy:.3f} | {usage:.3f} | "
        f"{result.metrics.view_agreement:.2f} | {result.epochs} | {seconds:.0f} |"
    )


def plain_row(name, features, folder, *, epochs="", seconds=""):
    """Return the row of features without prototypes: the best of as they are and whitened."""
    centred = features - features[folder.learns_from].mean(dim=0)
    white = fit_whitening([features[folder.learns_from]], max_dim=256, power=0.5)(features)
    accuracy = max(
        knn_accuracy(rows, folder.labels, folder.is_test)
        for rows in (normalize(features, dim=1), normalize(centred, dim=1), white)
    )
    return f"| {name} | {accuracy:.3f} | | | | | | | {epochs} | {seconds} |"


def offline(folder, arguments):
    config = folder.config({}, arguments.minutes, arguments.threads)
    pixels, aspects = read_squares(folder.paths, config.cache_size)
    learned = folder.learns_from.numpy()
    began = time.perf_counter()
    network, epochs = train_offline(
        pixels[learned], aspects[learned], config, 60 * arguments.minutes
    )
    seconds = time.perf_counter() - began
    features = whole_features(
        network, PixelSource(pixels, size=config.cache_size), config.image_size
    )
    return plain_row(OFFLINE, features, folder, epochs=epochs, seconds=round(seconds))


def lightly(folder, arguments):
    side = min(256, folder.side)
    pixels, _ = read_squares(folder.paths, side)
    script = Path(__file__).with_name("lightly_swav.py")
    with tempfile.TemporaryDirectory() as scratch:
        given, made = Path(scratch) / "in.npz", Path(scratch) / "out.npz"
        np.savez(given, pixels=pixels[folder.learns_from.numpy()], every=pixels)
        began = time.perf_counter()
        subprocess.run(
            [arguments.peer, script, "quality", given, str(60 * arguments.minutes), made],
            check=True,
        )
        seconds = time.perf_counter() - began
        with np.load(made) as arrays:
            features, epochs = torch.from_numpy(arrays["features"]), float(arrays["epochs"])
    return plain_row(LIGHTLY, features, folder, epochs=f"{epochs:.1f}", seconds=round(seconds))


def baselines(folder):
    """Yield the rows that need no training: pixels, and the network before its first step."""
    config = folder.config({}, 1, 1)
    pixels, aspects = read_squares(folder.paths, config.cache_size)
    flat = squash(torch.from_numpy(pixels), 32).flatten(1).float()
    flat = normalize(flat - flat.mean(dim=0), dim=1)
    yield f"| pixels | {knn_accuracy(flat, folder.labels, folder.is_test):.3f} | | | | | | | | |"
    state = new_state(config, CPU)
    learned = folder.learns_from.numpy()
    source = PixelSource(pixels[learned], size=config.cache_size, aspects=aspects[learned])
    made = finalize(state, source, FinishPlan(n_sample=4096))
    untrained = Encoder(made.encoder, config=config, device=CPU)
    embeddings, _ = encode_all(untrained, pixels)
    accuracy = knn_accuracy(embeddings, folder.labels, folder.is_test)
    yield f"| untrained | {accuracy:.3f} | | | | | | | | |"


def main():
    """Print the table, row by row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--minutes", type=float, default=20.0)
    every = [*ROWS, OFFLINE, LIGHTLY]
    parser.add_argument("--rows", default=",".join(every), help="Some of: " + "; ".join(every))
    parser.add_argument("--peer", help="Python of an environment with lightly.")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    folder = Folder(arguments.folder)
    print(
        "| row | k-NN | NMI | NMI of k-means | loss / log K | usage, train | usage, test | views "
        "| epochs | seconds |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for line in baselines(folder):
        print(line, flush=True)
    asked = arguments.rows.split(",")
    for row in ROWS:
        if row in asked:
            print(measure(row, folder, arguments), flush=True)
    if OFFLINE in asked:
        print(offline(folder, arguments), flush=True)
    if LIGHTLY in asked and arguments.peer:
        print(lightly(folder, arguments), flush=True)


if __name__ == "__main__":
    main()
