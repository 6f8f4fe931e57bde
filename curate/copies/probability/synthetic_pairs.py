"""Synthetic pairs: copies made of the user's own images, and how their evidence looks."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from curate.copies.cache.arrays import read_arrays, write_arrays
from curate.copies.pair_tables import take_pairs
from curate.copies.probability.augment import make_copy
from curate.copies.probability.classifier import CLOSE_LOOK, FIRST_LOOK
from curate.copies.probability.context import judge_in_context
from curate.copies.verification.close_look import CLOSE_LOOK_PARAMS, CloseLook
from curate.copies.verification.findings import (
    BY_KEYPOINTS,
    BY_MIRRORED_KEYPOINTS,
    drop_unaligned,
    select_best,
)
from curate.copies.verification.keypoints import Keypoints, make_working_copy
from curate.copies.verification.verifier import Verifier
from curate.parallel import ordered_map

Pixels = NDArray[np.uint8]
Numbers = NDArray[np.uint64]

_FILE = "synthetic_pairs.npz"
_CACHED_SIDE = 256  # px, short side of cached images: made copies get no better


def load_synthetic_evidence(
    folder: Path,
    fingerprints: Numbers,
    read: Callable[[Sequence[int]], list[Pixels]],
    *,
    seed: int,
) -> NDArray[np.float32]:
    """Return the evidence on one made copy of each image, (n, 59); what was made before is known.

    Copies that the first look would refuse are left out.

    Args:
        folder: Of the cache; the caller is its only writer.
        fingerprints: (n,) uint64, of the content hashes; a copy may borrow from the next image.
        read: Gives the cached pixels of some of the n images.
        seed: Seed of the augmentations.
    """
    path = folder / _FILE
    n = len(fingerprints)
    pairs = np.stack([fingerprints, np.roll(fingerprints, -1), np.full(n, seed, np.uint64)], axis=1)
    evidence = np.full((n, len(CLOSE_LOOK.centre)), np.nan, np.float32)
    is_known = np.zeros(n, np.bool_)
    arrays = read_arrays(path)
    if arrays is not None:
        known = {tuple(pair): row for row, pair in enumerate(arrays["pairs"].tolist())}
        places = np.array([known.get(tuple(pair), -1) for pair in pairs.tolist()])
        is_known = places >= 0
        evidence[is_known] = arrays["evidence"][places[is_known]]
    if not is_known.all():
        missing = np.nonzero(~is_known)[0]
        others = read(((missing + 1) % n).tolist())
        seeds = pairs[missing][:, [2, 0]]
        evidence[missing] = measure_made_copies(read(missing.tolist()), others, seeds=seeds)
        write_arrays(path, pairs=pairs, evidence=evidence)
    return evidence[np.isfinite(evidence).all(axis=1)]


def measure_made_copies(
    originals: Sequence[Pixels], others: Sequence[Pixels], *, seeds: Numbers
) -> NDArray[np.float32]:
    """Return the evidence on one made copy of each image beside its original.

    Args:
        originals: n images (h, w, 3) uint8, from the cache.
        others: n images that the copies may borrow from.
        seeds: (n, k) uint64, seeds of the augmentations.

    Returns:
        (n, 59) float32, NaN where the first look would refuse the pair.
    """
    n = len(originals)

    def make(number: int) -> Pixels:
        rng = np.random.default_rng(seeds[number].tolist())
        return _shrink_as_cached(make_copy(originals[number], others[number], rng))

    images = [*originals, *ordered_map(make, range(n))]
    keypoints = Keypoints.of(list(ordered_map(make_working_copy, images)))
    verifier = Verifier(keypoints, lambda rows: [images[row] for row in rows], FIRST_LOOK)
    a = np.tile(np.arange(n, dtype=np.int64), 2)
    method = np.repeat([BY_KEYPOINTS, BY_MIRRORED_KEYPOINTS], n)
    findings = drop_unaligned(verifier.verify(a, a + n, method))
    best = select_best(findings, FIRST_LOOK)
    likely = take_pairs(best.findings, best.probability >= CLOSE_LOOK_PARAMS.least)
    close_look = CloseLook(keypoints.shapes, lambda rows: [images[row] for row in rows])
    likely = replace(likely, close=close_look.look(likely))
    evidence = np.full((n, len(CLOSE_LOOK.centre)), np.nan, np.float32)
    evidence[likely.a] = judge_in_context(likely, None)
    return evidence


def _shrink_as_cached(pixels: Pixels) -> Pixels:
    factor = _CACHED_SIDE / min(pixels.shape[:2])
    if factor >= 1:
        return pixels
    size = (max(1, round(pixels.shape[1] * factor)), max(1, round(pixels.shape[0] * factor)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
