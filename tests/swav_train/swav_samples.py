"""Images and settings that tests of the trainer share."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from swav_train.config import TrainConfig, parse_crops

PHOTOS = (
    "astronaut brick camera chelsea coffee coins grass gravel hubble_deep_field ihc "
    "motorcycle_left retina rocket china flower"
).split()
TINY = TrainConfig(
    backbone="test_resnet",
    image_size=16,
    crops=parse_crops("2x16"),
    n_prototypes=10,
    projection_dim=8,
    projection_hidden=16,
)
SHORT = replace(
    TINY,
    cache_size=16,
    crops=parse_crops("2x16+1x12"),
    batch_size=16,
    queue_size=32,
    queue_start_epoch=1,
    epochs=4,
    freeze_prototypes_steps=3,
    average_decay=0.9,
    learning_rate=0.01,
    device="cpu",
)
"""A whole training of twelve steps on 60 images."""


def photo_files():
    """Return the photographs that scikit-image and scikit-learn carry in their wheels, by name."""
    skimage = pytest.importorskip("skimage")
    sklearn = pytest.importorskip("sklearn")
    folders = [
        Path(skimage.__file__).parent / "data",
        Path(sklearn.__file__).parent / "datasets" / "images",
    ]
    files = {path.stem: path for folder in folders for path in sorted(folder.iterdir())}
    return [files[name] for name in PHOTOS if name in files]


def photo_pieces(per_photo, size, *, seed=0):
    """Cut random pieces from real photographs: (N, 3, size, size) uint8 and (N,) photo numbers."""
    rng = np.random.default_rng(seed)
    pieces, labels = [], []
    for label, path in enumerate(photo_files()):
        with Image.open(path) as image:
            photo = image.convert("RGB")
        for _ in range(per_photo):
            side = int(min(photo.size) * rng.uniform(0.25, 0.5))
            left, top = (int(rng.integers(0, extent - side)) for extent in photo.size)
            piece = photo.crop((left, top, left + side, top + side)).resize((size, size))
            pieces.append(np.asarray(piece).transpose(2, 0, 1))
            labels.append(label)
    return np.stack(pieces), np.array(labels)


def noise_images(n, size=16, *, seed=0):
    """Return n images of eight colours with noise, (n, 3, size, size) uint8."""
    rng = np.random.default_rng(seed)
    colors = rng.integers(0, 256, (8, 3, 1, 1))[np.arange(n) % 8]
    noise = rng.normal(0, 30, (n, 3, size, size))
    return np.clip(colors + noise, 0, 255).astype(np.uint8)
