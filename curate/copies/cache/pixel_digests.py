"""Digests of every pixel and mean colours of images, on disk: what the rung ``pixels`` needs."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from curate.copies.cache.arrays import pack_hashes, read_arrays, write_arrays

_FILE = "pixel_digests.npz"


class PixelDigests:
    """Digests and mean colours by content hash."""

    def __init__(self, folder: Path | None) -> None:
        """Read what is known in a cache; a damaged file counts as none, None keeps nothing."""
        self._path = folder / _FILE if folder is not None else None
        self._colour_of = np.zeros(0, "S32")
        self._colour = np.zeros((0, 3), np.float32)
        self._digests: dict[str, bytes] = {}
        arrays = read_arrays(self._path) if self._path is not None else None
        if arrays is not None:
            packed = np.ascontiguousarray(arrays["colour_of"].astype(np.uint8))
            self._set_colours(packed.view("S32").reshape(-1), arrays["colour"].astype(np.float32))
            digests = map(bytes, arrays["digest"].astype(np.uint8))
            self._digests = dict(zip(_unpack(arrays["digest_of"]), digests, strict=True))
        self._n_saved = len(self._colour) + len(self._digests)

    def find_colours(self, content_hashes: Sequence[str]) -> NDArray[np.float32]:
        """Return the mean of each channel of the cached pixels, (N, 3), NaN where not known."""
        keys = pack_hashes(content_hashes)
        found = np.full((len(keys), 3), np.nan, np.float32)
        if len(self._colour_of):
            places = np.minimum(np.searchsorted(self._colour_of, keys), len(self._colour_of) - 1)
            is_known = self._colour_of[places] == keys
            found[is_known] = self._colour[places[is_known]]
        return found

    def add_colours(self, content_hashes: Sequence[str], colours: NDArray[np.float32]) -> None:
        """Note the mean colours of images.

        Args:
            content_hashes: SHA-256 of the bytes, hex, of N images without a colour.
            colours: (N, 3), mean of each channel of the cached pixels.
        """
        keys = np.concatenate([self._colour_of, pack_hashes(content_hashes)])
        self._set_colours(keys, np.concatenate([self._colour, colours]))

    def digest_of(self, content_hash: str) -> bytes | None:
        """Return the digest of every pixel, 32 bytes, if it is known."""
        return self._digests.get(content_hash)

    def set_digest(self, content_hash: str, digest: bytes) -> None:
        """Note the digest of every pixel of an image.

        Args:
            content_hash: SHA-256 of the bytes, hex.
            digest: 32 bytes.
        """
        self._digests[content_hash] = digest

    def save(self) -> None:
        """Write what was added.

        Raises:
            ResourceError: The disk is full or cannot be written.
        """
        if self._path is None or self._n_saved == len(self._colour) + len(self._digests):
            return
        write_arrays(
            self._path,
            colour_of=self._colour_of.view(np.uint8).reshape(-1, 32),
            colour=self._colour,
            digest_of=pack_hashes(self._digests).view(np.uint8).reshape(-1, 32),
            digest=np.frombuffer(b"".join(self._digests.values()), np.uint8).reshape(-1, 32),
        )
        self._n_saved = len(self._colour) + len(self._digests)

    def _set_colours(self, keys: NDArray[np.bytes_], colours: NDArray[np.float32]) -> None:
        self._colour_of, first = np.unique(keys, return_index=True)
        self._colour = colours[first]


def _unpack(packed: NDArray[np.generic]) -> list[str]:
    return [bytes(one).hex() for one in packed.astype(np.uint8)]
