"""Boxes that go with a dropped image: a copy that lies otherwise cannot lend its own in silence."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curate.amounts import count_of
from curate.choices import Level
from curate.copies.records import Copies, Images, Pairs

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_EXACT = (Level.FILE, Level.BYTES, Level.PIXELS)
_DEGREES = 2.0
_SLACK = 0.03
"""Share of a side by which a frame may be off and still be the same; boxes are hardly better."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LostBoxes:
    """Dropped images of whose objects something is known, where nothing is of the kept ones.

    Attributes:
        n_alike: Those that show the same frame, so that their boxes fit the kept image.
        n_moved: Those that are mirrored, turned or cropped beside it, so that they do not.
    """

    n_alike: int
    n_moved: int

    def describe(self) -> str | None:
        """Return a sentence on them, or None if there are none."""
        n_images = self.n_alike + self.n_moved
        if n_images == 0:
            return None
        one, many = "image with boxes is dropped for one", "images with boxes are dropped for ones"
        return (
            f"{count_of(n_images, one, many)} without: the boxes of {self.n_alike:,} fit the kept "
            f"image, {count_of(self.n_moved, 'is', 'are')} mirrored, turned or cropped beside it; "
            "none are taken over"
        )


def find_lost_boxes(images: Images, copies: Copies, has_boxes: Bools) -> LostBoxes:
    """Return how many boxes go with dropped images.

    Args:
        images: The N images.
        copies: What was found.
        has_boxes: (N,) of whose objects something is known.
    """
    is_lost = ~copies.keep & has_boxes & (copies.duplicate_of >= 0)
    dropped = np.flatnonzero(is_lost)
    dropped = dropped[~has_boxes[copies.duplicate_of[dropped]]]
    is_exact = np.array([copies.match[row] in _EXACT for row in dropped.tolist()], np.bool_)
    is_alike = is_exact | _lies_alike(images, copies.pairs, dropped, copies.duplicate_of[dropped])
    return LostBoxes(n_alike=int(is_alike.sum()), n_moved=int((~is_alike).sum()))


def _lies_alike(images: Images, pairs: Pairs, dropped: Ints, kept: Ints) -> Bools:
    """Return which dropped images show the frame of the kept ones, (D,) bool."""
    n_images = len(images)
    keys = pairs.a * n_images + pairs.b
    order = np.argsort(keys)
    wanted = np.minimum(dropped, kept) * n_images + np.maximum(dropped, kept)
    place = np.searchsorted(keys[order], wanted)
    is_known = np.append(keys[order], -1)[place] == wanted
    row = order[np.where(is_known, place, 0)] if len(order) else np.zeros(0, np.int64)
    is_alike = np.zeros(len(dropped), np.bool_)
    is_alike[is_known] = _is_same_frame(images, pairs)[row[is_known]]
    return is_alike


def _is_same_frame(images: Images, pairs: Pairs) -> Bools:
    """Return which pairs show one frame, (P,) bool."""
    scale = pairs.scale
    ratios = (
        scale * images.width[pairs.a] / images.width[pairs.b],
        scale * images.height[pairs.a] / images.height[pairs.b],
    )
    is_as_large = np.all([np.abs(ratio - 1) <= _SLACK for ratio in ratios], axis=0)
    covers = (pairs.box[:, :2] <= _SLACK).all(axis=1) & (pairs.box[:, 2:] >= 1 - _SLACK).all(axis=1)
    is_upright = ~pairs.mirrored & (np.abs(pairs.rotation) <= _DEGREES)
    return np.asarray(is_as_large & covers & is_upright)
