import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when torch and FAISS are first imported

import numpy as np
import pytest
from PIL import Image

from curate.progress import Silent
from curate.workspace.workspace import Workspace


class Notes(Silent):
    """Progress that holds what it was told."""

    def __init__(self):
        self.notes = []

    def note(self, text):
        self.notes.append(text)

    def about(self, word):
        """Return the notes with a word in them."""
        return [note for note in self.notes if word in note]


def picture(seed, *, width=96, height=72):
    """Return a made photo: smooth colour with some sharp shapes, (height, width, 3) uint8."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (5, 6, 3), np.uint8))
    pixels = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC)).copy()
    for _ in range(12):
        top, left = rng.integers(0, height - 8), rng.integers(0, width - 8)
        tall, wide = rng.integers(4, height // 3), rng.integers(4, width // 3)
        pixels[top : top + tall, left : left + wide] = rng.integers(0, 256, 3)
    return pixels


def save(path, pixels, **options):
    """Write pixels to an image file, whose folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)


def make_folder(root: Path, n_images=24):
    """Write a small tree of images, with copies and files that cannot be read."""
    for seed in range(n_images):
        kind = ("red", "green", "blue")[seed % 3]
        save(root / kind / f"{seed:03d}.png", picture(seed))
    save(root / "red" / "again.bmp", picture(0))
    (root / "red" / "twin.png").write_bytes((root / "red" / "003.png").read_bytes())
    (root / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 and then nothing")
    (root / "empty.png").write_bytes(b"")
    return root


@pytest.fixture
def images(tmp_path):
    return make_folder(tmp_path / "images")


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path / ".curate")


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """Return a folder with ``images`` and a workspace ``.curate`` that holds a small model."""
    from curate import TrainConfig, train

    root = tmp_path_factory.mktemp("trained")
    make_folder(root / "images")
    config = TrainConfig(epochs=2, image_size=32, batch_size=8, prototypes=6, device="cpu")
    train(root / "images", config, workspace=root / ".curate")
    return root
