"""The examination of one image file: bytes to facts and pixels; the same here and on any node."""

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass

from curate.choices import Status
from curate.images.contact_sheet import MARK_WITHIN, OWN_MARK
from curate.images.decode import Decoded, Unreadable
from curate.images.perceptual_hash import perceptual_hash
from curate.images.quality import measure
from curate.parallel import fetch_ahead, ordered_map
from curate.sources import Lost, Source, SourceFile, Unchanged
from curate.workspace.pixel_limit import explain_large_file
from curate.workspace.pixel_shards import NOTHING, Packed, pack

Decoder = Callable[..., Decoded | Unreadable]
Content = bytes | Lost | Unchanged
Item = tuple[SourceFile, Content | None]
"""A file and its bytes; None has them read where it is decoded."""


@dataclass(frozen=True, slots=True)
class Examined:
    """What reading one file gave.

    Attributes:
        content_hash: SHA-256 of its bytes, hex; None where it cannot be read.
        error: Why it cannot be read.
        facts: Columns of ``FACTS``; None where they are known already.
        image: Its pixels, as the cache has them.
        is_given_up: Whether reading it again would end as badly.
    """

    content_hash: str | None
    error: str | None = None
    facts: dict[str, object] | None = None
    image: Packed = NOTHING
    is_given_up: bool = False


class Examiner:
    """Reads and decodes files of a source on all cores."""

    def __init__(
        self, source: Source, *, decode_image: Decoder, max_pixels: int, known: Collection[str]
    ) -> None:
        """Examine nothing yet.

        Args:
            source: Where the files are.
            decode_image: Turns the bytes of a file into pixels.
            max_pixels: Pixels of a picture at most.
            known: Content hashes whose facts and pixels need not be made; others may come.
        """
        self._source = source
        self._decode = decode_image
        self._max_pixels = max_pixels
        self._known = known

    def examine_files(
        self, files: Sequence[SourceFile]
    ) -> Iterator[tuple[SourceFile, Examined | None]]:
        """Yield what reading each file gave, in order; where that takes long, many at a time."""
        items: Iterable[Item] = ((file, None) for file in files)
        if self._source.n_parallel > 1:
            n = self._source.n_parallel
            items = fetch_ahead(self.fetch, files, n_threads=n, size_of=size_of)
        return self.examine_items(items)

    def examine_items(self, items: Iterable[Item]) -> Iterator[tuple[SourceFile, Examined | None]]:
        """Yield what files that come with their bytes gave, in order.

        Args:
            items: Files and bytes, of which some dozens are in memory.

        Yields:
            A file and what it gave; None, that it is what the catalogue has of it.
        """
        return ordered_map(self.examine, items)

    def fetch(self, file: SourceFile) -> Item:
        """Return a file with its bytes, or why it has none."""
        reason = explain_large_file(file.bytes, max_pixels=self._max_pixels)
        if reason is not None:
            return file, Lost(reason)
        try:
            return file, self._source.read(file.path, file.place)
        except OSError as error:
            return file, Lost(f"cannot be read: {error.strerror}")

    def examine(self, item: Item) -> tuple[SourceFile, Examined | None]:
        """Read one file if it was not; decode it only if its bytes are not known."""
        file, raw = item if item[1] is not None else self.fetch(item[0])
        if raw is None or isinstance(raw, Unchanged):
            return file, None
        if isinstance(raw, Lost):
            return file, Examined(None, raw.reason)
        content_hash = hashlib.sha256(raw).hexdigest()
        if content_hash in self._known:
            return file, Examined(content_hash)
        facts, image = describe_image(raw, self._decode, max_pixels=self._max_pixels)
        return file, Examined(content_hash, None, {"hash": content_hash, **facts}, image)


def size_of(item: Item) -> int:
    """Return the bytes that an item carries."""
    return len(item[1]) if isinstance(item[1], bytes) else 0


def describe_image(
    raw: bytes, decode_image: Decoder, *, max_pixels: int
) -> tuple[dict[str, object], Packed]:
    """Return what the bytes of a file tell, as columns of ``FACTS`` but ``hash``, and its pixels.

    Args:
        raw: The bytes.
        decode_image: Turns them into pixels.
        max_pixels: Pixels of a picture at most.
    """
    if OWN_MARK in raw[:MARK_WITHIN]:
        return {"status": Status.OWN.value, "reason": "made by curate"}, NOTHING
    found = decode_image(raw, max_pixels=max_pixels)
    if isinstance(found, Unreadable):
        facts = {"status": Status.UNREADABLE.value, "reason": found.reason}
        return facts | {"needs": found.needs}, NOTHING
    return {
        "status": Status.OK.value,
        "width": found.width,
        "height": found.height,
        "format": found.format,
        "mode": found.mode,
        "frames": found.frames,
        "is_truncated": found.is_truncated,
        "taken_at": found.capture.taken_ms,
        "camera": found.capture.camera,
        "latitude": found.capture.latitude,
        "longitude": found.capture.longitude,
        **asdict(measure(found.pixels)),
        "phash": perceptual_hash(found.pixels),
    }, pack(found.pixels)
