"""SwAV as lightly's documentation shows it, to compare with. Runs in an environment with lightly.

    PEER/bin/python lightly_swav.py quality PIXELS.npz SECONDS OUT.npz
    PEER/bin/python lightly_swav.py speed BACKBONE STEM CROPS CACHE BATCH STEPS THREADS

``quality`` trains for SECONDS of wall time with lightly's defaults (ResNet-18, 512 prototypes,
crops 2x224 + 6x96, Adam 0.001, batch 128) on ``pixels`` (N, 3, S, S) uint8 and writes the
features of all ``every`` images. ``speed`` prints images/s of whole steps with the given sizes.
"""

import sys
import time

import numpy as np
import torch
import torchvision
from lightly.loss import SwaVLoss
from lightly.models.modules import SwaVProjectionHead, SwaVPrototypes
from lightly.transforms.swav_transform import SwaVTransform
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset

MEAN = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
STD = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)


class Pictures(Dataset):
    """Arrays as PIL images through a transform."""

    def __init__(self, pixels, transform):
        self.pixels = pixels
        self.transform = transform

    def __len__(self):
        return len(self.pixels)

    def __getitem__(self, index):
        return self.transform(Image.fromarray(self.pixels[index].transpose(1, 2, 0)))


class Swav(nn.Module):
    """Backbone, head and prototypes of lightly's example."""

    def __init__(self, backbone, n_features):
        super().__init__()
        self.backbone = backbone
        self.projection_head = SwaVProjectionHead(n_features, n_features, 128)
        self.prototypes = SwaVPrototypes(128, n_prototypes=512)

    def forward(self, images):
        features = self.backbone(images).flatten(start_dim=1)
        projected = nn.functional.normalize(self.projection_head(features), dim=1, p=2)
        return self.prototypes(projected)


def resnet18():
    return nn.Sequential(*list(torchvision.models.resnet18().children())[:-1])


def step_of(model, criterion, optimizer):
    def step(views):
        model.prototypes.normalize()
        outputs = [model(view) for view in views]
        loss = criterion(outputs[:2], outputs[2:])
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


def quality(source, seconds, target):
    """Train for some time and write the features."""
    with np.load(source) as arrays:
        pixels, every = arrays["pixels"], arrays["every"]
    torch.manual_seed(0)
    model = Swav(resnet18(), 512)
    step = step_of(model, SwaVLoss(), torch.optim.Adam(model.parameters(), lr=0.001))
    loader = DataLoader(
        Pictures(pixels, SwaVTransform()), batch_size=128, shuffle=True, drop_last=True
    )
    began, seen = time.monotonic(), 0
    while time.monotonic() - began < seconds:
        for views in loader:
            step(views)
            seen += len(views[0])
            if time.monotonic() - began >= seconds:
                break
    model.eval()
    features = []
    with torch.no_grad():
        for start in range(0, len(every), 64):
            images = torch.from_numpy(every[start : start + 64]).float()
            images = nn.functional.interpolate(images, size=224, mode="bilinear", antialias=True)
            features.append(model.backbone((images / 255 - MEAN) / STD).flatten(1))
    np.savez(target, features=torch.cat(features).numpy(), epochs=seen / len(pixels))


def speed(backbone, stem, crops, cache, batch, n_steps, n_threads):
    """Print images/s of whole steps: PIL transforms in the loader's workers, then the step."""
    from swav_train.config import Stem, parse_crops
    from swav_train.networks.backbone import build_backbone, count_features

    torch.set_num_threads(n_threads)
    specs = parse_crops(crops)
    transform = SwaVTransform(
        crop_sizes=tuple(spec.size for spec in specs),
        crop_counts=tuple(spec.count for spec in specs),
        crop_min_scales=tuple(spec.min_area for spec in specs),
        crop_max_scales=tuple(spec.max_area for spec in specs),
    )
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (batch * (n_steps + 1), 3, cache, cache), dtype=np.uint8)
    network = build_backbone(backbone, Stem(stem))
    model = Swav(network, count_features(network, specs[0].size))
    step = step_of(model, SwaVLoss(), torch.optim.Adam(model.parameters(), lr=0.001))
    loader = iter(DataLoader(Pictures(pixels, transform), batch_size=batch, num_workers=n_threads))
    step(next(loader))
    began = time.perf_counter()
    for views in loader:
        step(views)
    print(batch * n_steps / (time.perf_counter() - began))


if __name__ == "__main__":
    if sys.argv[1] == "quality":
        quality(sys.argv[2], float(sys.argv[3]), sys.argv[4])
    else:
        speed(*sys.argv[2:5], *map(int, sys.argv[5:9]))
