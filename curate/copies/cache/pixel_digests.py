"""Digests of every pixel and mean colours of images, on disk: what the rung ``pixels`` needs."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from curate.copies.cache.arrays import read_arrays, write_arrays

Colour = tuple[float, float, float]

_FILE = "pixel_digests.npz"


class PixelDigests:
    """Digests and mean colours by content hash."""

    def __init__(self, folder: Path | None) -> None:
        """Read what is known in a cache; a damaged file counts as none, None keeps nothing."""
        self._path = folder / _FILE if folder is not None else None
        self._colours: dict[str, Colour] = {}
        self._digests: dict[str, bytes] = {}
        arrays = read_arrays(self._path) if self._path is not None else None
        if arrays is not None:
            colours = map(tuple, arrays["colour"].tolist())
            self._colours = dict(zip(_unpack(arrays["colour_of"]), colours, strict=True))
            digests = map(bytes, arrays["digest"].astype(np.uint8))
            self._digests = dict(zip(_unpack(arrays["digest_of"]), digests, strict=True))
        self._n_saved = len(self._colours) + len(self._digests)

    def colour_of(self, content_hash: str) -> Colour | None:
        """Return the mean of each channel of the cached pixels, if it is known."""
        return self._colours.get(content_hash)

    def set_colour(self, content_hash: str, colour: Colour) -> None:
        """Note the mean colour of an image.

        Args:
            content_hash: SHA-256 of the bytes, hex.
            colour: Mean of each channel of the cached pixels.
        """
        self._colours[content_hash] = colour

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
        if self._path is None or self._n_saved == len(self._colours) + len(self._digests):
            return
        write_arrays(
            self._path,
            colour_of=_pack(self._colours),
            colour=np.array(list(self._colours.values()), np.float32).reshape(-1, 3),
            digest_of=_pack(self._digests),
            digest=np.frombuffer(b"".join(self._digests.values()), np.uint8).reshape(-1, 32),
        )
        self._n_saved = len(self._colours) + len(self._digests)


def _pack(content_hashes: dict[str, Colour] | dict[str, bytes]) -> NDArray[np.uint8]:
    return np.frombuffer(bytes.fromhex("".join(content_hashes)), np.uint8).reshape(-1, 32)


def _unpack(packed: NDArray[np.generic]) -> list[str]:
    return [bytes(one).hex() for one in packed.astype(np.uint8)]
