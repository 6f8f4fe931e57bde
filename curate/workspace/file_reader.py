"""Reading the files of a source into shards of pixels, with a journal; here or on an engine."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

from curate.engine.shards import Engine
from curate.images.decode import max_bytes
from curate.parallel import read_ahead
from curate.progress import Progress
from curate.sources import Container, FileList, Listing, Recall, Source, SourceFile
from curate.workspace.catalogue import Journal
from curate.workspace.container_shards import ReadPart, read_containers_on
from curate.workspace.examination import Decoder, Examined, Examiner, Item, size_of
from curate.workspace.pixel_shards import ShardWriter
from curate.workspace.scan_shards import examine_on

_N_AHEAD = 8  # archives and tables of a server that are read at a time


class FileReader:
    """Reads the files of a source into shards of pixels and a journal.

    Attributes:
        n_read: Files read.
        n_decoded: Images decoded.
        errors: Why a file could not be read, by path.
    """

    def __init__(  # noqa: PLR0913 - what is read, how, and where it goes
        self,
        source: Source,
        *,
        writer: ShardWriter,
        journal: Journal,
        decode_image: Decoder,
        max_pixels: int,
        known: Iterable[str],
        engine: Engine | None = None,
    ) -> None:
        """Read nothing yet.

        Args:
            source: Where the files are.
            writer: Gets facts and pixels.
            journal: Notes which files were read.
            decode_image: Turns the bytes of a file into pixels.
            max_pixels: Pixels of a picture at most.
            known: Content hashes whose facts and pixels need not be made.
            engine: What files are read on; None for this process.
        """
        self._source = source
        self._writer = writer
        self._journal = journal
        self._max_pixels = max_pixels
        self._known = set(known)
        self._engine = engine
        self._examiner = Examiner(
            source, decode_image=decode_image, max_pixels=max_pixels, known=self._known
        )
        self.n_read = self.n_decoded = 0
        self.errors: dict[str, str] = {}

    def read_files(self, files: FileList, progress: Progress) -> None:
        """Read files; what was done is saved whatever happens.

        Args:
            files: Those to read.
            progress: Hears of each file.
        """
        if self._engine is not None:
            self._read_on(self._engine, files, progress)
            return
        with self._saving():
            for file, result in self._examiner.examine_files(files):
                self._keep(file, result)
                self._save_if_full()
                progress.advance()

    def _read_on(self, engine: Engine, files: FileList, progress: Progress) -> None:
        """Read files on an engine; what a worker cannot fetch is fetched here once more."""
        shards = examine_on(engine, self._source.address, files, max_pixels=self._max_pixels)
        with self._saving():
            for shard in shards:
                for file, result in shard:
                    is_lost = result.content_hash is None and not result.is_given_up
                    self._keep(file, self._examiner.examine((file, None))[1] if is_lost else result)
                    progress.advance()
                self._save_if_full()  # between shards: what is left is made of the same shards
            engine.barrier()

    def read_containers(
        self,
        containers: Sequence[Container],
        exclude: Sequence[str],
        recall: Recall,
        progress: Progress,
    ) -> Iterator[Listing]:
        """Read the images of containers; what was done is saved whatever happens.

        Args:
            containers: Archives, tables, clips and lists.
            exclude: Patterns of what is passed over.
            recall: What is known of their images already.
            progress: Hears of each image.

        Yields:
            What each container holds.
        """
        there = [one for one in containers if one.is_one_file and self._engine is not None]
        if self._engine is not None and there:
            parts = read_containers_on(
                self._engine, self._source, there, exclude=exclude, max_pixels=self._max_pixels
            )
            for part in parts:
                listing = self._keep_part(part, exclude, recall, progress)
                if part.listing is not None:
                    yield listing
        rest = [container for container in containers if container not in there]
        for container, items in zip(rest, self._open_ahead(rest, exclude, recall), strict=True):
            self.read_items(items, progress)
            yield container.list_files()

    def _open_ahead(
        self, containers: Sequence[Container], exclude: Sequence[str], recall: Recall
    ) -> Iterator[Iterator[Item]]:
        """Yield the images of each container; where they come slowly, some are read at a time."""
        opened = (self._open(container, exclude, recall) for container in containers)
        is_slow = self._source.n_parallel > 1 and all(one.is_one_file for one in containers)
        return read_ahead(opened, n_ahead=_N_AHEAD, size_of=size_of) if is_slow else opened

    def _open(self, container: Container, exclude: Sequence[str], recall: Recall) -> Iterator[Item]:
        limit = max_bytes(self._max_pixels)
        return container.read_through(exclude=exclude, max_bytes=limit, recall=recall)

    def _keep_part(
        self, part: ReadPart, exclude: Sequence[str], recall: Recall, progress: Progress
    ) -> Listing:
        """Note what workers made of a part of a container, or read it here where none could."""
        if part.images is None:  # a node may lack what this one has
            container = self._source.open_container(part.container.name)
            self.read_container(container, exclude, recall, progress)
            return container.list_files()
        with self._saving():
            for file, result in part.images:
                self._keep(file, result)
                progress.advance()
        return part.listing or Listing(files=())

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
        self.read_items(self._open(container, exclude, recall), progress)

    def read_items(self, items: Iterable[Item], progress: Progress) -> None:
        """Read files that come with their bytes; what was done is saved whatever happens.

        Args:
            items: Files and bytes, of which some dozens are in memory.
            progress: Hears of each file.
        """
        with self._saving():
            for file, result in self._examiner.examine_items(items):
                self._keep(file, result)
                self._save_if_full()
                progress.advance()

    @contextmanager
    def _saving(self) -> Iterator[None]:
        """Save what was done, whatever happens."""
        with ExitStack() as stack:
            stack.callback(self._journal.flush)
            stack.callback(self._writer.flush)  # before the journal, which names what it holds
            yield

    def _save_if_full(self) -> None:
        if self._writer.is_full or self._journal.is_full:
            self._writer.flush()
            self._journal.flush()

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
