import hashlib

import cv2
import numpy as np
import pytest

from curate.copies.records import UNKNOWN_TIME, Images
from curate.images.perceptual_hash import perceptual_hash


def scene(seed, width=320, height=240):
    """Return a made photo with texture at all sizes, (height, width, 3) uint8."""
    rng = np.random.default_rng(seed)
    pixels = np.zeros((height, width, 3), np.float32)
    for cells, strength in ((4, 60), (12, 30), (40, 18), (90, 10)):
        noise = rng.normal(0, strength, (max(2, cells * height // width), cells, 3))
        size = (width, height)
        pixels += cv2.resize(noise.astype(np.float32), size, interpolation=cv2.INTER_CUBIC)
    pixels = np.clip(pixels + rng.uniform(80, 170, 3), 0, 255).astype(np.uint8)
    for _ in range(25):
        middle = (int(rng.integers(0, width)), int(rng.integers(0, height)))
        axes = (int(rng.integers(4, width // 6)), int(rng.integers(4, height // 6)))
        colour = [int(value) for value in rng.integers(0, 256, 3)]
        angle = float(rng.uniform(0, 180))
        cv2.ellipse(pixels, middle, axes, angle, 0, 360, colour, -1, cv2.LINE_AA)
    return pixels


class Folder:
    """Images in memory, as the scan and the pixel cache would present them."""

    def __init__(self, pictures, *, raw=None, mtimes=None, others=(), frames=None):
        self.frames = frames or {}
        self._paths = [*sorted(others), *sorted(set(pictures) - set(others))]
        self._exact = [pictures[path] for path in self._paths]
        raw = raw or {}
        contents = [
            raw.get(path, path.encode() + image.tobytes())
            for path, image in zip(self._paths, self._exact, strict=True)
        ]
        names = [hashlib.sha256(content).hexdigest() for content in contents]
        self._cached = dict(zip(names, map(cached, self._exact), strict=True))
        self.images = Images(
            path=self._paths,
            is_other=np.array([path in others for path in self._paths], np.bool_),
            content_hash=names,
            bytes=np.array([len(content) for content in contents], np.int64),
            width=np.array([image.shape[1] for image in self._exact], np.int32),
            height=np.array([image.shape[0] for image in self._exact], np.int32),
            format=["PNG"] * len(names),
            frames=np.array([len(self.frames.get(path, [0])) for path in self._paths], np.int32),
            phash=np.array([perceptual_hash(self._cached[name]) for name in names], np.uint64),
            sharpness=np.ones(len(names), np.float32),
            mtime_ns=np.array([(mtimes or {}).get(path, 0) for path in self._paths], np.int64),
            taken_ms=np.full(len(names), UNKNOWN_TIME, np.int64),
            has_camera=np.zeros(len(names), bool),
        )

    def read(self, content_hashes):
        return [self._cached[name] for name in content_hashes]

    def digest(self, rows):
        return [
            hashlib.sha256(
                repr(self._exact[row].shape).encode() + self._exact[row].tobytes()
            ).digest()
            for row in rows
        ]

    def read_exact(self, rows):
        return [self._exact[row] for row in rows]

    def hash_frames(self, row):
        return self.frames.get(self._paths[row], [])


def cached(pixels):
    factor = 256 / min(pixels.shape[:2])
    if factor >= 1:
        return pixels
    return cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)


@pytest.fixture(name="scene", scope="session")
def _scene():
    return scene


@pytest.fixture(name="folder", scope="session")
def _folder():
    return Folder
