"""A list of images: paths on this machine, URLs of web servers and buckets, archives of any."""

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from curate.errors import InputError, UsageError
from curate.images.formats import HEAD_BYTES, sniff
from curate.secrets import without_secrets
from curate.sources.base import DEFAULT_EXCLUDES, NO_PLACE, Container, Listing, Place, SourceFile
from curate.sources.containers import ContainerReader, make_container
from curate.sources.entry_names import holds_images, is_excluded, is_image_name
from curate.sources.file_list import FileList, FileListBuilder
from curate.sources.files import NOT_FILES_HINT
from curate.sources.frame_rate import FrameRate
from curate.sources.list_entries import escape_entries, read_entries
from curate.sources.named_paths import Roots
from curate.sources.names import escape, unescape
from curate.sources.store import DiskStore
from curate.sources.url_container import UrlContainer, UrlReader

_BATCH = 8_192
_MOST_LOST = 100  # names that are looked for in the whole list: more are of files that are gone
_URL = r"^[A-Za-z][A-Za-z0-9+.-]*://"
_UNTIDY = re.compile(r"(^|/)\.\.?(/|$)|//")


class ListSource:
    """The images that a list names.

    Paths that do not begin with ``/`` start at the folder of the list. In manifests the paths of
    files begin below the deepest folder that holds all of them, so that they read as those of a
    folder do; those of URLs are the URLs without secrets. A list that has grown or shrunk may have
    another such folder; paths of manifests written before are found all the same.
    """

    def __init__(
        self, address: str, file: Path, column: str | None, fps: FrameRate | None = None
    ) -> None:
        """Read the list.

        Args:
            address: What names the source in manifests.
            file: The list.
            column: Of its entries; None finds it.
            fps: Frames that are taken of clips; None takes none.

        Raises:
            InputError: It cannot be read, or has no such column.
        """
        self.address = address
        self.root: Path | None = None
        self.folders: Sequence[Path] = ()
        self._list, self._fps = file.absolute(), fps
        entries = read_entries(file, column)
        is_url = pc.match_substring_regex(entries["entry"], _URL)
        self._urls = entries.filter(is_url)
        self._local, self._below = _below_common_folder(
            entries.filter(pc.invert(is_url)), self._list.parent
        )
        self.roots: Roots = {"": self._below}
        self._store = DiskStore(self._below)
        self._containers = {self._store: ContainerReader(self._store)}
        self._n_lost = 0
        self._url_reader = UrlReader()

    @property
    def is_private(self) -> bool:
        """Whether images came by credentials: a URL holds some, or is a bucket's."""
        return any(
            url != without_secrets(url) or not url.lower().startswith("http")
            for url in self._iterate_urls()
        )

    @property
    def n_parallel(self) -> int:
        """How many files are worth reading at a time; URLs are read elsewhere."""
        return 1

    def list_files(self, exclude: Sequence[str] = DEFAULT_EXCLUDES) -> Listing:
        """Return the files on this machine, and containers: archives, and all URLs in one.

        Raises:
            InputError: The list is empty.
        """
        if not len(self._local) and not len(self._urls):
            raise InputError(f"{self._list} lists nothing", hint="write a path or URL a line")
        builder, passed_over = FileListBuilder(), Counter[str]()
        containers: list[Container] = []
        for row in self._iterate_local():
            name = row["entry"]
            if is_excluded(name, exclude):
                passed_over["excluded"] += 1
            elif holds_images(name, has_fps=self._fps is not None):
                containers.append(make_container(self._store, name, fps=self._fps))
            elif is_image_name(name) or self._is_image(name):
                builder.add(self._make_file(name, row["label"]))
            else:
                passed_over["other"] += 1
        if len(self._urls):
            containers.append(UrlContainer(self._list.name, self._urls, self._url_reader))
        return Listing(
            files=FileList(builder.finish().sort_by("path")),
            passed_over=dict(passed_over),
            containers=containers,
        )

    def open_container(self, name: str) -> Container:
        """Return an archive, table or clip by its name."""
        return make_container(self._store_of(name), name, fps=self._fps)

    def read(self, path: str, place: Place = NO_PLACE) -> bytes:
        """Return the bytes of one image.

        Raises:
            OSError: It cannot be read, or is of another version.
        """
        if place.container is not None:
            store = self._store_of(place.container)
            return self._containers[store].read(place.container, place)
        if place.row is not None:
            return self._url_reader.read(self._find_url(path, place.row), path, place.version)
        return self._store_of(path).read(path, None)

    def local_file(self, path: str) -> Path:
        """Return where an image lies on this machine.

        Raises:
            UsageError: It is no file of its own here.
        """
        file = self._store_of(path).disk_path(path)
        if re.match(_URL, path) or not file.is_file():
            raise UsageError(f"{path} is no file on this machine", hint=NOT_FILES_HINT)
        return file

    def disk_paths(self, names: Iterable[str]) -> Iterator[Path]:
        """Yield the files that lie on this machine."""
        for name in names:
            if not re.match(_URL, name) and name != self._list.name:
                yield self._store_of(name).disk_path(name)

    def _store_of(self, name: str) -> DiskStore:
        """Return the store in which a file of this name lies, now or as the list was before."""
        for store in list(self._containers):
            if os.path.lexists(store.disk_path(name)):
                return store
        folder = self._find_former_folder(name) if self._n_lost < _MOST_LOST else None
        if folder is None:
            self._n_lost += 1
            return self._store
        store = DiskStore(folder)
        self._containers[store] = ContainerReader(store)
        return store

    def _find_former_folder(self, name: str) -> Path | None:
        """Return the folder below which one file of the list has a name; None if none or several.

        It is below the one of today where the list has grown, above it where it has shrunk.
        """
        entries = self._local["entry"]
        longer = entries.filter(pc.ends_with(entries, f"/{name}")).to_pylist()
        folders = {self._store.disk_path(entry[: -len(name) - 1]) for entry in longer}
        for folder in self._below.parents:
            below = escape(os.fsencode(self._below.relative_to(folder))) + "/"
            if name.startswith(below) and pc.index(entries, name.removeprefix(below)).as_py() >= 0:
                folders.add(folder)
        return folders.pop() if len(folders) == 1 else None

    def _is_image(self, name: str) -> bool:
        """Return whether a file whose name does not tell is an image, or is not there."""
        if is_image_name(name) is False:
            return False
        try:
            return sniff(self._store.read(name, None, length=HEAD_BYTES)) is not None
        except OSError:
            return True  # a row that says so

    def _make_file(self, name: str, label: str | None) -> SourceFile:
        try:
            facts = self._store.find_facts(name)
        except OSError:
            return SourceFile(name, 0, 0, label=label)
        return replace(facts.make_file(name), label=label)

    def _find_url(self, path: str, row: int) -> str:
        """Return the URL of an image, by its line or, in a list that has changed, by its path.

        Raises:
            OSError: The list has none any more.
        """
        index = pc.index(self._urls["row"], row).as_py()
        if index >= 0:
            url = str(self._urls["entry"][index].as_py())
            if path.startswith(without_secrets(url)):
                return url
        for url in self._iterate_urls():
            if without_secrets(url) == path:
                return url
        raise OSError(0, f"{self._list.name} lists it no more")

    def _iterate_urls(self) -> Iterator[str]:
        for batch in self._urls.to_batches(max_chunksize=_BATCH):
            yield from batch.column("entry").to_pylist()

    def _iterate_local(self) -> Iterator[dict[str, Any]]:
        for batch in self._local.to_batches(max_chunksize=_BATCH):
            yield from batch.to_pylist()


def _below_common_folder(entries: pa.Table, folder: Path) -> tuple[pa.Table, Path]:
    """Return entries as paths below the deepest folder that holds all, and that folder."""
    if len(entries) == 0:
        return entries, folder
    names = escape_entries(entries["entry"])
    beside = pc.binary_join_element_wise(escape(os.fsencode(folder)), names, "/")
    whole = pc.if_else(pc.starts_with(names, "/"), names, beside)
    if pc.any(pc.match_substring_regex(whole, _UNTIDY.pattern)).as_py():
        whole = pa.chunked_array(
            [[os.path.normpath(path) for path in whole.to_pylist()]], pa.string()
        )
    ends = pc.min_max(whole)
    first, last = str(ends["min"].as_py()), str(ends["max"].as_py())
    common = os.path.commonpath([os.path.dirname(first), os.path.dirname(last)])  # noqa: PTH120
    below = pc.utf8_slice_codeunits(whole, start=len(common.rstrip("/")) + 1)
    table = entries.set_column(0, "entry", below)
    place = Path(os.fsdecode(unescape(common)))
    unique = table.group_by("entry").aggregate([("row", "min")])["row_min"]
    return table.filter(pc.is_in(table["row"], value_set=unique.combine_chunks())), place
