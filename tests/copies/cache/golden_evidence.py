"""Make the golden evidence anew, after ``CACHE_VERSION`` was raised.

    PYTHONPATH=. python tests/copies/cache/golden_evidence.py

It holds what the cache keeps of a few made pictures: keypoints, candidates, evidence.
"""

import json
from pathlib import Path

import cv2
import numpy as np

from curate.copies.cache.version import CACHE_VERSION
from curate.copies.candidates.from_hashes import HashedImages, pair_by_hashes
from curate.copies.candidates.from_keypoints import KeypointIndex, pair_by_keypoints
from curate.copies.candidates.pairs import order_pairs
from curate.copies.candidates.thumbnails import make_thumbnail
from curate.copies.pair_tables import concat_pairs
from curate.copies.probability.classifier import FIRST_LOOK
from curate.copies.verification.keypoints import Keypoints, make_working_copy
from curate.copies.verification.verifier import Verifier
from curate.images.perceptual_hash import perceptual_hash
from tests.copies.conftest import scene

FILE = Path(__file__).with_name("golden_evidence.json")
N_PLACES = 12
"""Keypoints of each picture whose places are written down, the strongest ones."""


def pictures():
    """Return scenes and copies of them under alterations, gentle and hard, that need no codec."""
    first, second, third, fourth = (scene(seed) for seed in range(1, 5))
    tilt = cv2.getRotationMatrix2D((160, 120), 12, 1.2)
    covered = first.copy()
    covered[60:150, 90:200] = fourth[60:150, 90:200]
    plain = np.full((240, 320, 3), 120, np.uint8)
    for number in range(5):
        middle = (40 + 60 * number, 60 + 30 * (number % 3))
        cv2.ellipse(
            plain, middle, (18, 9 + number), 25 * number, 0, 360, (40 * number, 90, 200), -1
        )
    shear = np.array([[1, 0.35, -30], [0.1, 0.9, 10]], np.float32)
    warmer = np.clip(second * [1.3, 0.9, 0.5] + [10, 0, 30], 0, 255).astype(np.uint8)
    shaded = (third * np.linspace(0.15, 1, 320)[None, :, None]).astype(np.uint8)
    collage = cv2.resize(fourth, (320, 240))
    collage[20:140, 20:180] = cv2.resize(third, (160, 120), interpolation=cv2.INTER_AREA)
    floor = [scene(50).copy() for _ in range(2)]
    floor[0][50:190, 80:240] = scene(60, 160, 140)
    floor[1][50:190, 80:240] = scene(61, 160, 140)
    faded = (second * 0.5 + second.mean(axis=2, keepdims=True) * 0.3 + 40).astype(np.uint8)
    return {
        "first": first,
        "second": second,
        "third": third,
        "fourth": fourth,
        "first covered": covered,
        "first small": cv2.resize(first, (200, 150), interpolation=cv2.INTER_AREA),
        "second faded": faded,
        "second mirrored": np.ascontiguousarray(second[:, ::-1]),
        "third tilted": cv2.warpAffine(third, tilt, (320, 240)),
        "third cropped": np.ascontiguousarray(third[40:220, 30:260]),
        "first dull": (first * 0.12 + 90).astype(np.uint8),
        "first sheared": cv2.warpAffine(first, shear, (320, 240)),
        "first blurred": cv2.GaussianBlur(first, (0, 0), 3),
        "second warmer": warmer,
        "second swapped": np.ascontiguousarray(second[..., ::-1]),
        "third shaded": shaded,
        "third in a collage": collage,
        "one floor": floor[0],
        "same floor": floor[1],
        "plain": plain,
        "plain darker": (plain * 0.8).astype(np.uint8),
        "fourth turned": np.ascontiguousarray(np.rot90(fourth)),
    }


def measure():
    """Return what the cache would keep of the pictures."""
    images = list(pictures().values())
    greys = [make_working_copy(pixels) for pixels in images]
    keypoints = Keypoints.of(greys)
    rows = np.arange(len(images))
    index = KeypointIndex.train(keypoints, rows, seed=0)
    hashed = HashedImages(
        phash=np.array([perceptual_hash(pixels) for pixels in images], np.uint64),
        thumbnail=np.array([make_thumbnail(grey) for grey in greys], np.uint8),
    )
    parts = [
        pair_by_keypoints(keypoints, index, rows[:0], rows),
        pair_by_hashes(hashed, np.ones(len(images), bool)),
    ]
    pairs = order_pairs(concat_pairs(parts), rows)
    verifier = Verifier(keypoints, lambda some: [images[row] for row in some], FIRST_LOOK)
    findings = verifier.verify(pairs.a, pairs.b, pairs.method)
    names = list(pictures())
    places = [keypoints.records["place"][start : start + N_PLACES] for start in keypoints.starts]
    return {
        "cache_version": CACHE_VERSION,
        "n_votes": len(parts[0]),
        "keypoints": {
            name: {
                "count": int(count),
                "places": place[:, :2].round(1).astype(float).round(1).tolist(),
            }
            for name, count, place in zip(names, keypoints.counts, places, strict=True)
        },
        "evidence": {
            f"{names[a]} | {names[b]} | {method}": evidence.astype(float).round(3).tolist()
            for a, b, method, evidence in zip(
                pairs.a, pairs.b, pairs.method, findings.evidence, strict=True
            )
            if np.isfinite(evidence).all()
        },
    }


if __name__ == "__main__":
    lines = json.dumps(measure()).replace('": {"count"', '":\n {"count"').replace('": [', '":\n [')
    FILE.write_text(lines + "\n")
