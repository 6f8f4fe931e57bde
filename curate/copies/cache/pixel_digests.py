"""What the rung ``pixels`` has found out: the mean colours of images, and seals of every pixel."""

from pathlib import Path

import numpy as np

from curate.copies.cache.arrays import read_arrays, write_arrays

Colour = tuple[float, float, float]


class Seals:
    """Colours and seals by content hash, kept in a file."""

    def __init__(self, path: Path | None) -> None:
        """Read what is known; a damaged file counts as none, None keeps nothing."""
        self._path = path
        self._colours: dict[str, Colour] = {}
        self._seals: dict[str, bytes] = {}
        self._n_saved = 0
        table = read_arrays(path) if path is not None else None
        if table is not None:
            self._colours = dict(
                zip(_names(table["coloured"]), map(tuple, table["colour"].tolist()), strict=True)
            )
            self._seals = dict(
                zip(
                    _names(table["sealed"]), map(bytes, table["seal"].astype(np.uint8)), strict=True
                )
            )
            self._n_saved = len(self._colours) + len(self._seals)

    def colour(self, content_hash: str) -> Colour | None:
        """Return the mean of each channel of the cached pixels, if it is known."""
        return self._colours.get(content_hash)

    def set_colour(self, content_hash: str, colour: Colour) -> None:
        """Note the mean colour of an image."""
        self._colours[content_hash] = colour

    def seal(self, content_hash: str) -> bytes | None:
        """Return the digest of every pixel, 32 bytes, if it is known."""
        return self._seals.get(content_hash)

    def set_seal(self, content_hash: str, seal: bytes) -> None:
        """Note the digest of every pixel of an image, 32 bytes."""
        self._seals[content_hash] = seal

    def save(self) -> None:
        """Write what was added.

        Raises:
            ResourceError: The disk is full or cannot be written.
        """
        if self._path is None or self._n_saved == len(self._colours) + len(self._seals):
            return
        write_arrays(
            self._path,
            coloured=_keys(self._colours),
            colour=np.array(list(self._colours.values()), np.float32).reshape(-1, 3),
            sealed=_keys(self._seals),
            seal=np.frombuffer(b"".join(self._seals.values()), np.uint8).reshape(-1, 32),
        )
        self._n_saved = len(self._colours) + len(self._seals)


def _keys(
    names: dict[str, Colour] | dict[str, bytes],
) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.frombuffer(bytes.fromhex("".join(names)), np.uint8).reshape(-1, 32)


def _names(keys: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> list[str]:
    return [bytes(key).hex() for key in keys.astype(np.uint8)]
