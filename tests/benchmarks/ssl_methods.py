"""Ours beside the losses of lightly, in one loop: same network, crops, batch, time and embedding.

    python tests/benchmarks/ssl_methods.py FOLDER ... [--images 2500] [--seconds 120] [--seeds 3]
        [--methods ours,ours/contrast_weight=0,SimCLR] [--tracks signs] [--jobs 2] [--device cuda]
        [--epochs 36]

A FOLDER holds one subfolder per class; needs the extra ``bench``. Some images are set aside to ask
about, ``--asked`` at most; the methods learn from ``--images`` of the others at most. Each gets the
same CPU seconds of one thread, our settings of optimiser, batch and crops, a head of its own with a
hidden layer as wide as ours, and a slowly following copy of network and head where the method has
one. The encoder is made of its backbone as ours is of ours; k-NN as in `learning_curves.py`.
Temperatures and weights of losses are lightly's defaults, but for SimCLR, DCL and MoCo, whose 0.1
is usual for small batches. Nothing was tuned for any of them; ours was chosen on these folders.
Settings of ours may follow a name. With ``--epochs`` each gets so many epochs in place of the
seconds, so that several may share a GPU.

In folders named by ``--tracks``, images whose names begin alike up to the first ``_`` within a
class are on one side. Prints the mean k-NN of the seeds by folder, and the mean over folders with
the standard error of its difference to ours, of the same draws.
"""

import argparse
import copy
import functools
import itertools
import math
import multiprocessing
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from learning_curves import SIDE, Part, encode_all, knn_accuracy
from lightly import loss as losses
from lightly.models.modules import heads
from torch import nn

from swav_train import derive_config, load_encoder, train
from swav_train.__main__ import list_images, median_side, parse_setting
from swav_train.device import resolve_precision
from swav_train.run.attempt import RunParts
from swav_train.run.machine_speed import measure_images_per_second
from swav_train.run.optim import set_learning_rate
from swav_train.run.step import train_step

WIDTH, DIM, FOLLOW = 512, 128, 0.99
CLOCKS = {"cpu": time.process_time, "cuda": time.monotonic}


class Method(nn.Module):
    """What a method puts on the backbone, and its loss of two views."""

    follows = False

    def __init__(self, n_features, n_prototypes):
        """Make its head."""
        super().__init__()
        self.n_prototypes = n_prototypes
        self.build(n_features)

    def loss(self, features, slow_features):
        """Return the loss of two views' features, and of those of the slow network."""
        raise NotImplementedError


class SimCLR(Method):
    def build(self, n):
        self.head = heads.SimCLRProjectionHead(n, WIDTH, DIM)
        self.criterion = losses.NTXentLoss(temperature=0.1)

    def loss(self, features, slow_features):
        return self.criterion(*map(self.head, features))


class DCL(SimCLR):
    def build(self, n):
        super().build(n)
        self.criterion = losses.DCLLoss(temperature=0.1)


class BarlowTwins(Method):
    def build(self, n):
        self.head = heads.BarlowTwinsProjectionHead(n, WIDTH, WIDTH)
        self.criterion = losses.BarlowTwinsLoss()

    def loss(self, features, slow_features):
        return self.criterion(*map(self.head, features))


class VICReg(Method):
    def build(self, n):
        self.head = heads.VICRegProjectionHead(n, WIDTH, WIDTH, num_layers=2)
        self.criterion = losses.VICRegLoss()

    def loss(self, features, slow_features):
        return self.criterion(*map(self.head, features))


class BYOL(Method):
    follows = True

    def build(self, n):
        self.head = heads.BYOLProjectionHead(n, WIDTH, DIM)
        self.predict = heads.BYOLPredictionHead(DIM, WIDTH, DIM)
        self.criterion = losses.NegativeCosineSimilarity()

    def loss(self, features, slow_features):
        guessed = [self.predict(self.head(view)) for view in features]
        wanted = [self.slow_head(view).detach() for view in slow_features]
        return self.criterion(guessed[0], wanted[1]) + self.criterion(guessed[1], wanted[0])


class MoCo(Method):
    follows = True

    def build(self, n):
        self.head = heads.MoCoProjectionHead(n, WIDTH, DIM)
        self.criterion = losses.NTXentLoss(temperature=0.1, memory_bank_size=(1024, DIM))

    def loss(self, features, slow_features):
        return self.criterion(self.head(features[0]), self.slow_head(slow_features[1]).detach())


class DINO(Method):
    follows = True

    def build(self, n):
        self.head = heads.DINOProjectionHead(n, WIDTH, DIM, 1024, batch_norm=True)
        self.criterion = losses.DINOLoss(output_dim=1024)

    def loss(self, features, slow_features):
        wanted = [self.slow_head(view).detach() for view in slow_features]
        return self.criterion(wanted, list(map(self.head, features)), teacher_temp=0.04)


class SwaV(Method):
    def build(self, n):
        self.head = heads.SwaVProjectionHead(n, WIDTH, DIM)
        self.prototypes = heads.SwaVPrototypes(DIM, self.n_prototypes)
        self.criterion = losses.SwaVLoss()

    def loss(self, features, slow_features):
        self.prototypes.normalize()
        unit = [nn.functional.normalize(self.head(view), dim=1) for view in features]
        return self.criterion([self.prototypes(view) for view in unit], [])


METHODS = {c.__name__: c for c in (SimCLR, DCL, VICReg, BYOL, DINO, BarlowTwins, MoCo, SwaV)}


class Step:
    """A step of one method in the place of ours."""

    def __init__(self, method):
        """Remember which."""
        self._kind = method
        self._method = None

    def __call__(self, state, crops, *, learning_rate, moves_backbone=True):
        """Move the backbone and the method's head by one batch."""
        if self._method is None:
            self._begin(state, crops)
        precision = resolve_precision(state.config.precision, state.device)
        with torch.autocast(state.device.type, precision, enabled=precision != torch.float32):
            features = state.model.backbone(torch.cat(crops)).float().chunk(2)
            slow = None
            if self._kind.follows:
                with torch.no_grad():
                    slow = self._slow(torch.cat(crops)).float().chunk(2)
        loss = self._method.loss(features, slow)
        state.optimizer.zero_grad(set_to_none=True)
        loss.mean().backward()
        set_learning_rate(state.optimizer, learning_rate, moves_backbone=moves_backbone)
        state.optimizer.step()
        if self._kind.follows:
            self._follow(self._slow, state.model.backbone)
            self._follow(self._method.slow_head, self._method.head)
        self._count(state, loss)

    def _begin(self, state, crops):
        with torch.no_grad():
            n_features = state.model.backbone.eval()(crops[0][:2]).shape[1]
        state.model.backbone.train()
        torch.manual_seed(state.config.seed)
        self._method = self._kind(n_features, state.config.n_prototypes).to(state.device)
        group = {"params": list(self._method.parameters()), "is_backbone": False, "rate": 1.0}
        state.optimizer.add_param_group(group | {"weight_decay": state.config.weight_decay})
        if self._kind.follows:
            self._slow = copy.deepcopy(state.model.backbone)
            slow_head = self._kind(n_features, state.config.n_prototypes).head.to(state.device)
            slow_head.load_state_dict(self._method.head.state_dict())
            self._method.slow_head = slow_head

    @staticmethod
    @torch.no_grad()
    def _follow(slow, fast):
        for one, other in zip(slow.parameters(), fast.parameters(), strict=True):
            one.lerp_(other, 1 - FOLLOW)

    @staticmethod
    def _count(state, loss):
        """Count a step whose loss is not one of codes as one that learned something."""
        state.tally.loss += 0.5 * math.log(state.config.n_prototypes) + 0 * loss.detach().mean()
        state.tally.usage += 1
        state.tally.steps += 1
        state.step += 1


def derive_settings(part, side_px, arguments, images_per_second):
    """Return the settings that ours derives, which all methods use."""
    return derive_config(
        n_images=part.n_known,
        side_px=side_px,
        device=arguments.device,
        n_cores=1,
        budget_seconds=None if arguments.epochs else arguments.seconds,
        overrides={"epochs": arguments.epochs} if arguments.epochs else {},
        images_per_second=images_per_second,
    )


@functools.lru_cache(maxsize=2)
def read_part(folder, seed, most_images, most_asked, *, has_tracks):
    """Return the images of a draw, and the median side of all."""
    paths = list_images(folder)
    n_asked = min(most_asked, len(paths) // 3)
    n_images = min(most_images, len(paths) - n_asked)
    part = Part(paths, n_images, seed, has_tracks=has_tracks, most_asked=n_asked)
    return part, min(SIDE, median_side(paths))


def measure(name, folder, seed, arguments, images_per_second):
    """Return k-NN and epochs of a method, after one training of one thread."""
    torch.set_num_threads(1)
    has_tracks = folder.name in arguments.tracks.split(",")
    part, side_px = read_part(
        folder, seed, arguments.images, arguments.asked, has_tracks=has_tracks
    )
    config = replace(derive_settings(part, side_px, arguments, images_per_second), seed=seed)
    method, *settings = name.split("/")
    config = replace(config, **dict(map(parse_setting, settings)))
    step = train_step if method == "ours" else Step(METHODS[method])
    with tempfile.TemporaryDirectory() as scratch:
        result = train(
            part.known(config.cache_size),
            config,
            Path(scratch) / "model",
            budget_seconds=None if arguments.epochs else arguments.seconds,
            aspects=part.aspects[: part.n_known],
            parts=RunParts(take_step=step, read_clock=CLOCKS[arguments.device]),
        )
        encoder = load_encoder(Path(scratch) / "model", device=arguments.device)
    accuracy = knn_accuracy(encode_all(encoder, part.pixels)[0], part.labels, part.n_known)
    print(f"{name} {folder.name} {seed}: {accuracy:.4f}", file=sys.stderr, flush=True)
    return accuracy, result.epochs


def show_table(names, folders, found):
    """Print one row for each method.

    Args:
        names: Of the methods.
        folders: Their k-NN was measured on.
        found: (methods, folders, seeds, 2), k-NN and epochs.
    """
    print("| method | " + " | ".join(folder.name for folder in folders) + " | mean | to ours |")
    print("| --- " * (len(folders) + 3) + "|")
    for name, values in zip(names, found, strict=True):
        accuracy = values[..., 0]
        by_folder = " | ".join(f"{value:.3f}" for value in accuracy.mean(axis=1))
        change = (accuracy - found[0, ..., 0]).ravel()
        error = change.std(ddof=1) / math.sqrt(len(change)) if len(change) > 1 else math.nan
        print(
            f"| {name} | {by_folder} | {accuracy.mean():.3f} | {change.mean():+.3f} ± {error:.3f} |"
        )


def main():
    """Train every method on every folder with every seed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--images", type=int, default=2500)
    parser.add_argument("--asked", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--epochs", type=int, default=None)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--methods", default=",".join(["ours", *METHODS]))
    parser.add_argument("--tracks", default="")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--device", choices=list(CLOCKS), default="cpu")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    speed = measure_images_per_second(arguments.device)
    names = arguments.methods.split(",")
    tasks = list(itertools.product(names, arguments.folders, range(arguments.seeds)))
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(arguments.jobs, mp_context=context) as pool:
        waiting = [pool.submit(measure, *task, arguments, speed) for task in tasks]
        found = np.array([future.result() for future in waiting])
    shape = len(names), len(arguments.folders), arguments.seeds, 2
    show_table(names, arguments.folders, found.reshape(shape))


if __name__ == "__main__":
    main()
