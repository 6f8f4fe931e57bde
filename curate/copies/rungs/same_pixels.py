"""The rung ``pixels``: files of other bytes that hold the same picture.

Compared is all that the file holds: full depth, alpha, every frame (`curate.images.exact`). Only
images of the same size and number of frames, alike in hash and mean colour, are decoded in full.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from curate.choices import Level
from curate.copies.cache.pixel_digests import PixelDigests
from curate.copies.candidates.ann_index import HashIndex
from curate.copies.grouping import spread_over_label
from curate.copies.placement import pair_whole_images
from curate.copies.records import Images, Pairs, PixelReader, QueryImage
from curate.copies.rungs.base import (
    Grouping,
    Known,
    RungQuery,
    Searched,
    link_equal,
)

Ints = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, slots=True)
class SuspectParams:
    """Which images may have the same pixels, so that they are decoded in full.

    What is decoded in vain is time, what is not decoded is a copy left to a weaker rung; both are
    seen in ``tests/benchmarks/dedup_quality.py``.

    Attributes:
        hash_radius: Bits of the perceptual hash that may differ: the cached copies of equal pixels
            differ by how they were shrunk.
        colour_tolerance: Grey levels that the mean of a channel may differ, for the same reason.
        n_neighbors: Nearest hashes of each that are looked at.
        n_batch: Images decoded at a time; more take memory.
        n_block: Hashes looked for at a time; more take memory.
    """

    hash_radius: int = 6
    colour_tolerance: float = 4.0
    n_neighbors: int = 8
    n_batch: int = 64
    n_block: int = 65_536


SUSPECT_PARAMS = SuspectParams()


class SamePixels:
    """Calls images of the same pixels copies."""

    level = Level.PIXELS

    def group(self, known: Known) -> Grouping:
        """Return the images of the same pixels."""
        digests = PixelDigests(known.cache)
        label = find_same_pixels(known.images, known.pixels, known.heads, digests=digests)
        return link_equal(known, label, self.level)

    def open_query(self, searched: Searched) -> RungQuery:
        """Return what finds the images of a query's pixels."""
        return _SamePixelsQuery(searched)


class _SamePixelsQuery:
    threshold = 1.0

    def __init__(self, searched: Searched) -> None:
        self._images, self._pixels = searched.images, searched.pixels
        self._label = searched.labels[Level.PIXELS]
        self._heads = np.unique(self._label)
        self._digests = PixelDigests(searched.cache)

    def find_copies(self, queries: Sequence[QueryImage], known: Pairs) -> Pairs:
        """Return pairs of a query and an image of the same pixels."""
        head = np.full(len(queries), -1, np.int64)
        head[known.a] = self._label[known.b]
        open_ = np.flatnonzero(head < 0)
        pairs = pair_queries_of_same_pixels(
            [queries[number] for number in open_.tolist()],
            self._images,
            self._pixels,
            self._heads,
            digests=self._digests,
        )
        for number, row in pairs:
            head[open_[number]] = row
        a, b = spread_over_label(np.flatnonzero(head >= 0), head[head >= 0], self._label)
        return pair_whole_images(a, b, Level.PIXELS)


def find_same_pixels(
    images: Images, pixels: PixelReader, rows: Ints, *, digests: PixelDigests | None = None
) -> Ints:
    """Return for each of ``rows`` the first of them with the same pixels, (R,) int64.

    Args:
        images: All images.
        pixels: Where cached and exact pixels come from.
        rows: (R,) int64, rising: images whose bytes all differ.
        digests: What is known from before; what is found out is added.
    """
    known = digests or PixelDigests(None)
    suspects = _find_suspects(images, pixels, rows, known)
    unread = [row for row in suspects if known.digest_of(images.content_hash[row]) is None]
    for start in range(0, len(unread), SUSPECT_PARAMS.n_batch):
        batch = unread[start : start + SUSPECT_PARAMS.n_batch]
        for row, digest in zip(batch, pixels.digest(batch), strict=True):
            known.set_digest(images.content_hash[row], digest)
    known.save()
    first: dict[bytes | None, int] = {}
    label = rows.copy()
    for row in suspects:
        same = first.setdefault(known.digest_of(images.content_hash[row]), row)
        label[np.searchsorted(rows, row)] = same
    return label


def pair_queries_of_same_pixels(
    queries: Sequence[QueryImage],
    images: Images,
    pixels: PixelReader,
    rows: Ints,
    *,
    digests: PixelDigests,
) -> list[tuple[int, int]]:
    """Return which queries have the pixels of which of ``rows``, as pairs of both.

    Args:
        queries: Of other bytes than all of ``rows``.
        images: All images.
        pixels: Where cached and exact pixels come from.
        rows: (R,) int64, images whose pixels all differ.
        digests: What is known from before; what is found out is added.
    """
    unique, inverse = np.unique(images.phash[rows], return_inverse=True)
    by_hash = np.argsort(inverse, kind="stable")
    starts = np.searchsorted(inverse[by_hash], np.arange(len(unique) + 1))
    hashes = np.array([one.phash for one in queries], np.uint64)
    query, other = HashIndex(unique).find_near(
        hashes, radius=SUSPECT_PARAMS.hash_radius, n_neighbors=SUSPECT_PARAMS.n_neighbors
    )
    pairs = []
    for number, one in enumerate(queries):
        near = [by_hash[starts[o] : starts[o + 1]] for o in other[query == number].tolist()]
        alike = rows[np.concatenate([by_hash[:0], *near])]
        fits = (images.width[alike] == one.width) & (images.height[alike] == one.height)
        fits &= images.frames[alike] == one.frames
        equal = _select_equal(one, images, pixels, alike[fits], digests)
        pairs += [(number, row) for row in equal]
    return pairs


def _select_equal(
    query: QueryImage, images: Images, pixels: PixelReader, rows: Ints, digests: PixelDigests
) -> Iterator[int]:
    """Yield those of ``rows``, images alike in size and hash, that have the very pixels."""
    colours = _measure_colours(images, pixels, rows, digests)
    near = (np.abs(colours - cv2.mean(query.pixels)[:3]) < SUSPECT_PARAMS.colour_tolerance).all(
        axis=1
    )
    suspects = rows[near].tolist()
    if not suspects:
        return
    wanted = query.digest()
    for row in suspects:
        name = images.content_hash[row]
        if digests.digest_of(name) is None:
            digests.set_digest(name, pixels.digest([row])[0])
        if digests.digest_of(name) == wanted:
            yield row


def _find_suspects(
    images: Images, pixels: PixelReader, rows: Ints, known: PixelDigests
) -> list[int]:
    """Return the images, rising, that may have equal pixels with another."""
    a, b = _pair_alike_in_hash(images, rows)
    involved = np.unique(np.concatenate([a, b]))
    colours = _measure_colours(images, pixels, involved, known)
    slot_a, slot_b = np.searchsorted(involved, a), np.searchsorted(involved, b)
    near = (np.abs(colours[slot_a] - colours[slot_b]) < SUSPECT_PARAMS.colour_tolerance).all(axis=1)
    suspects = set(a[near].tolist()) | set(b[near].tolist())
    suspects |= _find_alike_in_colour(images, involved, colours)
    return sorted(suspects)


def _pair_alike_in_hash(images: Images, rows: Ints) -> tuple[Ints, Ints]:
    """Return pairs of equal size and near hashes; within one hash, only neighbours in order."""
    order = rows[np.lexsort((rows, images.phash[rows], images.height[rows], images.width[rows]))]
    size = images.width[order].astype(np.int64) << 32 | images.height[order]
    same = (size[1:] == size[:-1]) & (images.phash[order[1:]] == images.phash[order[:-1]])
    a, b = [order[:-1][same]], [order[1:][same]]
    heads = order[np.concatenate([[True], ~same])] if len(order) else order
    head_size = images.width[heads].astype(np.int64) << 32 | images.height[heads]
    unique, inverse = np.unique(images.phash[heads], return_inverse=True)
    first = np.argsort(inverse, kind="stable")
    starts = np.searchsorted(inverse[first], np.arange(len(unique) + 1))
    counts = np.diff(starts)
    index = HashIndex(unique)
    for begin in range(0, len(unique), SUSPECT_PARAMS.n_block):
        query, other = index.find_near(
            unique[begin : begin + SUSPECT_PARAMS.n_block],
            radius=SUSPECT_PARAMS.hash_radius,
            n_neighbors=SUSPECT_PARAMS.n_neighbors,
        )
        query += begin
        pair, number = _count_up(counts[query] * counts[other])
        left = first[starts[query[pair]] + number // counts[other[pair]]]
        right = first[starts[other[pair]] + number % counts[other[pair]]]
        fits = (left < right) & (head_size[left] == head_size[right])
        a.append(heads[left[fits]])
        b.append(heads[right[fits]])
    return np.concatenate(a), np.concatenate(b)


def _count_up(counts: Ints) -> tuple[Ints, Ints]:
    """Return each place as often as it counts, and 0, 1, 2, ... within each.

    >>> [column.tolist() for column in _count_up(np.array([2, 0, 3]))]
    [[0, 0, 2, 2, 2], [0, 1, 0, 1, 2]]
    """
    place = np.repeat(np.arange(len(counts)), counts)
    begin = np.cumsum(counts) - counts
    return place, np.arange(len(place)) - begin[place]


def _measure_colours(
    images: Images, pixels: PixelReader, rows: Ints, known: PixelDigests
) -> NDArray[np.float32]:
    """Return the mean of each channel of the cached pixels, (R, 3) float32."""
    names = images.content_hash.take(rows)
    colours = known.find_colours(names)
    missing = np.flatnonzero(np.isnan(colours).any(axis=1))
    for start in range(0, len(missing), SUSPECT_PARAMS.n_batch):
        batch = missing[start : start + SUSPECT_PARAMS.n_batch]
        read = pixels.read(list(names.take(batch)))
        colours[batch] = [cv2.mean(image)[:3] for image in read]
    known.add_colours(names.take(missing), colours[missing])
    return colours


def _find_alike_in_colour(images: Images, rows: Ints, colours: NDArray[np.float32]) -> set[int]:
    """Return images that have the hash, the size and nearly the colour of another one.

    Needed where many plain images share one hash: equal ones need not be neighbours in `order`.
    """
    order = np.lexsort(
        (colours.sum(axis=1), images.phash[rows], images.height[rows], images.width[rows])
    )
    ranked, ranked_colours = rows[order], colours[order]
    near = (np.abs(ranked_colours[1:] - ranked_colours[:-1]) < SUSPECT_PARAMS.colour_tolerance).all(
        axis=1
    )
    for column in (images.width, images.height, images.phash):
        near &= column[ranked[1:]] == column[ranked[:-1]]
    return set(ranked[1:][near].tolist()) | set(ranked[:-1][near].tolist())
