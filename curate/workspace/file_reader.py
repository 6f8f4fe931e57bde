"""Reading files on all cores: bytes to facts and pixels, shard by shard, with a journal."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass

from curate.choices import Status
from curate.images.contact_sheet import MARK_WITHIN, OWN_MARK
from curate.images.decode import Decoded, Unreadable, max_bytes
from curate.images.perceptual_hash import perceptual_hash
from curate.images.quality import measure
from curate.parallel import fetch_ahead, ordered_map
from curate.progress import Progress
from curate.sources import Container, Lost, Recall, Source, SourceFile, Unchanged
from curate.workspace.catalogue import Journal
from curate.workspace.pixel_cache import NOTHING, Packed, ShardWriter, pack

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
    """

    content_hash: str | None
    error: str | None = None
    facts: dict[str, object] | None = None
    image: Packed = NOTHING


class FileReader:
    """Reads the files of a source into shards of pixels and a journal.

    Attributes:
        n_read: Files read.
        n_decoded: Images decoded.
        errors: Why a file could not be read, by path.
    """

    def __init__(
        self,
        source: Source,
        *,
        writer: ShardWriter,
        journal: Journal,
        decode_image: Decoder,
        max_pixels: int,
        known: Iterable[str],
    ) -> None:
        """Read nothing yet.

        Args:
            source: Where the files are.
            writer: Gets facts and pixels.
            journal: Notes which files were read.
            decode_image: Turns the bytes of a file into pixels.
            max_pixels: Pixels of a picture at most.
            known: Content hashes whose facts and pixels need not be made.
        """
        self._source = source
        self._writer = writer
        self._journal = journal
        self._decode = decode_image
        self._max_pixels = max_pixels
        self._known = set(known)
        self.n_read = self.n_decoded = 0
        self.errors: dict[str, str] = {}

    def read_files(self, files: Sequence[SourceFile], progress: Progress) -> None:
        """Read files; what was done is saved whatever happens.

        Args:
            files: Those to read.
            progress: Hears of each file.
        """
        items: Iterable[Item] = ((file, None) for file in files)
        if self._source.n_parallel > 1:
            n = self._source.n_parallel
            items = fetch_ahead(self._fetch, files, n_threads=n, size_of=_size_of)
        self.read_items(items, progress)

    def read_container(
        self, container: Container, exclude: Sequence[str], recall: Recall, progress: Progress
    ) -> None:
        """Read the images of a container; what was done is saved whatever happens.

        Args:
            container: An archive, a table or a list.
            exclude: Patterns of what is passed over.
            recall: What is known of its images already.
            progress: Hears of each image.
        """
        items = container.read_through(
            exclude=exclude, max_bytes=max_bytes(self._max_pixels), recall=recall
        )
        self.read_items(items, progress)

    def read_items(self, items: Iterable[Item], progress: Progress) -> None:
        """Read files that come with their bytes; what was done is saved whatever happens.

        Args:
            items: Files and bytes, of which some dozens are in memory.
            progress: Hears of each file.
        """
        with ExitStack() as stack:
            stack.callback(self._journal.flush)
            stack.callback(self._writer.flush)  # before the journal, which names what it holds
            for file, result in ordered_map(self._examine, items):
                self._keep(file, result)
                progress.advance()

    def _keep(self, file: SourceFile, result: Examined | None) -> None:
        """Note what reading a file gave; None, that it is what the catalogue has of it."""
        self.n_read += result is not None
        if result is None:
            return
        if result.error is not None:
            self.errors[file.path] = result.error
        elif result.facts is not None and result.content_hash not in self._known:
            self._known.add(str(result.content_hash))
            self._writer.add(result.facts, result.image)
            self.n_decoded += 1
        self._journal.add(file, result.content_hash)
        if self._writer.is_full or self._journal.is_full:
            self._writer.flush()
            self._journal.flush()

    def _fetch(self, file: SourceFile) -> Item:
        """Return a file with its bytes, or why it has none."""
        limit = max_bytes(self._max_pixels)
        if file.bytes > limit:
            return file, Lost(
                f"{file.bytes:,} bytes are more than a picture of --max-pixels "
                f"{self._max_pixels:,} takes"
            )
        try:
            return file, self._source.read(file.path, file.place)
        except OSError as error:
            return file, Lost(f"cannot be read: {error.strerror}")

    def _examine(self, item: Item) -> tuple[SourceFile, Examined | None]:
        """Read one file if it was not; decode it only if its bytes are not known."""
        file, raw = item if item[1] is not None else self._fetch(item[0])
        if raw is None or isinstance(raw, Unchanged):
            return file, None
        if isinstance(raw, Lost):
            return file, Examined(None, raw.reason)
        content_hash = hashlib.sha256(raw).hexdigest()
        if content_hash in self._known:
            return file, Examined(content_hash)
        facts, image = describe_image(raw, self._decode, max_pixels=self._max_pixels)
        return file, Examined(content_hash, None, {"hash": content_hash, **facts}, image)


def _size_of(item: Item) -> int:
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
