"""The two upper rungs: same bytes, same pixels. Settled first, so that they cost nothing later."""

import hashlib
from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from curate.copies.cache.pixel_digests import Seals
from curate.copies.candidates.ann_index import hash_neighbors
from curate.copies.records import Asked, Images, PixelReader, Pixels

Ints = NDArray[np.int64]

_HASH_RADIUS = 6  # bits; the cached copies of equal pixels differ by how they were shrunk
_COLOUR_TOLERANCE = 4.0  # grey levels, mean of a channel, for the same reason
_NEIGHBORS = 8
_BATCH = 64


def same_bytes(images: Images) -> Ints:
    """Return for each image the first one with the same bytes, (N,) int64."""
    first: dict[str, int] = {}
    return np.array(
        [first.setdefault(name, row) for row, name in enumerate(images.content_hash)], np.int64
    )


def same_pixels(
    images: Images, pixels: PixelReader, rows: Ints, *, seals: Seals | None = None
) -> Ints:
    """Return for each of ``rows`` the first of them with the same pixels, (R,) int64.

    Only images of the same size, alike in hash and colour, are decoded in full.

    Args:
        images: All images.
        pixels: Where cached and exact pixels come from.
        rows: (R,) int64, rising: images whose bytes all differ.
        seals: What is known from before; what is found out is added.
    """
    known = seals or Seals(None)
    suspects = _suspects(images, pixels, rows, known)
    unsealed = [row for row in suspects if known.seal(images.content_hash[row]) is None]
    for start in range(0, len(unsealed), _BATCH):
        batch = unsealed[start : start + _BATCH]
        for row, exact in zip(batch, pixels.exact(batch), strict=True):
            known.set_seal(images.content_hash[row], _seal(exact))
    known.save()
    first: dict[bytes | None, int] = {}
    answer = dict(zip(rows.tolist(), rows.tolist(), strict=True))
    for row in suspects:
        answer[row] = first.setdefault(known.seal(images.content_hash[row]), row)
    return np.array([answer[row] for row in rows.tolist()], np.int64)


def twins_of(
    asked: Sequence[Asked],
    images: Images,
    pixels: PixelReader,
    rows: Ints,
    *,
    seals: Seals,
) -> list[tuple[int, int]]:
    """Return which further images have the pixels of which of ``rows``, as pairs of both.

    Args:
        asked: Further images, of other bytes than all of ``rows``.
        images: All images.
        pixels: Where cached and exact pixels come from.
        rows: (R,) int64, images whose pixels all differ.
        seals: What is known from before; what is found out is added.
    """
    unique, inverse = np.unique(images.phash[rows], return_inverse=True)
    by_hash = np.argsort(inverse, kind="stable")
    starts = np.searchsorted(inverse[by_hash], np.arange(len(unique) + 1))
    hashes = np.array([one.phash for one in asked], np.uint64)
    query, other = hash_neighbors(unique, hashes, radius=_HASH_RADIUS, n_neighbors=_NEIGHBORS)
    found = []
    for number, one in enumerate(asked):
        near = [by_hash[starts[o] : starts[o + 1]] for o in other[query == number].tolist()]
        alike = rows[np.concatenate([by_hash[:0], *near])]
        fits = (images.width[alike] == one.width) & (images.height[alike] == one.height)
        found += [(number, row) for row in _twins(one, images, pixels, alike[fits], seals)]
    return found


def _twins(
    one: Asked, images: Images, pixels: PixelReader, rows: Ints, seals: Seals
) -> Iterator[int]:
    """Yield those of ``rows``, images alike in size and hash, that have the very pixels."""
    colours = _mean_colours(images, pixels, rows, seals)
    near = (np.abs(colours - cv2.mean(one.pixels)[:3]) < _COLOUR_TOLERANCE).all(axis=1)
    suspects = rows[near].tolist()
    if not suspects:
        return
    sought = _seal(one.exact())
    for row in suspects:
        name = images.content_hash[row]
        if seals.seal(name) is None:
            seals.set_seal(name, _seal(pixels.exact([row])[0]))
        if seals.seal(name) == sought:
            yield row


def _seal(pixels: Pixels) -> bytes:
    """Return a digest of every pixel and the shape, 32 bytes."""
    digest = hashlib.sha256(np.ascontiguousarray(pixels).tobytes())
    digest.update(repr(pixels.shape).encode())
    return digest.digest()


def _suspects(images: Images, pixels: PixelReader, rows: Ints, known: Seals) -> list[int]:
    """Return the images, rising, that have a possible twin of equal pixels."""
    a, b = _alike_in_hash(images, rows)
    involved = np.unique(np.concatenate([a, b]))
    colours = _mean_colours(images, pixels, involved, known)
    slot_a, slot_b = np.searchsorted(involved, a), np.searchsorted(involved, b)
    near = (np.abs(colours[slot_a] - colours[slot_b]) < _COLOUR_TOLERANCE).all(axis=1)
    found = set(a[near].tolist()) | set(b[near].tolist())
    found |= _alike_in_colour(images, involved, colours)
    return sorted(found)


def _alike_in_hash(images: Images, rows: Ints) -> tuple[Ints, Ints]:
    """Return pairs of equal size and near hashes; within one hash, only neighbours in order."""
    order = rows[np.lexsort((rows, images.phash[rows], images.height[rows], images.width[rows]))]
    size = images.width[order].astype(np.int64) << 32 | images.height[order]
    same = (size[1:] == size[:-1]) & (images.phash[order[1:]] == images.phash[order[:-1]])
    a, b = [order[:-1][same]], [order[1:][same]]
    heads = order[np.concatenate([[True], ~same])] if len(order) else order
    head_size = images.width[heads].astype(np.int64) << 32 | images.height[heads]
    unique, inverse = np.unique(images.phash[heads], return_inverse=True)
    query, other = hash_neighbors(unique, unique, radius=_HASH_RADIUS, n_neighbors=_NEIGHBORS)
    first = np.argsort(inverse, kind="stable")
    starts = np.searchsorted(inverse[first], np.arange(len(unique) + 1))
    for q, o in zip(query.tolist(), other.tolist(), strict=True):
        left, right = first[starts[q] : starts[q + 1]], first[starts[o] : starts[o + 1]]
        i, j = np.nonzero(head_size[left][:, None] == head_size[right][None])
        apart = left[i] < right[j]
        a.append(heads[left[i][apart]])
        b.append(heads[right[j][apart]])
    return np.concatenate(a), np.concatenate(b)


def _mean_colours(
    images: Images, pixels: PixelReader, rows: Ints, known: Seals
) -> NDArray[np.float32]:
    """Return the mean of each channel of the cached pixels, (R, 3) float32."""
    names = [images.content_hash[row] for row in rows.tolist()]
    missing = [name for name in names if known.colour(name) is None]
    for start in range(0, len(missing), _BATCH):
        batch = missing[start : start + _BATCH]
        for name, image in zip(batch, pixels.read(batch), strict=True):
            mean = cv2.mean(image)
            known.set_colour(name, (mean[0], mean[1], mean[2]))
    return np.array([known.colour(name) for name in names], np.float32).reshape(-1, 3)


def _alike_in_colour(images: Images, rows: Ints, colours: NDArray[np.float32]) -> set[int]:
    """Return images that have the hash, the size and nearly the colour of another one.

    Needed where many plain images share one hash: equal ones need not be neighbours in `order`.
    """
    order = np.lexsort(
        (colours.sum(axis=1), images.phash[rows], images.height[rows], images.width[rows])
    )
    ranked, tints = rows[order], colours[order]
    near = (np.abs(tints[1:] - tints[:-1]) < _COLOUR_TOLERANCE).all(axis=1)
    for column in (images.width, images.height, images.phash):
        near &= column[ranked[1:]] == column[ranked[:-1]]
    return set(ranked[1:][near].tolist()) | set(ranked[:-1][near].tolist())


def protected(paths: Sequence[str], prefixes: Sequence[str]) -> NDArray[np.bool_]:
    """Return which paths are, or lie below, one of the prefixes, (N,) bool."""
    trimmed = tuple(prefix.rstrip("/") for prefix in prefixes)
    below = tuple(prefix + "/" for prefix in trimmed)
    return np.array([path in trimmed or path.startswith(below) for path in paths], np.bool_)
