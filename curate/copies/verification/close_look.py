"""The close look: at pairs that the first look found likely, as finely as they were cached."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from curate.copies.verification.detail import (
    CLOSE_NAMES,
    DETAIL_PARAMS,
    N_DETAIL,
    look_closely,
    shrink_for_close_look,
)
from curate.copies.verification.findings import Findings
from curate.copies.verification.fine_print import is_sparse, look_at_files
from curate.copies.verification.laying import scale_map
from curate.copies.verification.partners import list_partners
from curate.images.picture import SHORT_SIDE
from curate.parallel import ordered_map

Floats = NDArray[np.float32]
Greys = NDArray[np.uint8]
ReadPixels = Callable[[Sequence[int]], list[NDArray[np.uint8]]]
Held = TypeVar("Held")
ReadFile = Callable[[int], NDArray[np.uint8] | None]


@dataclass(frozen=True, kw_only=True, slots=True)
class CloseLookParams:
    """Which pairs are looked at closely.

    Time and copies found are measured by ``tests/benchmarks/dedup_quality.py``, the cost of a
    folder of one picture by ``dedup_scale.py`` there.

    Attributes:
        least: Pairs less probable at the first look are refused by it.
        n_partners: Likeliest partners of each image that are looked at; in a crowd the others are
            looked at only when a group needs them.
        n_block: Pairs looked at in one piece of work.
        n_cached: Grey images held, 90 kB each.
        n_files: Images held at full size.
    """

    least: float = 0.2
    n_partners: int = 8
    n_block: int = 16
    n_cached: int = 2048
    n_files: int = 12


CLOSE_LOOK_PARAMS = CloseLookParams()


def choose_pairs(findings: Findings, likely: NDArray[np.float64], n: int) -> NDArray[np.bool_]:
    """Return which pairs are worth a close look, (P,) bool.

    Args:
        findings: On pairs of n images, each once.
        likely: (P,) probability at the first look.
        n: Number of images.
    """
    params = CLOSE_LOOK_PARAMS
    chosen = np.zeros(len(findings), np.bool_)
    rows = np.nonzero(likely >= params.least)[0]
    ends = np.stack([findings.a[rows], findings.b[rows]])
    pairs, _, _ = list_partners(ends, likely[rows], n, most=params.n_partners)
    chosen[rows[pairs]] = True
    return chosen


def _may_be_larger(grey: Greys) -> bool:
    """Return whether the file of an image, as it is looked at closely, may show more of it."""
    short, long = min(grey.shape), max(grey.shape)
    return bool(short >= SHORT_SIDE or long >= DETAIL_PARAMS.longest_side)


class CloseLook:
    """Looks at pairs of images as finely as they were cached, or at their files."""

    def __init__(
        self,
        shapes: NDArray[np.int32],
        read: ReadPixels,
        *,
        read_file: ReadFile | None = None,
    ) -> None:
        """Look at pairs of N images.

        Args:
            shapes: (N, 2) int32, height and width of the working copies.
            read: Gives their cached pixels by row.
            read_file: Gives every pixel of an image, (H, W, 3) uint8, or None where its file cannot
                be read so; None where there are no files.
        """
        self._shapes = shapes
        self._read = read
        self._read_file = read_file
        self._cached: OrderedDict[int, Greys] = OrderedDict()
        self._files: OrderedDict[int, Greys | None] = OrderedDict()
        self._lock = Lock()

    def without_files(self) -> "CloseLook":
        """Return what looks at the same images, but at no file."""
        return CloseLook(self._shapes, self._read)

    def look(
        self, findings: Findings, *, on_progress: Callable[[int], None] | None = None
    ) -> Floats:
        """Return what is seen of pairs, (P, 46) float32 in the order of ``CLOSE_NAMES``.

        Args:
            findings: How they lie.
            on_progress: Hears how many more pairs are done.
        """
        n_block = CLOSE_LOOK_PARAMS.n_block
        blocks = [
            range(k, min(k + n_block, len(findings))) for k in range(0, len(findings), n_block)
        ]
        seen = np.full((len(findings), len(CLOSE_NAMES)), np.nan, np.float32)
        looked = ordered_map(lambda block: self._look_at_block(findings, block), blocks, ahead=16)
        for block, part in zip(blocks, looked, strict=True):
            seen[block.start : block.stop] = part
            if on_progress is not None:
                on_progress(len(block))
        return seen

    def _look_at_block(self, findings: Findings, block: range) -> Floats:
        pairs = [(int(findings.a[row]), int(findings.b[row])) for row in block]
        greys = self._load(sorted({image for pair in pairs for image in pair}))
        return np.stack(
            [
                self._look_at_pair(pair, (greys[pair[0]], greys[pair[1]]), findings.maps[row])
                for row, pair in zip(block, pairs, strict=True)
            ]
        )

    def _look_at_pair(
        self, pair: tuple[int, int], greys: tuple[Greys, Greys], a_to_b: Floats
    ) -> Floats:
        first, second = (tuple(self._shapes[image].tolist()) for image in pair)
        between = scale_map(a_to_b, (first, second), (greys[0].shape, greys[1].shape))
        close = look_closely(*greys, between)
        if self._read_file is None or not is_sparse(close) or not all(map(_may_be_larger, greys)):
            return close
        files = self._load_file(pair[0]), self._load_file(pair[1])
        if files[0] is None or files[1] is None:
            return close
        fine = look_at_files((files[0], files[1]), greys, between)
        if fine is None or not np.isfinite(fine).all():
            return close
        # what lies around the images is seen where all of them is, and a blur is narrow there
        return np.concatenate([fine[:N_DETAIL], close[N_DETAIL:]])

    def _load(self, rows: list[int]) -> dict[int, Greys]:
        """Return grey cached images by row; recent ones are held."""
        with self._lock:
            greys = {row: self._cached[row] for row in rows if row in self._cached}
        missing = [row for row in rows if row not in greys]
        if missing:
            pixels = zip(missing, self._read(missing), strict=True)
            made = {row: shrink_for_close_look(one) for row, one in pixels}
            greys |= made
            self._hold(self._cached, made, CLOSE_LOOK_PARAMS.n_cached)
        return greys

    def _load_file(self, row: int) -> Greys | None:
        """Return a grey image at full size, if there is one; recent ones are held."""
        assert self._read_file is not None, "there are files"
        with self._lock:
            if row in self._files:
                return self._files[row]
        pixels = self._read_file(row)
        grey = None
        if pixels is not None:
            grey = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.uint8)
        self._hold(self._files, {row: grey}, CLOSE_LOOK_PARAMS.n_files)
        return grey

    def _hold(self, held: OrderedDict[int, Held], made: dict[int, Held], most: int) -> None:
        with self._lock:
            held.update(made)
            while len(held) > most:
                held.popitem(last=False)
