"""Records: what goes into the search for copies and what comes out of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.manifest.text_column import TextColumn

Pixels = NDArray[np.uint8]

UNKNOWN_TIME = np.iinfo(np.int64).max
"""Later than any that is known."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Images:
    """The readable images to compare; all columns have N entries.

    Those of the other source come first; each source is sorted by path. Texts may be given as any
    sequence; they are held as columns.

    Attributes:
        path: Unique within each source.
        is_other: (N,) bool, of the other source alone, of which no image is ever dropped.
        content_hash: SHA-256 of the bytes, hex.
        bytes: (N,) int64, file sizes.
        width: (N,) int32, px, upright.
        height: (N,) int32, px, upright.
        format: Format names, as Pillow has them.
        frames: (N,) int32, frames of each file, >= 1.
        phash: (N,) uint64, from `curate.images.perceptual_hash.perceptual_hash`.
        sharpness: (N,) float32, larger is sharper.
        mtime_ns: (N,) int64, ns.
        taken_ms: (N,) int64, by the camera's clock, ms since 1970; `UNKNOWN_TIME` where not known.
        has_camera: (N,) bool, whether a camera left its name or the time.
        is_shared: (N,) bool, of both sources; of none where it is left out.
    """

    path: TextColumn
    is_other: NDArray[np.bool_]
    content_hash: TextColumn
    bytes: NDArray[np.int64]
    width: NDArray[np.int32]
    height: NDArray[np.int32]
    format: TextColumn
    frames: NDArray[np.int32]
    phash: NDArray[np.uint64]
    sharpness: NDArray[np.float32]
    mtime_ns: NDArray[np.int64]
    taken_ms: NDArray[np.int64]
    has_camera: NDArray[np.bool_]
    is_shared: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, np.bool_))

    def __post_init__(self) -> None:
        if len(self.is_shared) == 0:
            object.__setattr__(self, "is_shared", np.zeros(len(self.path), np.bool_))
        for name in ("path", "content_hash", "format"):
            object.__setattr__(self, name, TextColumn.of(getattr(self, name)))
        columns = (
            self.is_other, self.content_hash, self.bytes, self.width, self.height, self.format,
            self.frames, self.phash, self.sharpness, self.mtime_ns,
            self.taken_ms, self.has_camera, self.is_shared,
        )  # fmt: skip
        if any(len(column) != len(self.path) for column in columns):
            raise ValueError("all columns must have one entry per path")
        paths, is_own = self.path.array, ~np.asarray(self.is_other, np.bool_)
        rises = pc.less(paths[:-1], paths[1:]).to_numpy(zero_copy_only=False)
        if (is_own[:-1] > is_own[1:]).any() or not (rises | (is_own[:-1] < is_own[1:])).all():
            raise ValueError("paths must be unique and sorted, those of the other source first")

    def __len__(self) -> int:
        return len(self.path)

    @property
    def is_against(self) -> bool:
        """Whether the images are compared with another source."""
        return bool((self.is_other | self.is_shared).any())

    def are_reported(
        self, dropped: NDArray[np.int64], kept: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Return of which pairs the first image may be told to be a copy of the second, (P,) bool.

        Of images that are compared with another source, those are ours, and their copies there; an
        image of both is a copy only of one that the other source alone has.

        Args:
            dropped: (P,) int64, rows.
            kept: (P,) int64, rows.
        """
        is_own = ~self.is_other[dropped]
        if not self.is_against:
            return is_own
        is_new_there = self.is_shared[kept] & ~self.is_shared[dropped]
        return np.asarray(is_own & (self.is_other[kept] | is_new_there), np.bool_)


@dataclass(frozen=True, kw_only=True, slots=True)
class QueryImage:
    """An image whose copies among others are looked for.

    Attributes:
        content_hash: SHA-256 of the bytes, hex.
        pixels: (h, w, 3) uint8 RGB, upright, short side at most 256 px.
        width: px, upright.
        height: px, upright.
        phash: From `curate.images.perceptual_hash.perceptual_hash`, in [0, 2**64).
        digest: Gives the digest of the whole picture in the file, 32 bytes.
        read_exact: Gives the view of the file at its full size, (H, W, 3) uint8 RGB, upright; None
            where it cannot be read so.
        frames: Frames of the file, >= 1.
        hash_frames: Gives the perceptual hashes of eight of them.
    """

    content_hash: str
    pixels: Pixels
    width: int
    height: int
    phash: int
    digest: Callable[[], bytes]
    read_exact: Callable[[], Pixels | None]
    frames: int = 1
    hash_frames: Callable[[], Sequence[int]] = list


class PixelReader(Protocol):
    """Where pixels come from; safe to call from several threads."""

    def read(self, content_hashes: Sequence[str]) -> list[Pixels]:
        """Return cached pixels: (h, w, 3) uint8 RGB, upright, short side at most 256 px."""

    def digest(self, rows: Sequence[int]) -> list[bytes]:
        """Return the digests of the whole pictures in the files of images, 32 bytes each."""

    def read_exact(self, rows: Sequence[int]) -> Sequence[Pixels | None]:
        """Return the views of files at their full size, (H, W, 3) uint8 RGB, upright.

        None stands for a file that cannot be read so.
        """

    def hash_frames(self, row: int) -> Sequence[int]:
        """Return the perceptual hashes of eight frames of an image's file."""


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
        match: P names of the levels of `curate.choices.Level`, or `PART_OF` or `OVERLAPS` of
            the same.
        similarity: (P,) float32, probability of being a copy, in [0, 1].
        mirrored: (P,) bool, the second image shows the first mirrored.
        rotation: (P,) float32, degrees the first is turned clockwise (after mirroring, left to
            right) to agree with the second, in [-180, 180).
        scale: (P,) float32, px of the second per px of the first, geometric mean of both axes.
        box: (P, 4) float32, the part of the second that the first covers: left, top, right,
            bottom, as shares of width and height in [0, 1].
        overlap: (P,) float32, share of the smaller image that lies on the other, in [0, 1].
        inliers: (P,) int32, keypoints that agree on the map; 0 where none was needed.
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
    overlap: NDArray[np.float32]
    inliers: NDArray[np.int32]
    tile_agreement: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.match)

    @classmethod
    def none(cls) -> "Pairs":
        """Return no pair."""
        return cls(
            a=np.zeros(0, np.int64),
            b=np.zeros(0, np.int64),
            match=[],
            similarity=np.zeros(0, np.float32),
            mirrored=np.zeros(0, np.bool_),
            rotation=np.zeros(0, np.float32),
            scale=np.zeros(0, np.float32),
            box=np.zeros((0, 4), np.float32),
            overlap=np.zeros(0, np.float32),
            inliers=np.zeros(0, np.int32),
            tile_agreement=np.zeros(0, np.float32),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Copies:
    """Which images are copies of which, and what stays; columns have N entries.

    Attributes:
        scene: (N,) int32, the images that show one scene, copies or not; -1 for images alone.
        group: (N,) int32, the duplicate group, -1 for images alone; groups are numbered by their
            first image.
        match: Level of the evidence that ties the image to the kept one of its group, or None
            (alone, or kept).
        duplicate_of: (N,) int64, index of the kept image, -1 for images that stay.
        similarity: (N,) float32, probability of being a copy of the kept image; NaN if it stays.
        keep: (N,) bool.
        reason: Why the image is dropped, or None.
        pairs: The evidence.
        misses: Pairs in no common group that are copies if anything, the likeliest first.
        threshold: Least probability that counted.
        notes: What the run should say: counts of candidates.
    """

    scene: NDArray[np.int32]
    group: NDArray[np.int32]
    match: list[str | None]
    duplicate_of: NDArray[np.int64]
    similarity: NDArray[np.float32]
    keep: NDArray[np.bool_]
    reason: list[str | None]
    pairs: Pairs
    misses: Pairs
    threshold: float
    notes: list[str] = field(default_factory=list)
