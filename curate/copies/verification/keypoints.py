"""Local features: the few strong points of an image by which a copy of it is recognised.

SIFT (Lowe 2004) as OpenCV has it, on a grey working copy, with descriptors turned into
RootSIFT (Arandjelovic and Zisserman 2012). A mirrored image needs no second extraction: its
descriptors are a permutation of the ones at hand.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from curate.parallel import ordered_map

POINTS = 96  # points kept per image; what verification sees
WORKING_SIDE = 128  # px, short side of the working copy
_POINT_SHARE = 104 / 128  # points are sought in a smaller copy: a third less work, as many copies
_LONGEST_SIDE = 768  # px; a panorama gets a thinner working copy rather than a huge one
_DESCRIPTOR = 128
_OFFSET = 0.25  # px; OpenCV halves places in the doubled image without its shift of half a pixel
RECORD = np.dtype([("place", np.float32, 4), ("descriptor", np.uint8, _DESCRIPTOR)])
"""A point: x, y and size in working px, angle in degrees, clockwise; RootSIFT times 512."""
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
    """Strongest points of N images, strongest first.

    Attributes:
        starts: (N,) int64, record of each image's strongest point.
        counts: (N,) int32, points in use, in [0, POINTS].
        shapes: (N, 2) int32, height and width of the working copies in px.
        records: (M,) of ``RECORD``, often a memory map: only what is asked for is read.
    """

    starts: NDArray[np.int64]
    counts: NDArray[np.int32]
    shapes: NDArray[np.int32]
    records: NDArray[np.void]

    @classmethod
    def of(cls, greys: Sequence[NDArray[np.uint8]]) -> "Features":
        """Return the features of working copies, (h, w) uint8 each."""
        parts = list(ordered_map(extract, greys))
        counts = np.array([len(part) for part in parts], np.int32)
        return cls(
            starts=np.cumsum(counts, dtype=np.int64) - counts,
            counts=counts,
            shapes=np.array([grey.shape for grey in greys], np.int32).reshape(-1, 2),
            records=np.concatenate([np.zeros(0, RECORD), *parts]),
        )

    def take(self, rows: NDArray[np.integer]) -> "Features":
        """Return the features of some of the images, without a copy of the points."""
        return Features(
            starts=self.starts[rows],
            counts=self.counts[rows],
            shapes=self.shapes[rows],
            records=self.records,
        )

    def and_those_of(self, other: "Features") -> "Features":
        """Return the features of these images and of others after them, in tables of their own."""
        _, records = strongest(other, np.arange(len(other.counts)), POINTS)
        counts = np.concatenate([self.counts, other.counts])
        _, own = strongest(self, np.arange(len(self.counts)), POINTS)
        return Features(
            starts=np.cumsum(counts, dtype=np.int64) - counts,
            counts=counts,
            shapes=np.concatenate([self.shapes, other.shapes]),
            records=np.concatenate([self.records[own], other.records[records]]),
        )

    def tables(self, rows: NDArray[np.integer]) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        """Return places (P, POINTS, 4) and descriptors (P, POINTS, 128) of P images.

        Entries from an image's count on mean nothing.
        """
        places = np.zeros((len(rows), POINTS, 4), np.float32)
        descriptors = np.zeros((len(rows), POINTS, _DESCRIPTOR), np.uint8)
        if len(self.records):
            slots = self.starts[rows][:, None] + np.arange(POINTS)
            found = self.records[np.minimum(slots, len(self.records) - 1)]
            places[:], descriptors[:] = found["place"], found["descriptor"]
        return places, descriptors


def extract(grey: NDArray[np.uint8]) -> NDArray[np.void]:
    """Return the strongest points of a working copy, (n,) of ``RECORD``, n <= POINTS.

    Args:
        grey: (h, w) uint8.

    Returns:
        By falling response, ties by place: the order does not depend on OpenCV's sort.
    """
    size = tuple(max(8, round(side * _POINT_SHARE)) for side in grey.shape[::-1])
    small = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    detector = cv2.SIFT_create(nfeatures=POINTS, contrastThreshold=0.015)  # type: ignore[attr-defined]
    points, raw = detector.detectAndCompute(small, None)
    if raw is None or not points:
        return np.zeros(0, RECORD)
    table = np.array([(p.response, p.pt[0], p.pt[1], p.size, p.angle) for p in points], np.float32)
    order = np.lexsort((table[:, 4], table[:, 3], table[:, 2], table[:, 1], -table[:, 0]))[:POINTS]
    mass = np.maximum(raw.sum(axis=1, keepdims=True), 1)
    grown = np.array([grey.shape[1] / size[0], grey.shape[0] / size[1]], np.float32)
    table[:, 1:3] = (table[:, 1:3] - _OFFSET + 0.5) * grown - 0.5
    table[:, 3] /= _POINT_SHARE
    found = np.empty(len(order), RECORD)
    found["place"] = table[order, 1:]
    found["descriptor"] = np.minimum(np.sqrt(raw / mass) * _ROOT_SCALE, 255).round()[order]
    return found


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
    features: Features, images: NDArray[np.integer], limit: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return (image, record) of the ``limit`` strongest points of each image, image by image."""
    counts = np.minimum(features.counts[images], limit)
    image = np.repeat(images, counts).astype(np.int64)
    ahead = np.repeat(np.cumsum(counts, dtype=np.int64) - counts, counts)
    return image, features.starts[image] + np.arange(len(image)) - ahead
