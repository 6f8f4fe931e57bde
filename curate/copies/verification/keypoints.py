"""Keypoints: the few strong local features of an image by which a copy of it is recognised.

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

_DESCRIPTOR = 128
_OFFSET = 0.25  # px; OpenCV halves places in the doubled image without its shift of half a pixel
RECORD = np.dtype([("place", np.float32, 4), ("descriptor", np.uint8, _DESCRIPTOR)])
"""A keypoint: x, y and size in working px, angle in degrees, clockwise; RootSIFT times 512."""
_ROOT_SCALE = 512.0  # RootSIFT entries lie in [0, 0.5] but for rare ones: 8 bits hold them


@dataclass(frozen=True, kw_only=True, slots=True)
class KeypointParams:
    """How keypoints are found.

    Quality is measured by ``tests/benchmarks/dedup_quality.py``, time by ``dedup_scale.py`` there.
    Who changes one raises ``CACHE_VERSION``.

    Attributes:
        n_kept: Keypoints kept per image, those that verification sees; more cost time and disk.
        working_side: px, short side of the working copy; a smaller one loses cut-out copies.
        longest_side: px; a panorama gets a thinner working copy rather than a huge one.
        detection_share: Keypoints are sought in a copy smaller by this factor: a third less work,
            as many copies found.
        least_contrast: OpenCV's contrast threshold; lower than its default, so that dull images
            have keypoints too.
    """

    n_kept: int = 96
    working_side: int = 128
    longest_side: int = 768
    detection_share: float = 104 / 128
    least_contrast: float = 0.015


KEYPOINT_PARAMS = KeypointParams()
N_KEYPOINTS = KEYPOINT_PARAMS.n_kept


def _permute_for_mirror() -> NDArray[np.intp]:
    """Where each of the 128 entries goes when the patch is mirrored left to right.

    A descriptor is 4 rows x 4 columns x 8 directions. In the frame of its own keypoint the
    mirror image swaps one axis of the cells and reverses the direction of turning.
    """
    cells = [
        ((3 - row) * 4 + column) * 8 + (8 - direction) % 8
        for row in range(4)
        for column in range(4)
        for direction in range(8)
    ]
    return np.array(cells, np.intp)


MIRROR = _permute_for_mirror()


def make_working_copy(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the grey image that keypoints and comparisons work on.

    Args:
        pixels: (H, W, 3) uint8, upright RGB.

    Returns:
        (h, w) uint8 with a short side of 128 px where the shape allows it. Smaller images are
        enlarged: SIFT finds next to nothing in an icon at its own size.
    """
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    height, width = grey.shape
    params = KEYPOINT_PARAMS
    factor = min(params.working_side / min(height, width), params.longest_side / max(height, width))
    size = (max(8, round(width * factor)), max(8, round(height * factor)))
    interpolation = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    resized: NDArray[np.uint8] = cv2.resize(grey, size, interpolation=interpolation)  # type: ignore[assignment]
    return resized


@dataclass(frozen=True, kw_only=True, slots=True)
class Keypoints:
    """Strongest keypoints of N images, strongest first.

    Attributes:
        starts: (N,) int64, record of each image's strongest keypoint.
        counts: (N,) int32, keypoints in use, in [0, N_KEYPOINTS].
        shapes: (N, 2) int32, height and width of the working copies in px.
        records: (M,) of ``RECORD``, often a memory map: only what is asked for is read.
    """

    starts: NDArray[np.int64]
    counts: NDArray[np.int32]
    shapes: NDArray[np.int32]
    records: NDArray[np.void]

    @classmethod
    def of(cls, greys: Sequence[NDArray[np.uint8]]) -> "Keypoints":
        """Return the keypoints of working copies, (h, w) uint8 each."""
        parts = list(ordered_map(extract_keypoints, greys))
        counts = np.array([len(part) for part in parts], np.int32)
        return cls(
            starts=np.cumsum(counts, dtype=np.int64) - counts,
            counts=counts,
            shapes=np.array([grey.shape for grey in greys], np.int32).reshape(-1, 2),
            records=np.concatenate([np.zeros(0, RECORD), *parts]),
        )

    def take(self, rows: NDArray[np.integer]) -> "Keypoints":
        """Return the keypoints of some of the images, without a copy of the records."""
        return Keypoints(
            starts=self.starts[rows],
            counts=self.counts[rows],
            shapes=self.shapes[rows],
            records=self.records,
        )

    def load(self, rows: NDArray[np.integer]) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        """Return places (P, N_KEYPOINTS, 4) and descriptors (P, N_KEYPOINTS, 128) of P images.

        Entries from an image's count on mean nothing.
        """
        places = np.zeros((len(rows), N_KEYPOINTS, 4), np.float32)
        descriptors = np.zeros((len(rows), N_KEYPOINTS, _DESCRIPTOR), np.uint8)
        if len(self.records):
            slots = self.starts[rows][:, None] + np.arange(N_KEYPOINTS)
            records = self.records[np.minimum(slots, len(self.records) - 1)]
            places[:], descriptors[:] = records["place"], records["descriptor"]
        return places, descriptors


def concat_keypoints(first: Keypoints, second: Keypoints) -> Keypoints:
    """Return the keypoints of some images and of others after them, in tables of their own.

    Args:
        first: Of N images.
        second: Of M images.
    """
    counts = np.concatenate([first.counts, second.counts])
    records = [
        part.records[select_strongest(part, np.arange(len(part.counts)), N_KEYPOINTS)[1]]
        for part in (first, second)
    ]
    return Keypoints(
        starts=np.cumsum(counts, dtype=np.int64) - counts,
        counts=counts,
        shapes=np.concatenate([first.shapes, second.shapes]),
        records=np.concatenate(records),
    )


def extract_keypoints(grey: NDArray[np.uint8]) -> NDArray[np.void]:
    """Return the strongest keypoints of a working copy, (n,) of ``RECORD``, n <= N_KEYPOINTS.

    Args:
        grey: (h, w) uint8.

    Returns:
        By falling response, ties by place: the order does not depend on OpenCV's sort.
    """
    share = KEYPOINT_PARAMS.detection_share
    size = tuple(max(8, round(side * share)) for side in grey.shape[::-1])
    small = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    detector = cv2.SIFT_create(  # type: ignore[attr-defined]
        nfeatures=N_KEYPOINTS, contrastThreshold=KEYPOINT_PARAMS.least_contrast
    )
    points, raw = detector.detectAndCompute(small, None)
    if raw is None or not points:
        return np.zeros(0, RECORD)
    table = np.array([(p.response, p.pt[0], p.pt[1], p.size, p.angle) for p in points], np.float32)
    order = np.lexsort((table[:, 4], table[:, 3], table[:, 2], table[:, 1], -table[:, 0]))[
        :N_KEYPOINTS
    ]
    mass = np.maximum(raw.sum(axis=1, keepdims=True), 1)
    enlargement = np.array([grey.shape[1] / size[0], grey.shape[0] / size[1]], np.float32)
    table[:, 1:3] = (table[:, 1:3] - _OFFSET + 0.5) * enlargement - 0.5
    table[:, 3] /= share
    records = np.empty(len(order), RECORD)
    records["place"] = table[order, 1:]
    records["descriptor"] = np.minimum(np.sqrt(raw / mass) * _ROOT_SCALE, 255).round()[order]
    return records


def decode_descriptors(descriptors: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return stored descriptors as (..., 128) float32 vectors of about unit length."""
    return descriptors.astype(np.float32) * np.float32(1 / _ROOT_SCALE)


def mirror_places(places: NDArray[np.float32], widths: NDArray[np.int32]) -> NDArray[np.float32]:
    """Return the places of the same keypoints in images mirrored left to right.

    Args:
        places: (P, n, 4) float32, as in `Keypoints`.
        widths: (P,) int32, px.
    """
    out = places.copy()
    out[..., 0] = (widths[:, None] - 1) - places[..., 0]
    out[..., 3] = np.mod(180 - places[..., 3], 360)
    return out


def select_strongest(
    keypoints: Keypoints, images: NDArray[np.integer], limit: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return (image, record) of the strongest keypoints of each image, image by image.

    Args:
        keypoints: Of all images.
        images: (n,) rows of the images asked for.
        limit: Keypoints of each at most.
    """
    counts = np.minimum(keypoints.counts[images], limit)
    image = np.repeat(images, counts).astype(np.int64)
    ahead = np.repeat(np.cumsum(counts, dtype=np.int64) - counts, counts)
    return image, keypoints.starts[image] + np.arange(len(image)) - ahead
