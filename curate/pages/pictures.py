"""Pictures: the images that a page shows, from the pixel cache, each packed once."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from curate.errors import InputError
from curate.pages.thumbnails import Pixels, as_data_uri, encode_webp, shrink
from curate.parallel import ordered_map
from curate.workspace.pixel_cache import PixelCache

_BATCH = 512
Made = TypeVar("Made")


class Pictures:
    """Packs images of the pixel cache; one that it lacks is None, and the page says so."""

    def __init__(self, cache: PixelCache) -> None:
        """Read from a cache, and pack nothing yet."""
        self._cache = cache
        self._packed: dict[tuple[str, int], str] = {}

    def pack(self, content_hashes: Sequence[str | None], *, side: int) -> list[str | None]:
        """Return images as ``data:`` addresses, None for those that are not in the cache.

        Args:
            content_hashes: Of the images.
            side: Their long side at most, px.
        """
        missing = [h for h in dict.fromkeys(content_hashes) if h and (h, side) not in self._packed]
        packed = self.read_each(
            missing, lambda pixels: as_data_uri(encode_webp(shrink(pixels, side)))
        )
        self._packed |= {(h, side): address for h, address in packed.items()}
        return [self._packed.get((h, side)) if h else None for h in content_hashes]

    def read(self, content_hashes: Sequence[str]) -> dict[str, Pixels]:
        """Return the pixels of those images that are in the cache, by content hash."""
        return self.read_each(content_hashes, lambda pixels: pixels)

    def read_each(
        self, content_hashes: Sequence[str], make: Callable[[Pixels], Made]
    ) -> dict[str, Made]:
        """Return what is made of each image that is in the cache, by content hash.

        Args:
            content_hashes: Of the images.
            make: Makes it of pixels (h, w, 3) uint8; images are read in parts, made on all cores.
        """
        there = [
            h for h, has in zip(content_hashes, self._cache.has(content_hashes), strict=True) if has
        ]
        made: dict[str, Made] = {}
        for start in range(0, len(there), _BATCH):
            pixels = self._read_there(there[start : start + _BATCH])
            made |= dict(zip(pixels, ordered_map(make, pixels.values()), strict=True))
        return made

    def _read_there(self, content_hashes: Sequence[str]) -> dict[str, Pixels]:
        """Return pixels by content hash, without those that are damaged and cannot be mended."""
        try:
            return dict(zip(content_hashes, self._cache.read(content_hashes), strict=True))
        except InputError:
            if len(content_hashes) == 1:
                return {}
        half = len(content_hashes) // 2
        return self._read_there(content_hashes[:half]) | self._read_there(content_hashes[half:])
