"""What goes into the stage and what comes out of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True, slots=True)
class Images:
    """The readable images of a folder, sorted by path; all columns have N entries.

    Attributes:
        path: Unique paths.
        content_hash: SHA-256 of the bytes, hex.
        bytes: (N,) int64, file sizes.
        width: (N,) int32, px, upright.
        height: (N,) int32, px, upright.
        format: Format names, as Pillow has them.
        phash: (N,) uint64, from `curate.images.perceptual_hash.perceptual_hash`.
        sharpness: (N,) float32, larger is sharper.
        mtime_ns: (N,) int64, ns.
    """

    path: Sequence[str]
    content_hash: Sequence[str]
    bytes: NDArray[np.int64]
    width: NDArray[np.int32]
    height: NDArray[np.int32]
    format: Sequence[str]
    phash: NDArray[np.uint64]
    sharpness: NDArray[np.float32]
    mtime_ns: NDArray[np.int64]

    def __post_init__(self) -> None:
        columns = (
            self.content_hash, self.bytes, self.width, self.height, self.format, self.phash,
            self.sharpness, self.mtime_ns,
        )  # fmt: skip
        if any(len(column) != len(self.path) for column in columns):
            raise ValueError("all columns must have one entry per path")
        if list(self.path) != sorted(set(self.path)):
            raise ValueError("paths must be unique and sorted")

    def __len__(self) -> int:
        return len(self.path)


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """A further image, whose copies among others are looked for.

    Attributes:
        content_hash: SHA-256 of the bytes, hex.
        pixels: (h, w, 3) uint8 RGB, upright, short side at most 256 px.
        width: px, upright.
        height: px, upright.
        phash: From `curate.images.perceptual_hash.perceptual_hash`, in [0, 2**64).
        exact: Gives the image's own pixels, (H, W, 3) uint8 RGB, upright.
    """

    content_hash: str
    pixels: Pixels
    width: int
    height: int
    phash: int
    exact: Callable[[], Pixels]


class PixelReader(Protocol):
    """Where pixels come from; safe to call from several threads."""

    def read(self, content_hashes: Sequence[str]) -> list[Pixels]:
        """Return cached pixels: (h, w, 3) uint8 RGB, upright, short side at most 256 px."""

    def exact(self, indices: Sequence[int]) -> list[Pixels]:
        """Return the source images' own pixels, (H, W, 3) uint8 RGB, upright."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Vectors:
    """What a trained model says of the images.

    Attributes:
        embeddings: (N, D) float32, rows of unit length.
        prototype: (N,) int, nearest prototype of each, or None.
    """

    embeddings: NDArray[np.float32]
    prototype: NDArray[np.integer] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Pairs:
    """The evidence of accepted pairs, one row each, ordered by (a, b).

    Attributes:
        a: (P,) int64, index of the first image.
        b: (P,) int64, index of the second, larger than ``a``.
        match: P names: ``bytes``, ``pixels``, ``near`` or ``semantic``.
        similarity: (P,) float32, probability of being a copy, in [0, 1].
        mirrored: (P,) bool, the second image shows the first mirrored.
        rotation: (P,) float32, degrees the first is turned clockwise (after mirroring, left to
            right) to lie on the second, in [-180, 180).
        scale: (P,) float32, px of the second per px of the first, geometric mean of both axes.
        box: (P, 4) float32, the part of the second that the first covers: left, top, right,
            bottom, as shares of width and height in [0, 1].
        inliers: (P,) int32, points that agree on the map; 0 where none was needed.
        tile_agreement: (P,) float32, share of textured tiles that agree, in [0, 1].
    """

    a: NDArray[np.int64]
    b: NDArray[np.int64]
    match: list[str]
    similarity: NDArray[np.float32]
    mirrored: NDArray[np.bool_]
    rotation: NDArray[np.float32]
    scale: NDArray[np.float32]
    box: NDArray[np.float32]
    inliers: NDArray[np.int32]
    tile_agreement: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.match)

    def take(self, rows: NDArray[np.integer], *, b: NDArray[np.int64] | None = None) -> "Pairs":
        """Return some of the rows, with other second images if ``b`` names them."""
        return Pairs(
            a=self.a[rows],
            b=self.b[rows] if b is None else b,
            match=[self.match[row] for row in rows.tolist()],
            similarity=self.similarity[rows],
            mirrored=self.mirrored[rows],
            rotation=self.rotation[rows],
            scale=self.scale[rows],
            box=self.box[rows],
            inliers=self.inliers[rows],
            tile_agreement=self.tile_agreement[rows],
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Copies:
    """Which images are copies of which, and what stays; all columns have N entries.

    Attributes:
        group: (N,) int32, -1 for images alone; groups are numbered by their first path.
        match: What ties the image to the kept one of its group, or None (alone, or kept).
        duplicate_of: (N,) int64, index of the kept image, -1 for images that stay.
        similarity: (N,) float32, probability of being a copy of the kept image; NaN if it stays.
        keep: (N,) bool.
        reason: Why the image went, or None.
        pairs: The evidence.
        threshold: Least probability that counted.
        notes: What the run should say: limits that bit, counts of candidates.
    """

    group: NDArray[np.int32]
    match: list[str | None]
    duplicate_of: NDArray[np.int64]
    similarity: NDArray[np.float32]
    keep: NDArray[np.bool_]
    reason: list[str | None]
    pairs: Pairs
    threshold: float
    notes: list[str] = field(default_factory=list)
