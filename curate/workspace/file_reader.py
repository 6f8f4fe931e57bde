"""Reading files on all cores: bytes to facts and pixels, shard by shard, with a journal."""

import hashlib
from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass

from curate.choices import Status
from curate.images.contact_sheet import MARK_WITHIN, OWN_MARK
from curate.images.decode import Decoded, Unreadable, max_bytes
from curate.images.perceptual_hash import perceptual_hash
from curate.images.quality import measure
from curate.parallel import ordered_map
from curate.progress import Progress
from curate.sources import Source, SourceFile
from curate.workspace.catalogue import Journal
from curate.workspace.pixel_cache import NOTHING, Packed, ShardWriter, pack

Decoder = Callable[..., Decoded | Unreadable]


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
    ) -> None:
        """Read nothing yet.

        Args:
            source: Where the files are.
            writer: Gets facts and pixels.
            journal: Notes which files were read.
            decode_image: Turns the bytes of a file into pixels.
            max_pixels: Pixels of a picture at most.
        """
        self._source = source
        self._writer = writer
        self._journal = journal
        self._decode = decode_image
        self._max_pixels = max_pixels
        self.n_decoded = 0
        self.errors: dict[str, str] = {}

    def read_files(
        self, files: Sequence[SourceFile], known: Collection[str], progress: Progress
    ) -> None:
        """Read files; what was done is saved whatever happens.

        Args:
            files: Those to read.
            known: Content hashes whose facts and pixels need not be made.
            progress: Hears of each file.
        """
        done = set(known)
        with ExitStack() as stack:
            stack.callback(self._journal.flush)
            stack.callback(self._writer.flush)  # before the journal, which names what it holds
            examined = ordered_map(lambda file: self._examine(file, done), files)
            for file, result in zip(files, examined, strict=True):
                if result.error is not None:
                    self.errors[file.path] = result.error
                elif result.facts is not None and result.content_hash not in done:
                    done.add(str(result.content_hash))
                    self._writer.add(result.facts, result.image)
                    self.n_decoded += 1
                self._journal.add(file, result.content_hash)
                progress.advance()
                if self._writer.is_full or self._journal.is_full:
                    self._writer.flush()
                    self._journal.flush()

    def _examine(self, file: SourceFile, known: Collection[str]) -> Examined:
        """Read one file; decode it only if its bytes are not known."""
        if file.bytes > max_bytes(self._max_pixels):
            return Examined(
                None,
                f"{file.bytes:,} bytes are more than a picture of --max-pixels "
                f"{self._max_pixels:,} takes",
            )
        try:
            raw = self._source.read(file.path)
        except OSError as error:
            return Examined(None, f"cannot be read: {error.strerror}")
        content_hash = hashlib.sha256(raw).hexdigest()
        if content_hash in known:
            return Examined(content_hash)
        facts, image = describe_image(raw, self._decode, max_pixels=self._max_pixels)
        return Examined(content_hash, None, {"hash": content_hash, **facts}, image)


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
