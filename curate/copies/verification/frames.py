"""Animations and multi-page files: near copies must agree in all their frames, not in one.

The evidence is gathered on the frame that stands for a file. Where both files have several, eight
of each are compared by how they look: two films with one title card are no copies.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curate.copies.pair_tables import take_pairs
from curate.copies.verification.findings import Links
from curate.images.perceptual_hash import orientations

HashFrames = Callable[[int], Sequence[int]]
"""Gives the perceptual hashes of some frames of an image, by row."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FrameParams:
    """When the frames of two files agree.

    Attributes:
        most_bits: Bits of the 64 of a perceptual hash that differ on average, at most. Films that
            were encoded again, scaled or mirrored stay below 6; other scenes are near 32, and two
            films that share one frame of three at 21
            (``tests/copies/verification/test_frames.py``).
    """

    most_bits: float = 10.0


FRAME_PARAMS = FrameParams()


def drop_other_frames(
    links: Links, n_frames: NDArray[np.int32], hash_frames: HashFrames, *, least: float
) -> Links:
    """Return the pairs without those of two files whose frames do not agree.

    Args:
        links: Pairs of rows.
        n_frames: (R,) int32, frames of each row's file.
        hash_frames: Gives the looks of a row's frames.
        least: Probability from which on a pair is worth reading frames for; less likely pairs stay.
    """
    a, b = links.findings.a, links.findings.b
    asked = np.flatnonzero((n_frames[a] > 1) & (n_frames[b] > 1) & (links.probability >= least))
    if len(asked) == 0:
        return links
    keeps = np.ones(len(links), np.bool_)
    looks = {
        row: np.array(hash_frames(row), np.uint64)
        for row in np.unique(np.concatenate([a[asked], b[asked]])).tolist()
    }
    for pair in asked.tolist():
        keeps[pair] = frames_agree(looks[int(a[pair])], looks[int(b[pair])])
    return take_pairs(links, keeps)


def frames_agree(first: NDArray[np.uint64], second: NDArray[np.uint64]) -> bool:
    """Return whether two series of frames look alike, in one of the eight orientations.

    Args:
        first: (F,) uint64, perceptual hashes.
        second: (F,) uint64.
    """
    if len(first) != len(second) or len(first) == 0:
        return False
    differing = orientations(first) ^ second[:, None]
    bits = np.unpackbits(differing[..., None].view(np.uint8), axis=-1).sum(axis=-1)
    return bool(bits.mean(axis=0).min() <= FRAME_PARAMS.most_bits)
