"""Files and containers that are named one by one, of one store: ``shards/{0000..0099}.tar``."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import filterfalse
from pathlib import Path

from curate.errors import InputError, UsageError
from curate.sources.base import (
    DEFAULT_EXCLUDES,
    NO_PLACE,
    Container,
    Listing,
    Place,
    SourceFile,
)
from curate.sources.containers import ContainerReader, make_container
from curate.sources.entry_names import holds_images, is_excluded, is_image_name
from curate.sources.frame_rate import FrameRate
from curate.sources.named_paths import Roots
from curate.sources.store import Store

NOT_FILES_HINT = "use a form that takes the bytes along, such as --as copy, tar or parquet"


class FilesSource:
    """Some files of a disk or a server, each an image or a container of some."""

    def __init__(
        self,
        address: str,
        store: Store,
        names: Sequence[str],
        *,
        n_parallel: int = 1,
        fps: FrameRate | None = None,
    ) -> None:
        """Name the files; they need not be there yet.

        Args:
            address: What names the source in manifests.
            store: Where the files lie.
            names: Theirs in there.
            n_parallel: How many are worth reading at a time.
            fps: Frames that are taken of clips; None takes none.
        """
        self.address = address
        self.root: Path | None = None
        self.folders: Sequence[Path] = ()
        here = store.disk_path("")
        self.roots: Roots = {"": here} if here is not None else {}
        self.is_private = False
        self.n_parallel = n_parallel
        self._store, self._names, self._fps = store, names, fps
        self._containers = ContainerReader(store)

    def list_files(self, exclude: Sequence[str] = DEFAULT_EXCLUDES) -> Listing:
        """Return the files that may be images, and the containers.

        Args:
            exclude: Patterns of what is passed over.

        Raises:
            InputError: None of the files can be one.
        """
        names = [name for name in self._names if not is_excluded(name, exclude)]
        passed_over = Counter({"excluded": len(self._names) - len(names)})
        images = filterfalse(self._is_container, names)
        files = [self._make_file(name) for name in images if is_image_name(name) is not False]
        many = filter(self._is_container, names)
        containers = [make_container(self._store, name, fps=self._fps) for name in many]
        if not files and not containers:
            raise InputError(
                f"{self.address} is no image, archive, table or list of images",
                hint="name a folder, .tar, .parquet or .txt files, or a bucket such as s3://name",
            )
        passed_over["other"] = len(names) - len(files) - len(containers)
        return Listing(
            files=sorted(files, key=lambda file: file.path),
            passed_over={name: count for name, count in passed_over.items() if count},
            containers=sorted(containers, key=lambda one: one.name),
        )

    def _is_container(self, name: str) -> bool:
        return holds_images(name, has_fps=self._fps is not None)

    def _make_file(self, name: str) -> SourceFile:
        """Return a file; of one that is not there the reading will say so."""
        try:
            facts = self._store.find_facts(name)
        except OSError:
            return SourceFile(name, 0, 0)
        return replace(facts.make_file(name), place=Place(version=facts.version))

    def open_container(self, name: str) -> Container:
        """Return an archive, table or clip by its name."""
        return make_container(self._store, name, fps=self._fps)

    def read(self, path: str, place: Place = NO_PLACE) -> bytes:
        """Return the bytes of one image.

        Raises:
            OSError: It cannot be read, or is of another version.
        """
        if place.container is not None:
            return self._containers.read(place.container, place)
        return self._store.read(path, place.version)

    def local_file(self, path: str) -> Path:
        """Return where an image lies on this machine.

        Raises:
            UsageError: It is no file of its own here.
        """
        file = self._store.disk_path(path)
        if file is None or not file.is_file():
            raise UsageError(
                f"{path} of {self.address} is no file on this machine", hint=NOT_FILES_HINT
            )
        return file

    def disk_paths(self, names: Iterable[str]) -> Iterator[Path]:
        """Yield the files that lie on this machine."""
        for name in names:
            path = self._store.disk_path(name)
            if path is not None:
                yield path
