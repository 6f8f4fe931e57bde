"""URLs of a list: each is asked for once, and what was read before only if it has changed."""

from collections.abc import Iterator, Sequence
from itertools import islice
from threading import Lock

import pyarrow as pa

from curate.errors import InputError
from curate.parallel import fetch_ahead
from curate.secrets import without_secrets
from curate.sources import web
from curate.sources.base import Listing, Lost, Place, Recall, SourceFile, Unchanged
from curate.sources.bucket import SCHEMES as BUCKET_SCHEMES
from curate.sources.bucket import BucketStore
from curate.sources.entry_names import UniqueNames, is_excluded
from curate.sources.file_list import FileList, FileListBuilder
from curate.sources.fsspec_store import FsspecStore
from curate.sources.names import escape
from curate.sources.remote import N_PARALLEL, RemoteStore, try_again
from curate.sources.store import FileFacts
from curate.sources.web import NotModified, WebStore

Item = tuple[SourceFile, bytes | Lost | Unchanged]
_BATCH = 4_096


class UrlReader:
    """Reads URLs of web servers and buckets."""

    def __init__(self) -> None:
        """Open no connection yet."""
        self._web: WebStore | None = None
        self._stores: dict[str, RemoteStore] = {}
        self._lock = Lock()

    def read(self, url: str, path: str, version: str | None) -> bytes:
        """Return the bytes of a URL that is of this version.

        Raises:
            OSError: It cannot be read, or is of another version.
        """
        del path
        _, content = self.fetch(url, version=version)
        assert content is not None, "nothing was to be left out"
        return content

    def fetch(
        self, url: str, *, version: str | None = None, unless: str | None = None
    ) -> tuple[FileFacts | None, bytes | None]:
        """Return facts and bytes of a URL; neither where it is of the version not wanted.

        Raises:
            OSError: It cannot be read, or is of another version.
        """
        scheme = url.partition("://")[0].lower()
        if scheme not in web.SCHEMES:
            store, name = self._find_store(url, scheme)
            if unless is not None and store.find_facts(name).version == unless:
                return None, None
            return store.fetch(name, version)
        server = self._find_web()

        def ask() -> tuple[FileFacts | None, bytes | None]:
            try:
                answer = server.ask(without_secrets(url), version, 0, None, url=url, unless=unless)
            except NotModified:
                return None, None
            return answer.facts, b"".join(answer.chunks)

        return try_again(ask)

    def _find_web(self) -> WebStore:
        with self._lock:
            self._web = self._web or WebStore()
            return self._web

    def _find_store(self, url: str, scheme: str) -> tuple[RemoteStore, str]:
        """Return the store of a URL that is no web server's, and the object's name in it."""
        root, _, name = url.partition("://")[2].partition("/")
        address = f"{scheme}://{root}"
        with self._lock:
            if address not in self._stores:
                kind = BucketStore if scheme in BUCKET_SCHEMES else FsspecStore
                self._stores[address] = kind(address)
            return self._stores[address], escape(name.encode("utf-8", "surrogateescape"))


class UrlContainer:
    """The URLs of one list."""

    is_one_file = False

    def __init__(self, name: str, urls: pa.Table, reader: UrlReader) -> None:
        """Take the URLs.

        Args:
            name: Of the list.
            urls: ``entry``, ``label`` and ``row``.
            reader: Reads them.
        """
        self.name = name
        self._urls, self._reader = urls, reader
        self._builder = FileListBuilder()
        self._names = UniqueNames()
        self._n_excluded = 0

    def find_version(self) -> None:
        """Return None: each URL may change by itself."""

    def read_through(
        self, *, exclude: Sequence[str], max_bytes: int, recall: Recall
    ) -> Iterator[Item]:
        """Yield each URL with its bytes; see `curate.sources.base.Container`."""
        entries = self._list_entries(exclude, recall)
        for file, content in fetch_ahead(
            self._fetch, entries, n_threads=N_PARALLEL, size_of=lambda item: item[0].bytes
        ):
            self._builder.add(file)
            is_large = isinstance(content, bytes) and len(content) > max_bytes
            yield (
                file,
                Lost(f"{file.bytes:,} bytes are more than --max-pixels allows")
                if is_large
                else content,
            )

    def list_files(self) -> Listing:
        """Return what ``read_through`` has gone through."""
        passed_over = {"excluded": self._n_excluded} if self._n_excluded else {}
        return Listing(
            files=FileList(self._builder.finish().sort_by("path")), passed_over=passed_over
        )

    def _list_entries(
        self, exclude: Sequence[str], recall: Recall
    ) -> Iterator[tuple[str, SourceFile, SourceFile | None]]:
        """Yield each URL, its file without facts, and the file that was read before."""
        rows = (
            row
            for batch in self._urls.to_batches(max_chunksize=_BATCH)
            for row in batch.to_pylist()
        )
        while batch := list(islice(rows, _BATCH)):
            files = []
            for row in batch:
                path = without_secrets(row["entry"])
                if is_excluded(path.partition("://")[2], exclude):
                    self._n_excluded += 1
                    continue
                place = Place(row=row["row"])
                file = SourceFile(self._names.take(path), 0, 0, label=row["label"], place=place)
                files.append((row["entry"], file))
            known = recall.find([file.path for _, file in files])
            yield from ((url, file, old) for (url, file), old in zip(files, known, strict=True))

    def _fetch(self, entry: tuple[str, SourceFile, SourceFile | None]) -> Item:
        """Return the file of a URL with its facts, and its bytes."""
        url, file, old = entry
        try:
            facts, content = self._reader.fetch(url, unless=old.place.version if old else None)
        except OSError as error:
            return file, Lost(f"cannot be read: {error.strerror}")
        except InputError as error:  # no such scheme, or host
            return file, Lost(f"cannot be read: {error}")
        row = file.place.row
        if facts is None or content is None:
            assert old is not None, "only what is known can be unchanged"
            place = Place(row=row, length=old.bytes, version=old.place.version)
            same = SourceFile(file.path, old.bytes, old.mtime_ns, label=file.label, place=place)
            return same, Unchanged()
        place = Place(row=row, length=len(content), version=facts.version)
        found = SourceFile(file.path, len(content), facts.mtime_ns, label=file.label, place=place)
        return found, content
