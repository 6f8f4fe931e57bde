"""Local features: the few strong points of an image by which a copy of it is recognised.

SIFT (Lowe 2004) as OpenCV has it, on a grey working copy, with descriptors turned into
RootSIFT (Arandjelovic and Zisserman 2012). A mirrored image needs no second extraction: its
descriptors are a permutation of the ones at hand.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

POINTS = 96  # points kept per image; what verification sees
WORKING_SIDE = 128  # px, short side of the working copy
_POINT_SHARE = 104 / 128  # points are sought in a smaller copy: a third less work, as many copies
_LONGEST_SIDE = 768  # px; a panorama gets a thinner working copy rather than a huge one
_DESCRIPTOR = 128
_OFFSET = 0.25  # px; OpenCV halves places in the doubled image without its shift of half a pixel
_ROOT_SCALE = 512.0  # RootSIFT entries lie in [0, 0.5] but for rare ones: 8 bits hold them


def _mirror_permutation() -> NDArray[np.intp]:
    """Where each of the 128 entries goes when the patch is mirrored left to right.

    A descriptor is 4 rows x 4 columns x 8 directions. In the frame of its own key point the
    mirror image swaps one axis of the cells and reverses the direction of turning.
    """
    cells = [
        ((3 - row) * 4 + column) * 8 + (8 - direction) % 8
        for row in range(4)
        for column in range(4)
        for direction in range(8)
    ]
    return np.array(cells, np.intp)


MIRROR = _mirror_permutation()


def working_copy(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the grey image that features and comparisons work on.

    Args:
        pixels: (H, W, 3) uint8, upright RGB.

    Returns:
        (h, w) uint8 with a short side of 128 px where the shape allows it. Smaller images are
        enlarged: SIFT finds next to nothing in an icon at its own size.
    """
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    height, width = grey.shape
    factor = min(WORKING_SIDE / min(height, width), _LONGEST_SIDE / max(height, width))
    size = (max(8, round(width * factor)), max(8, round(height * factor)))
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    resized: NDArray[np.uint8] = cv2.resize(grey, size, interpolation=how)  # type: ignore[assignment]
    return resized


@dataclass(frozen=True, kw_only=True, slots=True)
class Features:
    """Strongest points of N images, strongest first, in dense tables.

    Attributes:
        counts: (N,) int32, points in use, in [0, POINTS].
        places: (N, POINTS, 4) float32: x, y and size in working px, angle in degrees, clockwise.
        descriptors: (N, POINTS, 128) uint8, RootSIFT times 512.
        shapes: (N, 2) int32, height and width of the working copies in px.
    """

    counts: NDArray[np.int32]
    places: NDArray[np.float32]
    descriptors: NDArray[np.uint8]
    shapes: NDArray[np.int32]

    @classmethod
    def empty(cls, n_images: int, *, max_bytes: int) -> "Features":
        """Return tables for N images, on disk once they would take more than ``max_bytes``."""
        size = n_images * POINTS * _DESCRIPTOR
        if size > max_bytes:
            with tempfile.TemporaryFile() as scratch:  # the map outlives the file's name and handle
                descriptors: NDArray[np.uint8] = np.memmap(
                    scratch, np.uint8, "w+", shape=(n_images, POINTS, _DESCRIPTOR)
                )
        else:
            descriptors = np.zeros((n_images, POINTS, _DESCRIPTOR), np.uint8)
        return cls(
            counts=np.zeros(n_images, np.int32),
            places=np.zeros((n_images, POINTS, 4), np.float32),
            descriptors=descriptors,
            shapes=np.zeros((n_images, 2), np.int32),
        )

    def fill(self, index: int, grey: NDArray[np.uint8]) -> None:
        """Extract the features of one working copy into row ``index``; safe from threads."""
        places, descriptors = extract(grey)
        n = len(places)
        self.counts[index] = n
        self.places[index, :n] = places
        self.descriptors[index, :n] = descriptors
        self.shapes[index] = grey.shape


def extract(grey: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Return the strongest points of a working copy and their descriptors.

    Args:
        grey: (h, w) uint8.

    Returns:
        (n, 4) float32 x, y, size, angle and (n, 128) uint8 RootSIFT times 512, n <= POINTS, by
        falling response, ties by place: the order does not depend on OpenCV's sort.
    """
    size = tuple(max(8, round(side * _POINT_SHARE)) for side in grey.shape[::-1])
    small = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    detector = cv2.SIFT_create(nfeatures=POINTS, contrastThreshold=0.015)  # type: ignore[attr-defined]
    points, raw = detector.detectAndCompute(small, None)
    if raw is None or not points:
        return np.zeros((0, 4), np.float32), np.zeros((0, _DESCRIPTOR), np.uint8)
    table = np.array([(p.response, p.pt[0], p.pt[1], p.size, p.angle) for p in points], np.float32)
    order = np.lexsort((table[:, 4], table[:, 3], table[:, 2], table[:, 1], -table[:, 0]))[:POINTS]
    mass = np.maximum(raw.sum(axis=1, keepdims=True), 1)
    root = np.minimum(np.sqrt(raw / mass) * _ROOT_SCALE, 255).round().astype(np.uint8)
    grown = np.array([grey.shape[1] / size[0], grey.shape[0] / size[1]], np.float32)
    table[:, 1:3] = (table[:, 1:3] - _OFFSET + 0.5) * grown - 0.5
    table[:, 3] /= _POINT_SHARE
    return table[order, 1:], root[order]


def as_floats(descriptors: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return stored descriptors as (..., 128) float32 vectors of about unit length."""
    return descriptors.astype(np.float32) * np.float32(1 / _ROOT_SCALE)


def mirrored(places: NDArray[np.float32], widths: NDArray[np.int32]) -> NDArray[np.float32]:
    """Return the places of the same points in images mirrored left to right.

    Args:
        places: (P, n, 4) float32, as in `Features`.
        widths: (P,) int32, px.
    """
    out = places.copy()
    out[..., 0] = (widths[:, None] - 1) - places[..., 0]
    out[..., 3] = np.mod(180 - places[..., 3], 360)
    return out


def strongest(
    features: Features, images: Sequence[int] | NDArray[np.intp], limit: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return (image, slot) of the ``limit`` strongest points of each image, image by image."""
    rows = np.asarray(images, np.intp)
    counts = np.minimum(features.counts[rows], limit)
    image = np.repeat(rows, counts)
    starts = np.repeat(np.cumsum(counts) - counts, counts)
    return image, np.arange(len(image)) - starts
